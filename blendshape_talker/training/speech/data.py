"""What the speech network learns from: encoder features and basis coefficients of every sequence, cached on disk.

A corpus (``speech_layouts.read_corpus``: our own curves, VOCASET's or FaceFormer's files) becomes a basis of vertex
displacements and, per sequence, one clean and several augmented copies of its sound as encoder features. Whatever
changes a copy's length changes its frames with it. Sound without speech and a closed mouth are added, so that
silence, noise and music keep the mouth shut; beside people seen by a camera also song, which opens it, and
recordings that begin with a tone or noise.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT, Head
from ...files import whole_file
from ...job import Progress
from ...speech.model import features_of
from ...speech.network import FPS
from ...speech.whisper import WhisperEncoder
from ..corpus.augmentation import VERSION, augment
from ..corpus.quiet_sounds import noise, quiet_sounds, tones
from ..corpus.singing import moving_songs
from ..corpus.speech_layouts import read_corpus
from ..corpus.speech_sequence import SpeechSequence, load_json

SAMPLE_RATE = 16000
QUIET_SUBJECT, SUNG_SUBJECT, BREATH_SUBJECT = "(no speech)", "(song)", "(breath)"
STEADY_SUBJECT = "(tone or noise)"
NOBODY = {QUIET_SUBJECT, SUNG_SUBJECT, BREATH_SUBJECT, STEADY_SUBJECT}
_BLOCK = 300
_LAST_POSITION = 300
_SHORT_SECONDS = 3
_BASIS_FRAMES, _FRAMES_PER_TAKE = 900, 24


@dataclass(frozen=True)
class Basis:
    """A linear basis of displacements, orthonormal in a weighting of the vertices.

    shapes (K,5023,3): metres per unit; vertex_weights (5023,), summing to one: the squared length of a coefficient
    vector is the weighted mean squared displacement in mm². Zero coefficients are the neutral face.
    """

    shapes: np.ndarray
    vertex_weights: np.ndarray

    def project(self, deltas: np.ndarray) -> np.ndarray:
        """Coefficients (T,K) of displacements (T,5023,3) in metres: the nearest face in the weighting."""
        dual = self.shapes * self.vertex_weights[None, :, None] * 1e6
        return deltas.reshape(len(deltas), -1) @ dual.reshape(len(dual), -1).T

    def displacements(self, coefficients: np.ndarray) -> np.ndarray:
        """Vertex displacements (T,5023,3) in metres."""
        flat = coefficients @ self.shapes.reshape(len(self.shapes), -1)
        return flat.reshape(len(coefficients), VERTEX_COUNT, 3)


@dataclass(frozen=True)
class Example:
    """One copy of a sequence: features (A,512) f16 at 50 Hz, coefficients (T,K) f32 at 60 Hz.

    ``first_word``: the frame in which the first word begins, 0 where nobody says when; ``breath``: the first frame of
    an audible breath and the one after its last.
    """

    name: str
    subject: str
    split: str
    features: np.ndarray
    coefficients: np.ndarray
    first_word: int = 0
    breath: tuple[int, int] = (0, 0)

    @property
    def seconds(self) -> float:
        return len(self.coefficients) / FPS


def vertex_weights(head: Head) -> np.ndarray:
    """How much each vertex counts, (5023,), summing to one: lips most, then the mouth; brows and lids hardly."""
    weights = 0.05 + 0.95 * head.mouth
    weights[head.lips] += 3
    weights[head.lip_pairs.ravel()] += 6
    weights *= 1 - 0.95 * head.upper_face
    weights *= 0.02 + 0.98 * head.face
    return (weights / weights.sum()).astype(np.float32)


def fit_basis(sequences: Sequence[SpeechSequence], weights: np.ndarray, count: int, seed: int = 0) -> Basis:
    """Weighted principal components, about zero, of frames drawn from the training sequences."""
    training = [sequence for sequence in sequences if sequence.split == "train"]
    if not training:
        raise TalkerError("the corpus has no training sequences; make it again with more sequences")
    generator = np.random.default_rng(seed)
    share = min(max(1, _BASIS_FRAMES // len(training)), _FRAMES_PER_TAKE)
    chosen = generator.permutation(len(training))[:_BASIS_FRAMES]
    frames = []
    for sequence in (training[index] for index in chosen):
        for frame in generator.integers(0, sequence.frames, share):
            frames.append(sequence.deltas(int(frame), int(frame) + 1)[0])
    root = np.sqrt(weights)[:, None].astype(np.float64)
    matrix = (np.stack(frames) * root).reshape(len(frames), -1)
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    order = np.argsort(values)[::-1]
    kept = order[: min(count, int((values > 1e-9 * values.max()).sum()))]
    directions = (vectors[:, kept] / np.sqrt(values[kept])).T @ matrix
    shapes = directions.reshape(len(kept), VERTEX_COUNT, 3) / root / 1000
    return Basis(shapes.astype(np.float32), weights)


def coefficients_of(sequence: SpeechSequence, basis: Basis) -> np.ndarray:
    """Coefficients (T,K) of a whole sequence: through its curves where it has any, else block by block."""
    curves = sequence.curves()
    if curves is not None and sequence.shapes is not None:
        return (curves @ basis.project(sequence.shapes)).astype(np.float32)
    blocks = [
        basis.project(sequence.deltas(start, min(start + _BLOCK, sequence.frames)))
        for start in range(0, sequence.frames, _BLOCK)
    ]
    return np.concatenate(blocks).astype(np.float32)


class FeatureCache:
    """Encoder features of all copies in a folder; what is there already is not computed again.

    ``settings`` are everything the content depends on; a folder made with others is refused.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: dict[str, object]):
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        record = self._folder / "cache.json"
        if not record.exists():
            with whole_file(record) as stream:
                stream.write(json.dumps(settings).encode())
        elif load_json(record) != settings:
            raise TalkerError(f"{folder}: holds features made with other settings; delete it or name another folder")

    def get(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Features (A,512) f16 of one copy."""
        path = self._folder / f"{name}.npy"
        if path.exists():
            try:
                return np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise TalkerError(f"{path}: damaged ({error}); delete it, then it is made again") from error
        features = compute().astype(np.float16)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            np.save(stream, features)
        return features


@dataclass(frozen=True)
class Timing:
    """What a copy does to time: ``speed`` times as fast, then ``lead`` and ``tail`` frames of silence."""

    speed: float = 1.0
    lead: int = 0
    tail: int = 0

    @classmethod
    def draw(cls, generator: np.random.Generator) -> "Timing":
        """A speed within about a sixth, pauses of up to a second in tenths."""
        lead, tail = (6 * int(count) for count in generator.integers(0, 11, 2))
        return cls(float(generator.uniform(0.85, 1.18)), lead, tail)

    def of_samples(self, samples: np.ndarray) -> np.ndarray:
        """Sound (N,) at 16 kHz at its new times; pitch moves with speed."""
        if self == Timing():
            return samples
        import soxr

        moved = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / self.speed).astype(np.float32)
        lead, tail = (round(frames * SAMPLE_RATE / FPS) for frames in (self.lead, self.tail))
        return np.pad(moved, (lead, tail))

    def of_frames(self, coefficients: np.ndarray, count: int) -> np.ndarray:
        """Coefficients (T,K) at their new times, ``count`` frames; the face eases to and from neutral in the pauses."""
        position = (np.arange(count) - self.lead) * self.speed
        inside = np.clip(position, 0, len(coefficients) - 1)
        before = inside.astype(int)
        after = np.minimum(before + 1, len(coefficients) - 1)
        share = (inside - before)[:, None]
        moved = coefficients[before] * (1 - share) + coefficients[after] * share
        distance = np.abs(position - inside) / self.speed
        return (moved * np.clip(1 - distance / 12, 0, 1)[:, None]).astype(np.float32)


def prepare(
    sequences: Sequence[SpeechSequence],
    basis: Basis,
    encoder: WhisperEncoder,
    folder: str | os.PathLike[str],
    copies: int = 1,
    recorded_copies: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
    quiet: float = 0.06,
) -> list[Example]:
    """Examples for training and validation: each sequence clean, and ``copies`` augmented ones of those to train on.

    ``recorded_copies`` of those whose ``source`` names a recording: real voices are scarce beside synthetic ones.
    ``quiet``: sounds without speech, as a share of the time.
    """
    content = "".join(f"{sequence.name} {sequence.frames} {sequence.voice} {sequence.text}" for sequence in sequences)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    made_with = {"augmentation": VERSION, "corpus": digest, "encoder": encoder.config.layers, "seed": seed}
    cache = FeatureCache(folder, made_with)
    used = [sequence for sequence in sequences if sequence.split in ("train", "val")]
    examples = []
    for number, sequence in enumerate(used):
        if progress is not None:
            progress(number / len(used), "Encoding the corpus")
        coefficients = coefficients_of(sequence, basis)
        augmented = recorded_copies if sequence.source else copies
        for copy in range(1 + (augmented if sequence.split == "train" else 0)):
            generator = np.random.default_rng([seed, copy, *sequence.name.encode()])
            timing = Timing.draw(generator) if copy else Timing()

            def compute(
                sequence: SpeechSequence = sequence,
                timing: Timing = timing,
                generator: np.random.Generator | None = generator if copy else None,
            ) -> np.ndarray:
                samples = timing.of_samples(sequence.samples())
                if generator is None:
                    return features_of(encoder, samples)
                position = int(generator.integers(0, _LAST_POSITION))
                return features_of(encoder, augment(samples, generator), first_position=position)

            features = cache.get(f"{copy}/{sequence.name}", compute)
            frames = round((sequence.frames / timing.speed) + timing.lead + timing.tail)
            moved = timing.of_frames(coefficients, frames)
            first = round(sequence.first_word * FPS / timing.speed) + timing.lead
            examples.append(Example(sequence.name, sequence.subject, sequence.split, features, moved, first))
    seconds = sum(example.seconds for example in examples if example.split == "train")
    for name, samples in quiet_sounds(quiet * seconds, seed) if quiet else ():
        features = cache.get(f"quiet/{name}", functools.partial(features_of, encoder, samples))
        examples.append(_shut(name, QUIET_SUBJECT, features, samples, basis))
    return examples


def _shut(name: str, subject: str, features: np.ndarray, samples: np.ndarray, basis: Basis) -> Example:
    """A sound (N,) under which the mouth stays shut, and its features."""
    still = np.zeros((round(len(samples) / SAMPLE_RATE * FPS), len(basis.shapes)), np.float32)
    return Example(name, subject, "train", features, still)


def projected_shapes(people: str | os.PathLike[str], basis: Basis) -> np.ndarray:
    """Coefficients (57,K) of the shapes that a corpus of curves weighs; :class:`TalkerError` for one of vertices."""
    shapes = read_corpus(people)[0].shapes
    if shapes is None:
        raise TalkerError(f"{people}: holds vertices, no curves; make it with `corpus people`")
    return basis.project(shapes)


def sung(
    people: str | os.PathLike[str],
    basis: Basis,
    encoder: WhisperEncoder,
    folder: str | os.PathLike[str],
    seconds: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Example]:
    """Examples of song, ``seconds`` or more in all, moved by the coarticulation model; features kept in ``folder``.

    ``people``: a corpus of curves, whose shapes the singer has.
    """
    projected = projected_shapes(people, basis)
    cache = FeatureCache(folder, {"encoder": encoder.config.layers, "seed": seed})
    examples: list[Example] = []
    for name, song, curves in moving_songs(Path(people) / "facs.npz", seconds, seed):
        if progress is not None:
            progress(min(sum(example.seconds for example in examples) / seconds, 1.0), "Encoding song")
        features = cache.get(name, functools.partial(features_of, encoder, song.samples))
        examples.append(Example(name, SUNG_SUBJECT, "train", features, (curves @ projected).astype(np.float32)))
    return examples


def steady(
    basis: Basis,
    encoder: WhisperEncoder,
    folder: str | os.PathLike[str],
    seconds: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Example]:
    """Examples of recordings that begin with a tone or noise, ``seconds`` or more in all: neither is song or breath.

    As short as people's takes, so that their beginning is seen: there people breathe in. Kept in ``folder``.
    """
    cache = FeatureCache(folder, {"encoder": encoder.config.layers, "seed": seed})
    sounds = list(quiet_sounds(seconds, seed, (tones, noise, noise), _SHORT_SECONDS))
    examples = []
    for number, (name, samples) in enumerate(sounds):
        if progress is not None:
            progress(number / len(sounds), "Encoding tones and noise")
        features = cache.get(name, functools.partial(features_of, encoder, samples))
        examples.append(_shut(name, STEADY_SUBJECT, features, samples, basis))
    return examples
