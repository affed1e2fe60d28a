"""What Blender's NLA makes of our strips, in numpy: layers that follow from others are computed from what plays.

A strip adds its Action's values, read at the strip's own time, times its influence: faded, animated, muted, stretched,
repeated and reversed as Blender does it. Solo and the influence of meta strips are for looking, and left out.
"""

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from . import actions

Strips = Sequence[tuple[Any, bpy.types.NlaStrip]]


def values(strips: Strips, paths: Sequence[str | tuple[str, int]], frames: np.ndarray) -> np.ndarray:
    """(F, paths) the sum of ``strips``, (track, strip) each, at ``frames`` (F,) of the scene."""
    result = np.zeros((len(frames), len(paths)))
    for track, strip in strips:
        if track.mute or strip.mute:
            continue
        share = influence(strip, frames)
        on = np.flatnonzero(share)
        if len(on):
            result[on] += share[on, None] * actions.sample(strip.action, paths, action_frames(strip, frames[on]))
    return result


def action_frames(strip: bpy.types.NlaStrip, frames: np.ndarray) -> np.ndarray:
    """(F,) the frames of its Action that ``strip`` shows at ``frames`` of the scene."""
    curve = strip.fcurves.find("strip_time") if strip.use_animated_time else None
    if curve is not None and len(curve.keyframe_points):
        return np.array([curve.evaluate(frame) for frame in frames])
    first, length = strip.action_frame_start, max(strip.action_frame_end - strip.action_frame_start, 1e-6)
    local = np.clip((frames - strip.frame_start) / (strip.scale or 1.0), 0.0, length * strip.repeat)
    if strip.use_reverse:
        local = length * strip.repeat - local
    turned = np.mod(local, length)
    ends = (turned < 1e-6) & (local > length / 2)  # the last frame of a turn, not the first of the next
    return first + np.where(ends, length, turned)


def scene_frames(strip: bpy.types.NlaStrip, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where ``strip`` shows ``frames`` of its Action: indices of those that it shows, and their frames in the scene."""
    low, high = strip.action_frame_start, strip.action_frame_end
    shown = np.flatnonzero((frames >= low - 1e-3) & (frames <= high + 1e-3))
    local = high - frames[shown] if strip.use_reverse else frames[shown] - low
    return shown, strip.frame_start + local * (strip.scale or 1.0)


def influence(strip: bpy.types.NlaStrip, frames: np.ndarray) -> np.ndarray:
    """(F,) 0 … 1: how much of ``strip`` is on at ``frames`` of the scene."""
    start, end = strip.frame_start, strip.frame_end
    inside = (frames >= start) & (frames <= end)
    if strip.extrapolation in ("HOLD", "HOLD_FORWARD"):
        inside |= frames > end
    if strip.extrapolation == "HOLD":
        inside |= frames < start
    curve = strip.fcurves.find("influence") if strip.use_animated_influence else None
    if curve is not None and len(curve.keyframe_points):
        share = np.clip([curve.evaluate(frame) for frame in frames], 0.0, 1.0)
    else:
        share = np.ones(len(frames))
        if strip.blend_in > 0.0:
            share = np.minimum(share, np.abs(frames - start) / strip.blend_in)
        if strip.blend_out > 0.0:
            share = np.minimum(share, np.abs(end - frames) / strip.blend_out)
    return np.where(inside, share, 0.0)


def signature(track: Any, strip: bpy.types.NlaStrip) -> str:
    """What of a strip tells when and how much it plays; its keys are left out."""
    numbers = [
        strip.frame_start, strip.frame_end, strip.action_frame_start, strip.scale, strip.blend_in,
        strip.blend_out, track.mute or strip.mute, strip.use_reverse,
    ]  # fmt: skip
    curve = strip.fcurves.find("influence") if strip.use_animated_influence else None
    return f"{numbers} {actions.curve_sum(curve) if curve is not None else ''}"
