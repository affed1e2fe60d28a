"""How far the eyes of a head look down while a line plays: its lids follow them (:mod:`expression.lids`).

The eyes are bones of the head's armature, and move by strips of the line's there (blender/motion.py), with whatever an
animator's own Action does to them on top.
"""

import bpy
import numpy as np

from . import actions, evaluate
from .marks import STRENGTH, Line, own_strips

JOINTS = "blendshape_talker_joints"  # custom property on the armature object
_PITCH = [(f'pose.bones["{bone}"].rotation_euler', 0) for bone in ("eye_L", "eye_R")]  # looking up is positive


def joints_of(head: bpy.types.Object | None) -> bpy.types.Object | None:
    """The armature of ours that moves ``head``; None without."""
    for modifier in head.modifiers if head is not None and head.type == "MESH" else ():
        if modifier.type == "ARMATURE" and modifier.object is not None and modifier.object.get(JOINTS):
            return modifier.object
    return None


def pitch_of(head: bpy.types.Object, line: Line, frames: np.ndarray) -> np.ndarray:
    """(F, 2) radians by which the left and the right eye of ``head`` look down at ``frames`` (F,) of the scene."""
    armature = joints_of(head)
    if armature is None:
        return np.zeros((len(frames), 2))
    raised = evaluate.values([(track, strip) for track, strip, _ in _strips(armature, line)], _PITCH, frames)
    action = _own_action(armature)
    if action is not None:
        played = actions.sample(action, _PITCH, frames)
        for column, _ in _curves(action):
            added = armature.animation_data.action_blend_type == "ADD"
            below = 0.0 if added else raised[:, column]
            raised[:, column] += armature.animation_data.action_influence * (played[:, column] - below)
    return -raised


def signature(head: bpy.types.Object, line: Line) -> list[str]:
    """What tells one motion of the eyes from another; empty where nothing of ours moves them. Cheap."""
    armature = joints_of(head)
    if armature is None:
        return []
    told = []
    for track, strip, mark in _strips(armature, line):
        told.append(f"gaze {evaluate.signature(track, strip)} {mark.get('seed')} {strip.action.get(STRENGTH, 1.0)}")
    action = _own_action(armature)
    for column, curve in _curves(action) if action is not None else ():
        data = armature.animation_data
        told.append(f"eyes {column} {actions.curve_sum(curve)} {data.action_blend_type} {data.action_influence}")
    return told


def _strips(armature: bpy.types.Object, line: Line):
    found = own_strips(armature) if armature.animation_data else ()
    return [item for item in found if item[2]["layer"] == "gaze" and item[2]["line"] == line.uid]


def _own_action(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The Action above the strips; while a strip is being tweaked Blender shows that strip's in its place."""
    data = armature.animation_data
    return data.action if data is not None and not data.use_tweak_mode else None


def _curves(action: bpy.types.Action) -> list[tuple[int, bpy.types.FCurve]]:
    """(column, curve) of the eyes' pitch that play in ``action``."""
    return [
        (_PITCH.index((curve.data_path, curve.array_index)), curve)
        for curve in actions.curves_of(action)
        if (curve.data_path, curve.array_index) in _PITCH and not curve.mute and len(curve.keyframe_points)
    ]
