"""Actions and F-curves: written in bulk, read, summed up."""

import zlib
from collections.abc import Iterable, Sequence

import bpy
import numpy as np

from .versions import add_slot, bags_in, bags_of, slot_of

_LINEAR, _BEZIER = (
    bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items[name].value for name in ("LINEAR", "BEZIER")
)
_ENUM = np.uint8  # how Blender keeps a key's enums: arrays of it are copied whole, of others number by number
FRAME_LIMIT = 1048574  # Blender evaluates no frame beyond (MAXFRAME in its DNA)


def new_action(name: str, owner: str, kind: str = "KEY") -> bpy.types.Action:
    """A fresh, empty Action for shape keys, or for data of another ``kind`` (OBJECT); ``owner`` names its slot where
    Actions have slots (4.4 and later)."""
    action = bpy.data.actions.new(name)
    add_slot(action, kind, owner)
    return action


def use_in_strip(strip: bpy.types.NlaStrip, action: bpy.types.Action) -> None:
    """Let ``strip`` play ``action``."""
    if strip.action != action:
        strip.action = action
    slot = slot_of(action, "OBJECT" if isinstance(strip.id_data, bpy.types.Object) else "KEY")
    if slot is not None:
        strip.action_slot = slot


def curves_of(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """Every F-curve of ``action``."""
    return [curve for bag in bags_of(action) for curve in bag.fcurves]


def last_frame(action: bpy.types.Action) -> float:
    """The last frame that has a key."""
    return float(action.frame_range[1])


def write_curves(
    action: bpy.types.Action, group: str, paths: Sequence[str | tuple[str, int]], frames: np.ndarray, values: np.ndarray
) -> None:
    """Add one F-curve per path, or path and index: frames (T,), values (T, len(paths)); linear, in bulk, unselected.

    A key between two equal neighbours says nothing and is left out: a straight line stays one.
    """
    for column, path in enumerate(paths):
        add_curve(action, group, path, frames, values[:, column])


def add_curve(
    action: bpy.types.Action, group: str, path: str | tuple[str, int], frames: np.ndarray, values: np.ndarray
) -> tuple[bpy.types.FCurve, np.ndarray]:
    """One F-curve as :func:`write_curves` writes it: frames (T,), values (T,). Returns it and its keys (N, 2)."""
    bag = bags_of(action)[0]
    kept = _telling(values)
    points = np.stack([frames[kept], values[kept]], axis=1).astype(np.float32)
    name, index = (path, 0) if isinstance(path, str) else path
    curve = bag.fcurves.new(name, index=index)
    curve.group = bag.groups.get(group) or bag.groups.new(group)
    keys = curve.keyframe_points
    keys.add(len(points))  # with automatic handles, whatever the preferences say: for whoever bends them
    keys.foreach_set("co", points.ravel())
    keys.foreach_set("interpolation", np.full(len(points), _LINEAR, _ENUM))
    for part in ("select_control_point", "select_left_handle", "select_right_handle"):
        keys.foreach_set(part, np.zeros(len(points), bool))
    curve.select = False
    curve.update()
    return curve, points


def write_moving(
    action: bpy.types.Action, group: str, paths: Sequence[str], frames: np.ndarray, values: np.ndarray
) -> None:
    """Replace all F-curves as :func:`write_curves` writes them; paths whose values stay at 0 get none, the first aside.

    An Action is as long as its keys: so it keeps one curve.
    """
    clear_curves(action)
    moving = moving_columns(values)
    write_curves(action, group, [paths[column] for column in moving], frames, values[:, moving])


def moving_columns(values: np.ndarray) -> list[int]:
    """Those of (T, K) values that are not 0 all the time, else the first."""
    return [column for column in range(values.shape[1]) if np.abs(values[:, column]).max(initial=0.0) > 1e-6] or [0]


def fill(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray, first: int, last: int) -> tuple[int, int]:
    """A straight key in each of the rows ``first`` … ``last`` of ``frames`` (T,); the curve plays on as before outside.

    values (T,): of the whole curve, new within those rows. The stretch grows to the keys around it, because a bent
    piece cannot be kept in part; returns its first and last row.
    """
    keys = curve.keyframe_points
    points = _keys(keys, "co")
    first, last = max(first, 0), min(last, len(frames) - 1)
    before = np.flatnonzero(points[:, 0] <= frames[first] + 1e-4)
    after = np.flatnonzero(points[:, 0] >= frames[last] - 1e-4)
    left, right = (before[-1] if len(before) else None), (after[0] if len(after) else None)
    low = first if left is None else max(int(np.ceil(points[left, 0] - frames[0] - 1e-4)), 0)
    high = last if right is None else min(int(np.floor(points[right, 0] - frames[0] + 1e-4)), len(frames) - 1)
    inside = np.stack([frames[low : high + 1], values[low : high + 1]], axis=1).astype(np.float32)
    if left is not None:
        inside = inside[inside[:, 0] > points[left, 0] + 1e-4]
    if right is not None:
        inside = inside[inside[:, 0] < points[right, 0] - 1e-4]
    kept_before, kept_after = (0 if left is None else int(left) + 1), (len(points) if right is None else int(right))
    count = len(inside)
    enums = bpy.types.Keyframe.bl_rna.properties["handle_left_type"].enum_items
    fresh: dict[str, np.ndarray] = {
        "co": inside, "handle_left": inside - [0.3, 0.0], "handle_right": inside + [0.3, 0.0],
        "interpolation": np.full(count, _LINEAR), "handle_left_type": np.full(count, enums["AUTO_CLAMPED"].value),
        "handle_right_type": np.full(count, enums["AUTO_CLAMPED"].value), "type": np.zeros(count),
        "easing": np.zeros(count),
    }  # fmt: skip
    merged = {}
    for name, part in fresh.items():
        width = 2 if part.ndim == 2 else 1
        whole = np.empty(width * len(points), np.float32 if width == 2 else np.int32)
        keys.foreach_get(name, whole)
        whole = whole.reshape(len(points), width)
        ends = whole[:kept_before], whole[kept_after:]
        if name == "interpolation" and kept_before:
            ends[0][-1] = _LINEAR
        merged[name] = np.concatenate([ends[0], part.reshape(count, width).astype(whole.dtype), ends[1]])
    keys.clear()
    keys.add(len(merged["co"]))
    for name, whole in merged.items():
        keys.foreach_set(name, whole.ravel())
    for part in ("select_control_point", "select_left_handle", "select_right_handle"):
        keys.foreach_set(part, np.zeros(len(merged["co"]), bool))
    curve.update()
    return low, high


def clear_curves(action: bpy.types.Action) -> None:
    """Take all F-curves and groups out of ``action``."""
    for bag in bags_of(action):
        for curve in list(bag.fcurves):
            bag.fcurves.remove(curve)
        for group in list(bag.groups):
            bag.groups.remove(group)


def remove_curves(action: bpy.types.Action, paths: set[str]) -> None:
    """Take the F-curves of ``paths`` out of ``action``, and groups that are empty then."""
    for bag in bags_of(action):
        for curve in [curve for curve in bag.fcurves if curve.data_path in paths]:
            bag.fcurves.remove(curve)
        for group in [group for group in bag.groups if not len(group.channels)]:
            bag.groups.remove(group)


def read_curves(action: bpy.types.Action) -> dict[str, np.ndarray]:
    """Keys of every F-curve of ``action``: data path -> (T, 2) frames and values."""
    return {curve.data_path: _keys(curve.keyframe_points, "co") for curve in curves_of(action)}


def sample(action: bpy.types.Action, paths: Iterable[str | tuple[str, int]], frames: np.ndarray) -> np.ndarray:
    """(T, paths) values at ``frames`` (T,) of the action, as Blender plays them; 0 where no F-curve plays.

    Paths with their index, where they are not plain numbers.
    """
    curves = {(curve.data_path, curve.array_index): curve for curve in curves_of(action) if not curve.mute}
    paths = list(paths)
    result = np.zeros((len(frames), len(paths)))
    for column, path in enumerate(paths):
        curve = curves.get((path, 0) if isinstance(path, str) else path)
        if curve is None or not len(curve.keyframe_points):
            continue
        straight = (_kinds(curve.keyframe_points) == _LINEAR).all() and curve.extrapolation == "CONSTANT"
        if straight and not len(curve.modifiers):
            points = _keys(curve.keyframe_points, "co")
            result[:, column] = np.interp(frames, points[:, 0], points[:, 1])
        else:
            result[:, column] = [curve.evaluate(frame) for frame in frames]
    return result


def scale_keys(action: bpy.types.Action, ratio: float, keep_above: float | None = None) -> tuple[str, str]:
    """Multiply the values of all keys and their handles; keys beyond ``keep_above`` before it stay as they are.

    Returns the action's :func:`checksum` before and after, which costs little here: a slider calls this while it moves.
    """
    before, after = Checksum(), Checksum()
    for curve in curves_of(action):
        keys = curve.keyframe_points
        points, kinds = _keys(keys, "co"), _kinds(keys)
        factor = np.full(len(points), ratio)
        if keep_above is not None:
            factor[np.abs(points[:, 1]) > keep_above] = 1.0
        before.add(curve, points, kinds)
        bent = (kinds == _BEZIER).any()
        for name in ("co", "handle_left", "handle_right") if bent else ("co",):  # straight keys need no handles
            array = points if name == "co" else _keys(keys, name)
            array[:, 1] *= factor
            keys.foreach_set(name, array.ravel())
        after.add(curve, points, kinds)
        if bent:
            curve.update()
    return str(before), str(after)


def curves_in(action: bpy.types.Action, slot) -> list[bpy.types.FCurve]:
    """The F-curves of ``action`` in one slot; all where Actions have none, or the slot is not known."""
    return [curve for bag in bags_in(action, slot) for curve in bag.fcurves]


def remove_curves_in(action: bpy.types.Action, slot, paths: set[str]) -> None:
    """Take the F-curves of ``paths`` out of one slot of ``action``."""
    for bag in bags_in(action, slot):
        for curve in [curve for curve in bag.fcurves if curve.data_path in paths]:
            bag.fcurves.remove(curve)


def curve_sum(curve: bpy.types.FCurve) -> str:
    """A checksum of one F-curve, of all that its course depends on."""
    keys, total = curve.keyframe_points, 0
    for name in ("co", "handle_left", "handle_right"):
        total = zlib.crc32(_keys(keys, name).tobytes(), total)
    return f"{_rest_sum(total, curve, _kinds(keys)):08x}"


def checksum(action: bpy.types.Action) -> str:
    """The :class:`Checksum` of all curves of ``action``."""
    total = Checksum()
    for curve in curves_of(action):
        total.add(curve, _keys(curve.keyframe_points, "co"), _kinds(curve.keyframe_points))
    return str(total)


class Checksum:
    """A checksum of keys, modifiers and muted curves: it changes with any hand's edit of what plays as baked."""

    def __init__(self) -> None:
        self._values, self._rest = 0, 0

    def add(self, curve: bpy.types.FCurve, points: np.ndarray, kinds: np.ndarray | None = None) -> None:
        """The next curve of an Action: its keys (N, 2) float32; kinds (N,): their interpolation, else all straight."""
        kinds = np.full(len(points), _LINEAR, np.int32) if kinds is None else kinds
        self._values = zlib.crc32(points.tobytes(), zlib.crc32(curve.data_path.encode(), self._values))
        self._rest = _rest_sum(self._rest, curve, kinds)

    def __str__(self) -> str:
        return f"{self._values:08x}{self._rest:08x}"


def _rest_sum(total: int, curve: bpy.types.FCurve, kinds: np.ndarray) -> int:
    modifiers = [(modifier.type, modifier.mute) for modifier in curve.modifiers]
    return zlib.crc32(f"{curve.mute} {curve.extrapolation} {modifiers}".encode(), zlib.crc32(kinds.tobytes(), total))


def _kinds(keys) -> np.ndarray:
    kinds = np.empty(len(keys), _ENUM)
    keys.foreach_get("interpolation", kinds)
    return kinds.astype(np.int32)  # as checksums of older files have it


def _telling(values: np.ndarray) -> np.ndarray:
    """(T,) bool: the first key, the last and each that differs from a neighbour."""
    kept = np.ones(len(values), bool)
    if len(values) > 2:
        same = values[1:] == values[:-1]
        kept[1:-1] = ~(same[1:] & same[:-1])
    return kept


def _keys(keys, name: str) -> np.ndarray:
    array = np.empty((len(keys), 2), np.float32)
    keys.foreach_get(name, array.ravel())
    return array
