"""Both corpora as coefficients of a linear basis: frames, images and losses then cost a small matrix product each.

Our compact layouts are linear from the start (FACS curves). Real vertex sequences, VOCASET's and Florence4D's, get the
basis by principal component analysis.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...job import Progress
from ..corpus.expression_corpus import INDEX_FILE as EXPRESSION_INDEX
from ..corpus.florence4d import read_curves_corpus, read_expressions
from ..corpus.speech_layouts import read_corpus
from ..geometry.facs import Facs, load_facs

SPEECH_INDEX = "sequences.json"
PCA_RANK = 128
_PCA_FRAMES, _PCA_FRAMES_EACH = 4000, 20
_FRAME_LIMIT = 6000  # frames per domain that full vertex errors are taken from

_Entry = tuple[str, str, str, str, np.ndarray]  # name, subject, split, label, deltas (T, V, 3)


@dataclass(frozen=True)
class LinearSequence:
    """curves (T, K) coefficients; label: expression or text; phones: [[start, end, ARPA], …] or None."""

    name: str
    subject: str
    split: str
    curves: np.ndarray
    label: str = ""
    phones: list | None = None


@dataclass(frozen=True)
class LinearCorpus:
    """basis (K, V, 3) metres; sequences with curves (T, K): deformation = curves @ basis."""

    basis: np.ndarray
    sequences: list[LinearSequence]

    def of_split(self, split: str) -> list[LinearSequence]:
        """Sequences of one split; all of them when a small corpus has none in it."""
        return [sequence for sequence in self.sequences if sequence.split == split] or self.sequences

    def frames(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """(frames (N, K) of a split one after another, indices of the frames that have a successor)."""
        chosen = self.of_split(split)
        frames = np.concatenate([sequence.curves for sequence in chosen]).astype(np.float32)
        last = np.cumsum([len(sequence.curves) for sequence in chosen]) - 1
        return frames, np.setdiff1d(np.arange(len(frames)), last)


def load_expression_corpus(directory: str | Path, progress: Progress | None = None) -> LinearCorpus:
    """Our compact layout or Florence4D's."""
    folder = Path(directory)
    if (folder / EXPRESSION_INDEX).is_file():
        basis, index, curves = read_curves_corpus(folder)
        return LinearCorpus(
            basis,
            [
                LinearSequence(take["name"], take["subject"], take["split"], values, take["expression"])
                for take, values in zip(index, curves, strict=True)
            ],
        )

    def entries() -> Iterator[_Entry]:
        for sequence in read_expressions(folder):
            name = f"{sequence.subject}_{sequence.expression}"
            yield name, sequence.subject, sequence.split, sequence.expression, sequence.deltas

    return _linearise(entries, progress)


def load_speech_corpus(directory: str | Path, progress: Progress | None = None) -> LinearCorpus:
    """Our compact layout, or VOCASET's layouts through their reader."""
    folder = Path(directory)
    if (folder / SPEECH_INDEX).is_file() and (folder / "curves").is_dir():
        try:
            index = json.loads((folder / SPEECH_INDEX).read_text())
            sequences = [
                LinearSequence(
                    entry["name"], entry["subject"], entry["split"],
                    np.load(folder / "curves" / f"{entry['name']}.npy").astype(np.float32),
                    entry.get("text", ""), entry.get("phones"),
                )
                for entry in index
            ]  # fmt: skip
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise TalkerError(f"{folder}: not a whole speech corpus ({error}); make it with 'corpus speech'") from error
        return LinearCorpus(load_facs(folder / "facs.npz").deltas, sequences)
    takes = read_corpus(folder)

    def entries() -> Iterator[_Entry]:
        for sequence in takes:
            yield sequence.name, sequence.subject, sequence.split, sequence.text, sequence.deltas()

    return _linearise(entries, progress)


def find_facs(geometry: str | Path | None, *folders: str | Path) -> Facs:
    """The named facs.npz, or that of the first folder that holds one.

    :raises TalkerError: when there is none or it is broken.
    """
    for candidate in [Path(geometry)] if geometry else [Path(folder) / "facs.npz" for folder in folders]:
        if geometry or candidate.is_file():
            return load_facs(candidate)
    raise TalkerError("these corpora hold no facs.npz; name one with --geometry (made by 'corpus geometry')")


def thinned(frames: np.ndarray) -> np.ndarray:
    """Every n-th of frames (N, …), so that errors of whole meshes stay affordable."""
    return frames[:: max(1, -(-len(frames) // _FRAME_LIMIT))]


def _linearise(entries: Callable[[], Iterable[_Entry]], progress: Progress | None) -> LinearCorpus:
    """Principal components of the training frames (uncentred: rest stays zero) and every frame's coefficients.

    Reads the corpus twice, one sequence at a time: all of Florence4D in memory would be 24 GB.
    """
    report = progress or (lambda fraction, message: None)
    samples: dict[bool, list[np.ndarray]] = {True: [], False: []}
    count = 0
    for count, (_, _, split, _, deltas) in enumerate(entries(), start=1):  # noqa: B007
        chosen = np.linspace(0, len(deltas) - 1, min(len(deltas), _PCA_FRAMES_EACH)).astype(int)
        samples[split == "train"].append(np.asarray(deltas, np.float32).reshape(len(deltas), -1)[chosen])
        report(0.0, f"reading vertex sequences: {count}")
    if not count:
        raise TalkerError("the corpus holds no sequences; name another folder")
    frames = np.concatenate(samples[True] or samples[False])
    if len(frames) > _PCA_FRAMES:
        frames = frames[np.linspace(0, len(frames) - 1, _PCA_FRAMES).astype(int)]
    values, vectors = np.linalg.eigh(frames @ frames.T)
    order = np.argsort(values)[::-1][: min(PCA_RANK, len(values))]
    order = order[values[order] > 1e-9 * values[order[0]]]
    components = (vectors[:, order] / np.sqrt(values[order])).T.astype(np.float32) @ frames  # orthonormal rows
    sequences = []
    for number, (name, subject, split, label, deltas) in enumerate(entries()):
        curves = np.asarray(deltas, np.float32).reshape(len(deltas), -1) @ components.T
        sequences.append(LinearSequence(name, subject, split, curves, label))
        report((number + 1) / count, "projecting vertex sequences")
    return LinearCorpus(components.reshape(len(components), -1, 3), sequences)
