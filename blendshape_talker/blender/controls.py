"""Sliders of a head that may be keyed, and what follows when they, or strips, were changed by hand.

A slider that is moved shows at once. Keys on it, and strips that were moved in the NLA editor, are noticed a moment
after the hand lets go; without a window nobody notices, and *Refresh* or an export brings the head up to date.
"""

import logging

import bpy

from . import animation
from .lines import controls
from .lines.versions import PROPERTY_CALLBACKS

logger = logging.getLogger(__name__)

_SETTLED_SECONDS = 0.25
_KINDS = ("ACTION", "KEY", "OBJECT", "MESH")


def _changed(group: "TalkerControls", context: bpy.types.Context) -> None:
    animation.refresh(group.id_data)


_CALLBACK = {"update": _changed} if PROPERTY_CALLBACKS else {}


class TalkerControls(bpy.types.PropertyGroup):
    """Corrections of what a head speaks, over all of its lines; each may be keyed."""

    speech: bpy.props.FloatProperty(
        name="Speech", description="How far the mouth moves: 1 as baked, 0 not at all",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", **_CALLBACK,
    )  # fmt: skip
    upper_face: bpy.props.FloatProperty(
        name="Upper Face", description="How strong emotions show on brows and lids: 1 as baked, 0 not at all",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", **_CALLBACK,
    )  # fmt: skip
    lower_face: bpy.props.FloatProperty(
        name="Lower Face", description="How strong emotions show on cheeks and mouth: 1 as baked, 0 not at all",
        default=1.0, min=0.0, max=2.0, subtype="FACTOR", **_CALLBACK,
    )  # fmt: skip
    blinks: bpy.props.FloatProperty(
        name="Blinks", description="How far a blink shuts the eyes: 1 all the way, 0 not at all",
        default=1.0, min=0.0, max=1.0, subtype="FACTOR", **_CALLBACK,
    )  # fmt: skip
    smoothing: bpy.props.FloatProperty(
        name="Lip Smoothing", description="Over how many milliseconds the motion of the lips is averaged",
        default=0.0, min=0.0, max=200.0, precision=0, step=100, **_CALLBACK,
    )  # fmt: skip
    delay: bpy.props.FloatProperty(
        name="Lip Delay", description="By how many milliseconds the lips come after the sound; below 0 before it",
        default=0.0, min=-200.0, max=200.0, precision=0, step=100, **_CALLBACK,
    )  # fmt: skip
    lip_close: bpy.props.FloatProperty(
        name="Lips Closer", description="By how many millimetres the lips are closer; below 0 farther apart",
        default=0.0, min=-10.0, max=10.0, precision=1, step=10, **_CALLBACK,
    )  # fmt: skip
    lid_close: bpy.props.FloatProperty(
        name="Lids Lower", description="By how many millimetres the lids hang lower; below 0 the eyes open wider",
        default=0.0, min=-5.0, max=10.0, precision=1, step=10, **_CALLBACK,
    )  # fmt: skip


def reset(target: bpy.types.Object) -> None:
    """All controls of ``target`` as they were baked, their keys gone."""
    controls.remove_keys(target)
    group = getattr(target, controls.HOLDER)
    for name in controls.UNITS:
        group.property_unset(name)
    animation.refresh(target)


def watch() -> None:
    """From now on notice what hands change, while there is a window."""
    if not bpy.app.background and _noticed not in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.append(_noticed)


def stop_watching() -> None:
    """The reverse of :func:`watch`."""
    if _noticed in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.remove(_noticed)
    if bpy.app.timers.is_registered(_follow):
        bpy.app.timers.unregister(_follow)


@bpy.app.handlers.persistent
def _noticed(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    if any(depsgraph.id_type_updated(kind) for kind in _KINDS) and not bpy.app.timers.is_registered(_follow):
        bpy.app.timers.register(_follow, first_interval=_SETTLED_SECONDS)


def _follow() -> float | None:
    """Bring heads up to date once no tool is at work: a tool that drags holds pointers to what it drags."""
    windows = bpy.context.window_manager.windows
    if any(len(getattr(window, "modal_operators", ())) for window in windows):
        return _SETTLED_SECONDS
    for target in bpy.data.objects:
        if target.type == "MESH" and target.mode == "OBJECT" and animation.is_stale(target):
            animation.refresh(target)
            for window in windows:
                for area in window.screen.areas:
                    area.tag_redraw()
    return None


CLASSES = (TalkerControls,)
