"""How somebody's mouth moved, read from files of motion: what a style of one's own is fitted to. numpy only."""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from ..face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from ..npz import read_npz
from .lip_sync import FPS
from .style import mouth_measures

_KINDS = "an .npz of `animate`, a .csv of Live Link Face, or an .npy of vertices (T, 15069)"
_MOST_BYTES = 200_000_000
_PARTS = ("fps", "displacements", "speech_weights", "expression_weights", "names")
_MM = 1000.0
_RATES = (24, 25, 30, 48, 50, 60, 120)  # frames a second that cameras have
_DAY = 86400.0
# mm of gap and width of ARKit's shapes that expressions do without, measured as theirs are on `corpus geometry`'s head.
_BESIDES = {
    "mouthShrugUpper": (5.82, 0.34), "mouthRollUpper": (-4.25, 1.98), "cheekPuff": (-0.50, -5.79),
    "jawLeft": (-0.30, 0.53), "jawRight": (-0.29, 0.44),
}  # fmt: skip
_MOST_MOVED = (  # by those that a style is least without
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R"),
    *("mouthShrugUpper", "mouthShrugLower", "mouthRollUpper", "mouthRollLower", "mouthUpperUp_L", "mouthUpperUp_R"),
    *("mouthLowerDown_L", "mouthLowerDown_R"),
)
_WIDENING = {name for name in _MOST_MOVED if re.search("Smile|Stretch|Pucker|Funnel", name)}  # without all: no width
_WHOLE_CORPUS = "data_verts.npy"  # VOCASET's: every frame of every sequence


@dataclass(frozen=True)
class Seen:
    """mouth (T, 2): mm of lip gap and mouth width (NaN: not seen) from rest, 60 a second; notes: what was assumed,
    a line each; at_rest: whether the file tells what rest is, else it is about where the lips are nearest.
    """

    mouth: np.ndarray
    notes: tuple[str, ...] = ()
    at_rest: bool = True


def read_motion(
    path: str | os.PathLike[str],
    names: Sequence[str],
    blendshapes: np.ndarray,
    facs: Mapping[str, np.ndarray] | None = None,
    fps: float | None = None,
) -> Seen:
    """How a mouth moved, from a file.

    An ``.npz`` as ``animate`` writes it (``fps`` and ``displacements``, or weights of blendshapes ``names`` (K,), whose
    vertices are ``blendshapes`` (K, 5023, 3)), a ``.csv`` of Live Link Face, whose curves weigh the shapes ``facs``, by
    ARKit's names with _L and _R, (5023, 3) each, or an ``.npy`` of vertices of one take in metres, as VOCASET and
    FaceFormer have them. fps: frames a second where the file does not tell, 60 if not given.
    :class:`TalkerError` for anything else.
    """
    path = Path(path)
    if fps is not None and not 5 <= fps <= 240:
        raise TalkerError(f"{fps:g} frames a second are no motion; give 5 to 240")
    try:
        if path.suffix.lower() == ".npy":
            vertices = np.load(path, allow_pickle=False, mmap_mode="r")
            return Seen(_of_vertices(path, vertices, fps or FPS), at_rest=False)
        if path.suffix.lower() == ".csv":
            return _of_arkit(path, facs or {}, fps)
        return Seen(_of_weights(read_npz(path, _PARTS), names, blendshapes))
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


def _of_arkit(path: Path, facs: Mapping[str, np.ndarray], fps: float | None) -> Seen:
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

    moved = {name: mouth_measures(shape[None])[0] for name, shape in facs.items()} | _BESIDES
    measured = np.zeros((len(rows), 2))
    for name in sorted(moved.keys() & columns.keys()):
        measured += np.outer(curve(name), moved[name])
    if "mouthClose" in columns:
        measured[:, 0] -= curve("mouthClose") * moved["jawOpen"][0]
    measured = _finite(np.stack([np.maximum(measured[:, 0], 0.0), measured[:, 1]], axis=1))
    codes = [row[columns["timecode"]] for _, row in rows] if "timecode" in columns else []
    clock, notes = _seconds(codes, len(rows)), []
    if clock is None:
        clock = np.arange(len(rows)) / (fps or FPS)
        notes += [] if fps else [f"no time codes that go on: taken as {FPS} frames a second; else give --fps"]
    missing = [name for name in _MOST_MOVED if name not in columns]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        notes.append(f"without the curves {', '.join(missing[:3])}{more}: taken as 0")
    mouth = _sampled(measured, clock)
    if not columns.keys() & _WIDENING:
        mouth[:, 1] = np.nan
    return Seen(mouth, tuple(notes))


def _seconds(codes: Sequence[str], count: int) -> np.ndarray | None:
    """(count,) s since the first frame, as time codes HH:MM:SS:FF.fff say; None where they say nothing.

    How many frames make a second is nowhere written: as many as the highest number in a second asks for. Frames that
    the telephone dropped are missed by none but the clock.
    """
    found = [re.fullmatch(r"\s*(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)\s*", code) for code in codes]
    parts = np.array([[float(part) for part in match.groups()] for match in found if match])
    if len(parts) < max(count, 1) or len(np.unique(parts[:, 2])) < 2:
        return None
    rate = next((rate for rate in _RATES if rate > np.floor(parts[:, 3].max())), _RATES[-1])
    seconds = parts[:, :3] @ [3600.0, 60.0, 1.0] + parts[:, 3] / rate
    steps = np.diff(seconds)
    steps[steps < -_DAY / 2] += _DAY  # past midnight
    return np.concatenate([[0.0], np.cumsum(steps)]) if (steps > 0).all() else None


def _arkit_name(column: str) -> str:
    """``MouthSmileLeft`` is mouthSmile_L; ``MouthLeft`` and ``JawLeft`` move the whole mouth and jaw."""
    name = column.strip()[:1].lower() + column.strip()[1:]
    if name in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
        return name
    for side in ("Left", "Right"):
        if name.endswith(side):
            return f"{name.removesuffix(side)}_{side[0]}"
    return name


def _of_vertices(path: Path, vertices: np.ndarray, fps: float) -> np.ndarray:
    """Gap and width are distances, so the head may turn; rest is where the lips are nearest."""
    if path.name == _WHOLE_CORPUS:
        raise TalkerError(f"{path}: holds all sequences of VOCASET; save the rows of one as an .npy of its own")
    if vertices.shape[1:] not in ((3 * VERTEX_COUNT,), (VERTEX_COUNT, 3)) or vertices.dtype.kind != "f":
        raise TalkerError(f"{path}: an array of shape {vertices.shape} is no motion; name {_KINDS}")
    pairs = load_head().lip_pairs
    wanted = [UPPER_LIP, LOWER_LIP, pairs[0, 0], pairs[-1, 0]]
    upper, lower, right, left = np.moveaxis(vertices.reshape(len(vertices), VERTEX_COUNT, 3)[:, wanted], 1, 0)
    measured = _MM * np.stack([np.linalg.norm(upper - lower, axis=1), np.linalg.norm(left - right, axis=1)], axis=1)
    measured = _finite(measured)
    shut = measured[:, 0] <= np.percentile(measured[:, 0], 10)
    return _at_sixty(measured - [np.percentile(measured[:, 0], 5), np.median(measured[shut, 1])], fps)


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
