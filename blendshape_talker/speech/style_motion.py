"""How somebody's mouth moved, read from files of motion: what a style of one's own is fitted to. numpy only."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from ..face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from ..npz import read_npz
from .lip_sync import FPS
from .style import mouth_measures

_KINDS = "an .npz of `animate`, a .csv of Live Link Face, or an .npy of vertices (T, 15069) at 60 a second"
_MOST_BYTES = 200_000_000
_PARTS = ("fps", "displacements", "speech_weights", "expression_weights", "names")
_MM = 1000.0


def read_motion(
    path: str | os.PathLike[str],
    names: Sequence[str],
    blendshapes: np.ndarray,
    facs: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """(T, 2) mm of lip gap and mouth width from rest, 60 a second.

    An ``.npz`` as ``animate`` writes it (``fps`` and ``displacements``, or weights of blendshapes ``names`` (K,), whose
    vertices are ``blendshapes`` (K, 5023, 3)), a ``.csv`` of Live Link Face, whose curves weigh the shapes ``facs``, by
    ARKit's names with _L and _R, (5023, 3) each, or an ``.npy`` of vertices of one take in metres, as VOCASET and
    FaceFormer have them. :class:`TalkerError` for anything else.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            return _of_vertices(path, np.load(path, allow_pickle=False, mmap_mode="r"))
        if path.suffix.lower() == ".csv":
            return _of_arkit(path, facs or {})
        return _of_weights(read_npz(path, _PARTS), names, blendshapes)
    except TalkerError:
        raise
    except Exception as error:  # a damaged header may raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise TalkerError(f"{path}: no motion that can be read ({reason}); name {_KINDS}") from None


def _of_weights(file: Mapping[str, np.ndarray], names: Sequence[str], blendshapes: np.ndarray) -> np.ndarray:
    fps = float(file["fps"])
    if not 5 <= fps <= 240:
        raise ValueError(f"{fps:g} frames a second")
    if "displacements" in file:
        moved = file["displacements"]
        if moved.ndim != 3 or moved.shape[1:] != (VERTEX_COUNT, 3):
            raise ValueError("displacements of other vertices than FLAME's")
        measured = mouth_measures(moved)
    else:
        made = np.concatenate([file["speech_weights"], file["expression_weights"]], axis=1)
        if tuple(file["names"].tolist()) != tuple(names):
            raise ValueError("weights of other blendshapes; animate it again, or with --displacements")
        measured = made @ mouth_measures(blendshapes)
    return _at_sixty(_finite(measured), fps)


def _of_arkit(path: Path, facs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Live Link Face: a header, then a frame a line: time code, number of curves, a curve a column, 60 a second.

    mouthClose shuts a dropped jaw's lips: it takes back as much of jawOpen's gap.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("larger than an hour's curves")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = [row for row in csv.reader(stream) if any(row)]
    columns = {_arkit_name(name): column for column, name in enumerate(header)}
    if "jawOpen" not in columns or "jawOpen" not in facs or not rows:
        raise ValueError("no curve JawOpen in it")
    measured = np.zeros((len(rows), 2))
    for name, shape in facs.items():
        if name in columns:
            weights = np.array([float(row[columns[name]] or 0) for row in rows])
            measured += np.outer(weights, mouth_measures(shape[None])[0])
    if "mouthClose" in columns:
        shut = np.array([float(row[columns["mouthClose"]] or 0) for row in rows])
        measured[:, 0] -= shut * mouth_measures(facs["jawOpen"][None])[0, 0]
    return _finite(np.stack([np.maximum(measured[:, 0], 0.0), measured[:, 1]], axis=1))


def _arkit_name(column: str) -> str:
    """``MouthSmileLeft`` is mouthSmile_L; ``MouthLeft`` and ``JawLeft`` move the whole mouth and jaw."""
    name = column.strip()[:1].lower() + column.strip()[1:]
    if name in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
        return name
    for side in ("Left", "Right"):
        if name.endswith(side):
            return f"{name.removesuffix(side)}_{side[0]}"
    return name


def _of_vertices(path: Path, vertices: np.ndarray) -> np.ndarray:
    """Gap and width are distances, so the head may turn; rest is where the lips are nearest."""
    if vertices.shape[1:] not in ((3 * VERTEX_COUNT,), (VERTEX_COUNT, 3)) or vertices.dtype.kind != "f":
        raise TalkerError(f"{path}: an array of shape {vertices.shape} is no motion; name {_KINDS}")
    pairs = load_head().lip_pairs
    wanted = [UPPER_LIP, LOWER_LIP, pairs[0, 0], pairs[-1, 0]]
    upper, lower, right, left = np.moveaxis(vertices.reshape(len(vertices), VERTEX_COUNT, 3)[:, wanted], 1, 0)
    measured = _MM * np.stack([np.linalg.norm(upper - lower, axis=1), np.linalg.norm(left - right, axis=1)], axis=1)
    measured = _finite(measured)
    shut = measured[:, 0] <= np.percentile(measured[:, 0], 10)
    result: np.ndarray = measured - [np.percentile(measured[:, 0], 5), np.median(measured[shut, 1])]
    return result


def _finite(measured: np.ndarray) -> np.ndarray:
    if not len(measured) or not np.isfinite(measured).all() or np.abs(measured).max() > 200:
        raise ValueError("empty, or positions that are no metres of a face")
    return measured


def _at_sixty(curves: np.ndarray, fps: float) -> np.ndarray:
    times = np.arange(round(len(curves) / fps * FPS)) / FPS
    clock = np.arange(len(curves)) / fps
    return np.stack([np.interp(times, clock, curve) for curve in curves.T], axis=1)
