"""How somebody's mouth moved, read from files of motion: what a style of one's own is fitted to. numpy only."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TalkerError
from ..face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from .lip_sync import FPS
from .style import mouth_measures

_KINDS = "an .npz of `animate`, or an .npy of vertices (T, 15069) or (T, 5023, 3) at 60 a second"
_MM = 1000.0


def read_motion(path: str | os.PathLike[str], names: Sequence[str], blendshapes: np.ndarray) -> np.ndarray:
    """(T, 2) mm of lip gap and mouth width from rest, 60 a second.

    An ``.npz`` as ``animate`` writes it (``fps`` and ``displacements``, or weights of blendshapes ``names`` (K,), whose
    vertices are ``blendshapes`` (K, 5023, 3)), or an ``.npy`` of vertices of one take in metres, as VOCASET and
    FaceFormer have them. :class:`TalkerError` for anything else.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".npy":
            return _of_vertices(path, np.load(path, allow_pickle=False, mmap_mode="r"))
        with np.load(path, allow_pickle=False) as file:
            return _of_weights(file, names, blendshapes)
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise TalkerError(f"{path}: no motion that can be read ({error}); name {_KINDS}") from None


def _of_weights(file: Any, names: Sequence[str], blendshapes: np.ndarray) -> np.ndarray:
    fps = float(file["fps"])
    if not 5 <= fps <= 240:
        raise ValueError(f"{fps:g} frames a second")
    if "displacements" in file.files:
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
