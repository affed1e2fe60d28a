"""Expression sequences as vertex deltas: Florence4D (Principi et al. 2023) as published, and our two layouts.

Florence4D: ``COMA_CHxx/<Expression>/<Expression>_NN.ply``, 60 frames, apex near 30, and a neutral ``COMA_CHxx.ply`` in
the subject's folder or beside it; 5,023 vertices in FLAME's order, metres.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT
from ...face.meshes import read_mesh
from ..geometry.facs import load_facs
from .expression_corpus import CURVES_FOLDER, INDEX_FILE, split_of

_FRAME = re.compile(r"_(\d+)\.ply$", re.IGNORECASE)


@dataclass(frozen=True)
class ExpressionSequence:
    """One expression of one subject.

    subject, expression: names; split: train, val or test; deltas (T, 5023, 3) float32: metres from the subject's
    neutral; curves (T, S) FACS weights where the corpus has them, else None.
    """

    subject: str
    expression: str
    split: str
    deltas: np.ndarray
    curves: np.ndarray | None = None

    @property
    def apex(self) -> int:
        """Frame with the largest deformation."""
        return int(np.argmax(np.square(self.deltas).sum(axis=(1, 2))))


def read_expressions(directory: str | Path) -> Iterator[ExpressionSequence]:
    """All sequences of a corpus in either layout, one after another; :class:`TalkerError` when there is none."""
    folder = Path(directory)
    if not folder.is_dir():
        raise TalkerError(f"{folder}: no such folder; name one with Florence4D or made by 'corpus expressions'")
    if (folder / INDEX_FILE).is_file():
        yield from _read_curves(folder)
        return
    subjects = sorted(path for path in folder.iterdir() if path.is_dir() and any(path.glob("*/*_*.ply")))
    if not subjects:
        raise TalkerError(f"{folder}: neither {INDEX_FILE} nor COMA_CHxx/<Expression>/<Expression>_NN.ply in it")
    for number, subject in enumerate(subjects):
        yield from _read_subject(subject, split_of(number, len(subjects)))


def read_curves_corpus(directory: str | Path) -> tuple[np.ndarray, list[dict], list[np.ndarray]]:
    """The compact layout without making vertices: (deltas (S, 5023, 3), index entries, curves (T, S) per entry)."""
    folder = Path(directory)
    try:
        index = json.loads((folder / INDEX_FILE).read_text())["takes"]
        curves = [np.load(folder / CURVES_FOLDER / f"{take['name']}.npy").astype(np.float32) for take in index]
    except (OSError, ValueError, LookupError, TypeError) as error:
        message = f"{folder}: not a whole expression corpus ({error}); make it with 'corpus expressions'"
        raise TalkerError(message) from error
    return load_facs(folder / "facs.npz").deltas, index, curves


def _read_curves(folder: Path) -> Iterator[ExpressionSequence]:
    deltas, index, all_curves = read_curves_corpus(folder)
    for take, curves in zip(index, all_curves, strict=True):
        frames = np.tensordot(curves, deltas, 1).astype(np.float32)
        yield ExpressionSequence(take["subject"], take["expression"], take["split"], frames, curves)


def _read_subject(subject: Path, split: str) -> Iterator[ExpressionSequence]:
    candidates = (subject / f"{subject.name}.ply", subject.with_suffix(".ply"))
    neutral = next((_vertices(path) for path in candidates if path.is_file()), None)
    for folder in sorted(path for path in subject.iterdir() if path.is_dir()):
        frames = sorted((int(match[1]), path) for path in folder.iterdir() if (match := _FRAME.search(path.name)))
        if not frames:
            continue
        vertices = np.stack([_vertices(path) for _, path in frames])
        rest = neutral if neutral is not None else vertices[0]  # without a neutral file the first frame comes nearest
        yield ExpressionSequence(subject.name, folder.name, split, (vertices - rest).astype(np.float32))


def _vertices(path: Path) -> np.ndarray:
    vertices = np.asarray(read_mesh(path).vertices, np.float64)
    if vertices.shape != (VERTEX_COUNT, 3):
        raise TalkerError(f"{path}: has {len(vertices)} vertices, FLAME {VERTEX_COUNT}; use Florence4D's FLAME meshes")
    return vertices
