"""Examples of audible breath before and after words, for the speech network."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...job import Progress
from ...speech.model import features_of
from ...speech.network import FPS
from ...speech.whisper import WhisperEncoder
from ..corpus.augmentation import coloured_noise
from ..corpus.breaths import breath, lips_of, opening_mm, parted
from ..corpus.coarticulation import LipGeometry
from ..corpus.phones import SILENCE
from ..corpus.speech_sequence import SpeechSequence
from .data import BREATH_SUBJECT, SAMPLE_RATE, Basis, Example, FeatureCache, coefficients_of, projected_shapes

_WORDS_SECONDS, _REST_SECONDS = 1.2, 0.15


def breathed(
    sequences: Sequence[SpeechSequence],
    people: str | os.PathLike[str],
    basis: Basis,
    encoder: WhisperEncoder,
    folder: str | os.PathLike[str],
    seconds: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Example]:
    """Examples of ``seconds`` or more in all: words of the corpus's ``sequences``, a breath, words.

    ``people``: a corpus of curves, whose shapes the lips part with; features are kept in ``folder``.
    """
    projected = projected_shapes(people, basis)
    lips = lips_of(Path(people) / "facs.npz")
    spoken = [one for one in sequences if one.split == "train" and one.phones and one.voice != "none"]
    if not spoken:
        raise TalkerError("the corpus has no words to breathe between; make it again with `corpus speech`")
    by_voice: dict[str, list[SpeechSequence]] = {}
    for sequence in spoken:
        by_voice.setdefault(sequence.voice, []).append(sequence)
    cache = FeatureCache(folder, {"encoder": encoder.config.layers, "seed": seed})
    examples: list[Example] = []
    while (made := sum(example.seconds for example in examples)) < seconds:
        if progress is not None:
            progress(made / seconds, "Encoding breath")
        generator = np.random.default_rng([seed, 11, len(examples)])
        ending = spoken[int(generator.integers(len(spoken)))]
        beginning = by_voice[ending.voice][int(generator.integers(len(by_voice[ending.voice])))]
        samples, curves, coefficients = around_breath(ending, beginning, basis, lips, generator)
        features = cache.get(
            f"{len(examples)}_{ending.name}_{beginning.name}", functools.partial(features_of, encoder, samples)
        )
        moved = (curves @ projected + coefficients).astype(np.float32)
        parted_in = np.flatnonzero(curves.any(axis=1))
        heard = (int(parted_in[0]), int(parted_in[-1]) + 1) if len(parted_in) else (0, 0)
        name = f"breath{len(examples)}"
        examples.append(Example(name, BREATH_SUBJECT, "train", features, moved, breath=heard))
    return examples


def around_breath(
    ending: SpeechSequence,
    beginning: SpeechSequence,
    basis: Basis,
    lips: LipGeometry,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound (N,), FACS weights (T,57) of the breath, and coefficients (T,K) of the words around it.

    The last words of one take, a breath, the first words of another of that voice. One that goes in ends where words
    begin, one that goes out begins where they end.
    """
    before = _stretch(ending, basis, _frames_at(ending, -1))
    after = _stretch(beginning, basis, _frames_at(beginning, 0))
    air = breath(generator, inward=bool(generator.random() < 0.7))
    near, far = generator.uniform(0.0, 0.15), generator.uniform(0.2, 0.8)
    pauses = (far, near) if air.inward else (near, far)
    seconds = len(air.samples) / SAMPLE_RATE
    start = len(before[1]) / FPS + pauses[0]
    second_words = round((start + seconds + pauses[1]) * FPS)  # the frame, so that sound and face begin together
    frames = second_words + len(after[1])
    samples = np.zeros(round(frames * SAMPLE_RATE / FPS))
    coefficients = np.zeros((frames, len(basis.shapes)))
    for words, frame in ((before, 0), (after, second_words)):
        at = round(frame * SAMPLE_RATE / FPS)
        sound = words[0][: len(samples) - at]
        samples[at : at + len(sound)] += sound
        coefficients[frame : frame + len(words[1])] = words[1]
    level = np.sqrt(np.mean(np.square(np.concatenate([before[0], after[0]])))) + 1e-6
    decibels = generator.uniform(-44, -6)
    at = round(start * SAMPLE_RATE)
    samples[at : at + len(air.samples)] += level * 10 ** (decibels / 20) * air.samples
    samples += level * 10 ** (generator.uniform(-70, -48) / 20) * coloured_noise(len(samples), 0.5, generator)
    curves = parted(frames, start, start + seconds, opening_mm(decibels), lips)
    return samples.astype(np.float32), curves, coefficients


def _frames_at(sequence: SpeechSequence, which: int) -> tuple[int, int]:
    """First and last frame of the first words (``which`` 0) or of the last (-1), with a little rest beside them."""
    spoken = [phone for phone in sequence.phones or () if phone.name != SILENCE]
    if which == 0:
        start = max(0.0, spoken[0].start - _REST_SECONDS)
        end = start + _WORDS_SECONDS
    else:
        end = spoken[-1].end + _REST_SECONDS
        start = max(0.0, end - _WORDS_SECONDS)
    return round(start * FPS), min(round(end * FPS), sequence.frames)


def _stretch(sequence: SpeechSequence, basis: Basis, frames: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Sound and coefficients of ``frames`` of a take."""
    first, last = frames
    samples = sequence.samples()[round(first * SAMPLE_RATE / FPS) : round(last * SAMPLE_RATE / FPS)]
    return samples, coefficients_of(sequence, basis)[first:last]
