"""How somebody's mouth moved, read from files of motion: what a style of one's own is fitted to. numpy only."""

import csv
import os
import re
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
_RATES = (24, 25, 30, 50, 60, 120)  # frames a second that cameras have
_DAY = 86400.0


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
    """Live Link Face: a header, then a frame a line: time code, number of curves, a curve a column.

    mouthClose shuts a dropped jaw's lips: it takes back as much of jawOpen's gap.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("larger than an hour's curves")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream)
        told = [(lines.line_num, row) for row in lines if any(row)]
    if not told:
        raise ValueError("it is empty")
    header, *rows = told
    columns = {_arkit_name(name): column for column, name in enumerate(header[1])}
    if "jawOpen" not in columns or "jawOpen" not in facs or not rows:
        raise ValueError("no curve JawOpen in it")

    def curve(name: str) -> np.ndarray:
        values = np.zeros(len(rows))
        for number, (line, row) in enumerate(rows):
            try:
                values[number] = float(row[columns[name]] or 0)
            except IndexError:
                raise ValueError(f"line {line} has {len(row)} of {len(header[1])} columns") from None
            except ValueError:
                raise ValueError(f"{row[columns[name]][:20]!r} in line {line} is no number") from None
        return values

    measured = np.zeros((len(rows), 2))
    for name, shape in facs.items():
        if name in columns:
            measured += np.outer(curve(name), mouth_measures(shape[None])[0])
    if "mouthClose" in columns:
        measured[:, 0] -= curve("mouthClose") * mouth_measures(facs["jawOpen"][None])[0, 0]
    measured = _finite(np.stack([np.maximum(measured[:, 0], 0.0), measured[:, 1]], axis=1))
    codes = [row[columns["timecode"]] for _, row in rows] if "timecode" in columns else []
    return _sampled(measured, _seconds(codes, len(rows)))


def _seconds(codes: Sequence[str], count: int) -> np.ndarray:
    """(count,) s since the first frame, as time codes HH:MM:SS:FF.fff say; 60 a second where they say nothing.

    How many frames make a second is nowhere written: as many as the highest number in a second asks for. Frames that
    the telephone dropped are missed by none but the clock.
    """
    plain = np.arange(count) / FPS
    found = [re.fullmatch(r"\s*(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)\s*", code) for code in codes]
    parts = np.array([[float(part) for part in match.groups()] for match in found if match])
    if len(parts) < max(count, 1) or len(np.unique(parts[:, 2])) < 2:
        return plain
    rate = next((rate for rate in _RATES if rate > np.floor(parts[:, 3].max())), _RATES[-1])
    seconds = parts[:, :3] @ [3600.0, 60.0, 1.0] + parts[:, 3] / rate
    steps = np.diff(seconds)
    steps[steps < -_DAY / 2] += _DAY  # past midnight
    return np.concatenate([[0.0], np.cumsum(steps)]) if (steps > 0).all() else plain


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
    return _sampled(curves, np.arange(len(curves)) / fps, times)


def _sampled(curves: np.ndarray, clock: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Curves (T, C), known at ``clock`` (T,) s, at ``times`` s, else 60 a second to the last of them."""
    if times is None:
        times = np.arange(int(clock[-1] * FPS + 1e-6) + 1) / FPS
    return np.stack([np.interp(times, clock, curve) for curve in curves.T], axis=1)
