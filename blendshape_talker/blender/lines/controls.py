"""The sliders of a head that may be keyed: their values frame by frame, wherever Blender animates them.

They are properties of the object (:class:`blender.controls.TalkerControls`), so that a key is set on them as on any
slider. What they do to a line is a layer of it, computed when they change (:mod:`derived`).
"""

import zlib

import bpy
import numpy as np

from ...expression.controls import Controls
from . import actions, evaluate

HOLDER = "blendshape_talker"  # the property group on an object
UNITS = {  # property -> what one of it is in the unit of Controls
    **{"speech": 1.0, "upper_face": 1.0, "lower_face": 1.0, "blinks": 1.0},
    **{"smoothing": 1e-3, "delay": 1e-3, "lip_close": 1e-3, "lid_close": 1e-3},
}


def sampled(target: bpy.types.Object, frames: np.ndarray) -> Controls:
    """The controls of ``target`` at ``frames`` (F,) of the scene; idle ones where it has none."""
    group = getattr(target, HOLDER, None)
    if group is None:
        return Controls()
    values: dict[str, np.ndarray | float] = {}
    for name, unit in UNITS.items():
        found = _curve(target, name)
        if found is None:
            values[name] = unit * float(getattr(group, name))
        else:
            curve, places = found[0], frames if found[1] is None else evaluate.action_frames(found[1], frames)
            values[name] = unit * np.array([curve.evaluate(frame) for frame in places])
    return Controls(**values)


def signature(target: bpy.types.Object) -> str:
    """Tells the controls, and how they are animated, from others."""
    group = getattr(target, HOLDER, None)
    total = 0
    for name in UNITS if group is not None else ():
        found = _curve(target, name)
        told = f"{name} {getattr(group, name):.6g}" if found is None else actions.curve_sum(found[0])
        total = zlib.crc32(told.encode(), total)
        if found is not None and found[1] is not None:
            strip = found[1]
            total = zlib.crc32(f"{strip.frame_start} {strip.frame_end} {strip.scale}".encode(), total)
    return f"{total:08x}"


def remove_keys(target: bpy.types.Object) -> None:
    """Take the controls' F-curves out of the Actions that ``target`` plays."""
    data = target.animation_data
    if data is None:
        return
    playing = [(data.action, getattr(data, "action_slot", None))]
    playing += [
        (strip.action, getattr(strip, "action_slot", None)) for track in data.nla_tracks for strip in track.strips
    ]
    paths = {f"{HOLDER}.{name}" for name in UNITS}
    for action, slot in playing:
        if action is not None and action.library is None:
            actions.remove_curves_in(action, slot, paths)


def _curve(target: bpy.types.Object, name: str) -> tuple[bpy.types.FCurve, bpy.types.NlaStrip | None] | None:
    """The F-curve that animates a control, of the active Action or of the highest strip that has one."""
    data, path = target.animation_data, f"{HOLDER}.{name}"
    if data is None:
        return None
    if data.action is not None:
        for curve in actions.curves_in(data.action, getattr(data, "action_slot", None)):
            if curve.data_path == path and not curve.mute and len(curve.keyframe_points):
                return curve, None
    for track in reversed(data.nla_tracks) if data.use_nla else ():
        for strip in track.strips:
            if track.mute or strip.mute or strip.action is None:
                continue
            for curve in actions.curves_in(strip.action, getattr(strip, "action_slot", None)):
                if curve.data_path == path and not curve.mute and len(curve.keyframe_points):
                    return curve, strip
    return None
