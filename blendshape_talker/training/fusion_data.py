"""Both corpora as coefficients of a linear basis: frames, images and losses then cost a small matrix product each.

Our compact layouts are linear from the start (FACS curves). Real vertex sequences, VOCASET's and Florence4D's, get the
basis by principal component analysis.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from .expression_corpus import INDEX_FILE as EXPRESSION_INDEX
from .florence4d import read_curves_corpus, read_expressions
from .geometry import load_facs

SPEECH_INDEX = "sequences.json"
PCA_RANK = 128
_PCA_FRAMES = 4000
_BLOCK = 256

ProgressCallback = Callable[[float, str], None]


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


def load_expression_corpus(directory: str | Path, progress: ProgressCallback | None = None) -> LinearCorpus:
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
    entries = (
        (f"{s.subject}_{s.expression}", s.subject, s.split, s.expression, None, s.deltas)
        for s in read_expressions(folder)
    )
    return _linearise(lambda: entries, progress)


def load_speech_corpus(directory: str | Path, progress: ProgressCallback | None = None) -> LinearCorpus:
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
        except (OSError, ValueError, KeyError) as error:
            raise TalkerError(f"{folder}: not a whole speech corpus ({error}); make it with 'corpus speech'") from error
        return LinearCorpus(load_facs(folder / "facs.npz").deltas, sequences)
    from .vocaset import read_corpus

    entries = (
        (s.name, s.subject, s.split, "", s.phones, s.deltas(0, None)) for s in read_corpus(folder)
    )
    return _linearise(lambda: entries, progress)


def _linearise(
    entries: Callable[[], Iterable[tuple[str, str, str, str, list | None, np.ndarray]]],
    progress: ProgressCallback | None,
) -> LinearCorpus:
    """Principal components of the training frames (uncentred: rest stays zero) and every frame's coefficients."""
    kept = [(*entry[:5], np.asarray(entry[5], np.float32)) for entry in entries()]
    if not kept:
        raise TalkerError("the corpus holds no sequences; name another folder")
    training = [entry[5] for entry in kept if entry[2] == "train"] or [entry[5] for entry in kept]
    frames = np.concatenate([deltas.reshape(len(deltas), -1) for deltas in training])
    if len(frames) > _PCA_FRAMES:
        frames = frames[np.linspace(0, len(frames) - 1, _PCA_FRAMES).astype(int)]
    values, vectors = np.linalg.eigh(frames @ frames.T)
    order = np.argsort(values)[::-1][: min(PCA_RANK, len(values))]
    order = order[values[order] > 1e-9 * values[order[0]]]
    components = (vectors[:, order] / np.sqrt(values[order])).T @ frames  # orthonormal rows
    sequences = []
    for number, (name, subject, split, label, phones, deltas) in enumerate(kept):
        curves = deltas.reshape(len(deltas), -1) @ components.T
        sequences.append(LinearSequence(name, subject, split, curves.astype(np.float32), label, phones))
        if progress:
            progress((number + 1) / len(kept), "reading vertex sequences")
    return LinearCorpus(components.reshape(len(components), -1, 3).astype(np.float32), sequences)
