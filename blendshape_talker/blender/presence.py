"""What the panel shows and sets of head and eyes: how strong they move in the line at the playhead."""

import bpy

from . import animation, motion
from .animation import Line
from .lines.versions import PROPERTY_CALLBACKS


def shown(scene: bpy.types.Scene) -> tuple[bpy.types.Object | None, Line | None]:
    """The chosen head and the line that the sliders turn: the one at the playhead, else the nearest."""
    head = scene.blendshape_talker.target
    return head, animation.line_at(head, scene.frame_current)


def _get(layer: str):
    def get(settings: "TalkerPresence") -> float:
        return motion.strength_of(*shown(settings.id_data), layer) or 0.0

    return get


def _set(layer: str):
    def set_to(settings: "TalkerPresence", value: float) -> None:
        head, line = shown(settings.id_data)
        if head is not None and line is not None:
            motion.set_strength(head, line, layer, value)

    return set_to


def _strength(layer: str, name: str, description: str):
    callbacks = {"get": _get(layer), "set": _set(layer)} if PROPERTY_CALLBACKS else {}
    return bpy.props.FloatProperty(
        name=name, description=description, min=0.0, max=animation.MAXIMUM_STRENGTH, subtype="FACTOR", options=set(),
        **callbacks,
    )  # fmt: skip


class TalkerPresence(bpy.types.PropertyGroup):
    """The scene's sliders of head and gaze."""

    head: _strength(
        "head", "Head Motion",
        "How far the head moves in the line at the playhead: 1 as baked, 0 not at all. Fade it over time with the "
        "influence of its strip in the NLA editor",
    )  # fmt: skip
    gaze: _strength(
        "gaze", "Gaze",
        "How far the eyes move in the line at the playhead: 1 as baked, 0 not at all. Fade it over time with the "
        "influence of its strip in the NLA editor",
    )  # fmt: skip


CLASSES = (TalkerPresence,)
