"""Reduce Keys: a line's Actions with few Bézier keys in place of one a frame, and what that did to face and lips."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, floor

import bpy
import numpy as np

from ..curves.bezier import BezierKeys
from ..curves.reduce import Curves, closed_rows, reduce, worst_errors
from ..errors import TalkerError
from ..face.flame import lip_gap_per_weight
from ..job import CancelTest
from .languages.translations import translated
from .lines import actions, checks, evaluate, hand_keys
from .lines.derived import on_canonical_head
from .lines.hands import is_edited
from .lines.layers import own_action
from .lines.marks import Line, in_library, lines_of, read_action, write_mark
from .lines.shapes import value_path

BOUND_RANGE = (0.01, 5.0)


@dataclass(frozen=True)
class Reduction:
    """Keys before and after; mm by which the worst vertex of the worst frame is off; closed frames, and those kept."""

    before: int
    after: int
    worst_mm: float
    closed: int
    kept: int

    def __str__(self) -> str:
        words = "{} keys became {} ({} times fewer); worst vertex {} mm off; lips closed in {} of {} frames as before"
        fewer, worst = f"{self.before / max(self.after, 1):.1f}", f"{self.worst_mm:.2f}"
        return translated(words).format(self.before, self.after, fewer, worst, self.kept, self.closed)


@dataclass(frozen=True)
class Task:
    """What :func:`curves.reduce.reduce` needs, read from Blender: a thread may fit it.

    sums: checksums of the line's Actions; data: their curves in the frames of the scene from ``first`` on.
    """

    sums: tuple[str, ...]
    first: int
    data: Curves
    bound: float

    def fit(
        self, progress: Callable[[float], None] = lambda fraction: None, cancelled: CancelTest = lambda: False
    ) -> list[BezierKeys]:
        """Few keys for each curve; touches no Blender data."""
        return reduce(self.data, self.bound, progress, cancelled)


def check_bound(bound: float) -> None:
    """Raise :class:`TalkerError` for an error bound that makes no sense."""
    low, high = BOUND_RANGE
    if not low <= bound <= high:  # also refuses NaN
        raise TalkerError(f"an error of {bound:g} mm is out of range; choose {low:g} to {high:g}")


def reduce_line(target: bpy.types.Object, line: Line, bound: float) -> Reduction:
    """Give every Action of ``line`` the fewest Bézier keys found that keep each vertex within ``bound`` mm.

    Keys that hands set stay. Nothing is written before all is known: :class:`TalkerError`.
    """
    task = prepare(target, line, bound)
    return write(target, line, task, task.fit())


def prepare(target: bpy.types.Object, line: Line, bound: float) -> Task:
    """Read what is to be fitted; :class:`TalkerError` where nothing can be."""
    check_bound(bound)
    if target.data.shape_keys.animation_data.use_tweak_mode:
        raise TalkerError("an NLA strip is in tweak mode; leave it with Tab in the NLA editor")
    problem = checks.keys_problem(line)
    if problem:
        raise TalkerError(problem)
    return Task(*_curves(target, line), bound)


def write(target: bpy.types.Object, line: Line, task: Task, fitted: list[BezierKeys]) -> Reduction:
    """Write what :meth:`Task.fit` gave, and say what that did; the line must stand as it did for :func:`prepare`."""
    if _sums(line) != task.sums:
        raise TalkerError(translated("{} was changed meanwhile; reduce its keys again").format(line.name))
    keys = target.data.shape_keys
    played = _Played(target, line, task.first + np.arange(len(task.data.values)))
    found = list(_plain_curves(keys, line))
    edited = {action: is_edited(action) for action in line.actions()}
    owned = {action: own_action(keys, action) for action in edited}
    before = after = 0
    for (action, curve, later), fit in zip(found, fitted, strict=True):
        if owned[action] != action:
            curve = next(own for own in actions.curves_of(owned[action]) if own.data_path == curve.data_path)
        count = len(curve.keyframe_points)
        before, after = before + count, after + min(len(fit.rows), count)
        if len(fit.rows) < count:
            write_bezier(curve, fit, task.first - later)
    for former, action in owned.items():
        mark = read_action(action)
        if mark is not None and not edited[former]:
            write_mark(action, {**mark, "checksum": actions.checksum(action), "reduced": task.bound})
        action.update_tag()
    keys.update_tag(refresh={"TIME"})
    fresh = next(item for item in lines_of(keys) if item.uid == line.uid)
    return Reduction(before, after, *played.compared(fresh))


def write_bezier(curve: bpy.types.FCurve, fit: BezierKeys, first: int) -> None:
    """Replace the keys of ``curve`` by those of ``fit``, whose row 0 lies at frame ``first``; in bulk.

    Handles stand at thirds of the time between keys, aligned where the curve is smooth, else free: so Blender plays the
    cubic that was fitted.
    """
    count = len(fit.rows)
    frames = first + fit.rows.astype(np.float64)
    gaps = np.diff(frames) / 3.0
    before = np.concatenate([gaps[:1] if count > 1 else [1.0], gaps])
    after = np.concatenate([gaps, gaps[-1:] if count > 1 else [1.0]])
    left, right = fit.left.copy(), fit.right.copy()
    left[0], right[-1] = right[0], left[-1]  # nothing is played beyond the ends
    items = bpy.types.Keyframe.bl_rna.properties
    kinds = items["handle_left_type"].enum_items
    bezier = items["interpolation"].enum_items["BEZIER"].value
    smooth = BezierKeys(fit.rows, fit.values, left, right).smooth
    handle = np.where(smooth, kinds["ALIGNED"].value, kinds["FREE"].value).astype(np.int32)
    keys = curve.keyframe_points
    keys.clear()
    keys.add(count)
    keys.foreach_set("co", _pairs(frames, fit.values))
    keys.foreach_set("interpolation", np.full(count, bezier, np.int32))
    keys.foreach_set("handle_left_type", handle)
    keys.foreach_set("handle_right_type", handle)
    keys.foreach_set("handle_left", _pairs(frames - before, fit.values - left * before))
    keys.foreach_set("handle_right", _pairs(frames + after, fit.values + right * after))
    for part in ("select_control_point", "select_left_handle", "select_right_handle"):
        keys.foreach_set(part, np.zeros(count, bool))
    curve.update()


def _pairs(frames: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.stack([frames, values], axis=1).astype(np.float32).ravel()


def _sums(line: Line) -> tuple[str, ...]:
    return tuple(actions.checksum(action) for action in line.actions())


def _plain_curves(keys: bpy.types.Key, line: Line) -> Iterator[tuple[bpy.types.Action, bpy.types.FCurve, int]]:
    """Each curve of ``line`` that may get other keys, its Action, and by how many frames it plays later than they lie.

    Left out are curves that are muted or modified, those of a library and those of no shape key.
    """
    paths = {value_path(block.name) for block in keys.key_blocks[1:]}
    seen = set()
    for strips in line.strips.values():
        for track, strip in strips:
            if strip.action in seen or in_library(track) or strip.action.library:
                continue
            seen.add(strip.action)
            later = round(strip.frame_start - strip.action_frame_start)
            for curve in actions.curves_of(strip.action):
                plain = not curve.mute and not len(curve.modifiers) and len(curve.keyframe_points) > 1
                if plain and curve.data_path in paths:
                    yield strip.action, curve, later


def _curves(target: bpy.types.Object, line: Line) -> tuple[tuple[str, ...], int, Curves]:
    """What :class:`Task` holds: checksums, first frame, curves."""
    keys = target.data.shape_keys
    found = list(_plain_curves(keys, line))
    if not found:
        raise TalkerError(translated("{} has no keys that could be reduced").format(line.name))
    spans = [(ceil(curve.range()[0] + later), floor(curve.range()[1] + later)) for _, curve, later in found]
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    values, kept = np.zeros((last - first + 1, len(found))), []
    hands = {action: hand_keys.hand_frames(action) for action in {action for action, _, _ in found}}
    for column, ((action, curve, later), (low, high)) in enumerate(zip(found, spans, strict=True)):
        inside = [curve.evaluate(frame - later) for frame in range(low, high + 1)]
        values[:, column] = np.interp(np.arange(first, last + 1), np.arange(low, high + 1), inside)
        theirs = hands[action].get(curve.data_path, ())
        kept.append([int(frame) + later - first for frame in theirs if frame % 1 == 0])
    blocks = {value_path(block.name): block.name for block in keys.key_blocks}
    names = [blocks[curve.data_path] for _, curve, _ in found]
    several = list(dict.fromkeys(names))
    shapes = (on_canonical_head(target, several) * 1e3)[[several.index(name) for name in names]]
    gap = _Played(target, line, first + np.arange(len(values))).gap()
    rows = [(low - first, high - first) for low, high in spans]
    return _sums(line), first, Curves(values, rows, shapes, lip_gap_per_weight(shapes), kept, gap)


class _Played:
    """What the strips of a line play now, to be compared with what they play later."""

    def __init__(self, target: bpy.types.Object, line: Line, frames: np.ndarray) -> None:
        keys = target.data.shape_keys
        self.frames = frames
        paths = {curve.data_path for action in line.actions() for curve in actions.curves_of(action)}
        names = [block.name for block in keys.key_blocks[1:] if value_path(block.name) in paths]
        self.paths = [value_path(name) for name in names]
        self.shapes = on_canonical_head(target, names) * 1e3
        self.values = self._now(line)

    def gap(self) -> np.ndarray:
        """(F,) mm by which the lips are parted."""
        return np.asarray(self.values @ lip_gap_per_weight(self.shapes))

    def compared(self, line: Line) -> tuple[float, int, int]:
        """Worst distance of a vertex in mm, frames with closed lips before, and those of them closed now."""
        now, gap = self._now(line), lip_gap_per_weight(self.shapes)
        closed = closed_rows(self.values @ gap)
        kept = closed & closed_rows(now @ gap)
        return float(worst_errors(self.shapes, now - self.values).max()), int(closed.sum()), int(kept.sum())

    def _now(self, line: Line) -> np.ndarray:
        strips = [item for layer in line.strips.values() for item in layer]
        return evaluate.values(strips, self.paths, self.frames)
