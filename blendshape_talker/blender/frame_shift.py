"""Moves all that is animated on some data along the timeline for a while, and back to the bit.

Blender's scene range cannot begin below frame 0, and FBX, glTF and USD write the scene's range.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import bpy
import numpy as np

from .animation import curves_of

_KEY_FIELDS = ("co", "handle_left", "handle_right")


@contextmanager
def shifted(holders: Sequence[bpy.types.ID], frames: int) -> Iterator[None]:
    """Strips, their own curves and active Actions of ``holders`` lie ``frames`` (> 0) later inside."""
    actions: set[bpy.types.Action] = set()
    with ExitStack() as stack:
        stack.callback(_tell, holders, actions)
        for holder in holders:
            data = holder.animation_data
            if data is None:
                continue
            if data.action is not None:
                actions.add(data.action)
            for track in data.nla_tracks:
                # the last first: a strip does not move through its neighbour
                for strip in reversed(track.strips):
                    stack.enter_context(_strip_shifted(strip, frames))
        for action in actions:
            for curve in curves_of(action):
                stack.enter_context(_curve_shifted(curve, frames))
        _tell(holders, actions)
        yield


def _tell(holders: Sequence[bpy.types.ID], actions: set[bpy.types.Action]) -> None:
    """Blender evaluates copies: keys written in bulk reach them when told."""
    for item in (*holders, *actions):
        item.update_tag()


@contextmanager
def _strip_shifted(strip: bpy.types.NlaStrip, frames: int) -> Iterator[None]:
    kept = strip.frame_start_raw, strip.frame_end_raw
    with ExitStack() as stack:
        strip.frame_end_raw = kept[1] + frames
        strip.frame_start_raw = kept[0] + frames
        stack.callback(setattr, strip, "frame_end_raw", kept[1])
        stack.callback(setattr, strip, "frame_start_raw", kept[0])
        for curve in strip.fcurves:
            stack.enter_context(_curve_shifted(curve, frames))
        yield


@contextmanager
def _curve_shifted(curve: bpy.types.FCurve, frames: int) -> Iterator[None]:
    points = curve.keyframe_points
    kept = {field: np.empty(2 * len(points), np.float32) for field in _KEY_FIELDS}
    for field, values in kept.items():
        points.foreach_get(field, values)
    try:
        for field, values in kept.items():
            moved = values.copy()
            moved[::2] += frames
            points.foreach_set(field, moved)
        yield
    finally:
        for field, values in kept.items():
            points.foreach_set(field, values)
