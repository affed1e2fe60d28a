"""What differs between Blender 4.2 and 5.2: the one file that knows. It asks for features, not for versions."""

from typing import Any

import bpy

# Blender 4.2 as a module crashes at exit once a property had a Python callback; without a screen nobody misses them.
# Nothing but the version tells.
PROPERTY_CALLBACKS = bool(bpy.app.binary_path) or bpy.app.version >= (4, 3)

# 5.2 named these times of a sequencer strip anew; the names before it go in 6.0.
_STRIP_TIMES = {
    "content_start": "frame_start",
    "content_duration": "frame_duration",
    "left_handle": "frame_final_start",
    "right_handle": "frame_final_end",
    "left_handle_offset": "frame_offset_start",
    "right_handle_offset": "frame_offset_end",
}


def add_slot(action: bpy.types.Action, kind: str, owner: str) -> None:
    """Ready an empty ``action`` for the F-curves of a ``kind`` (KEY, OBJECT); ``owner`` names the slot (4.4 on)."""
    if hasattr(action, "slots"):
        slot = action.slots.new(id_type=kind, name=owner)
        action.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    else:
        action.id_root = kind


def slot_of(action: bpy.types.Action, kind: str = "KEY") -> Any:
    """The slot of shape keys, or of data of another ``kind``, in ``action``; None where Actions have none."""
    return next((slot for slot in getattr(action, "slots", ()) if slot.target_id_type == kind), None)


def bags_of(action: bpy.types.Action) -> list[Any]:
    """What holds F-curves and their groups: the channel bags of a slotted Action, else the Action itself."""
    if hasattr(action, "layers"):
        return [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return [action]


def bags_in(action: bpy.types.Action, slot: Any) -> list[Any]:
    """Those of :func:`bags_of` that belong to one slot; all where Actions have none, or the slot is not known."""
    if slot is None or not hasattr(action, "layers"):
        return bags_of(action)
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips]
    return [bag for bag in bags if bag is not None]


def points_of(block: bpy.types.ShapeKey) -> Any:
    """The points of a shape key: `points` is the faster way to them, where there is one."""
    return block.points if hasattr(block, "points") else block.data


def strips_of(editor: bpy.types.SequenceEditor) -> Any:
    """The strips of the sequencer that lie in no meta strip: 4.4 renamed them."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def all_strips_of(editor: bpy.types.SequenceEditor) -> list[Any]:
    """Every strip of the sequencer, those in meta strips too."""
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def strips_inside(group: Any) -> Any:
    """The strips of a meta strip."""
    return group.strips if hasattr(group, "strips") else group.sequences


def strip_time(strip: Any, name: str) -> float:
    """A time of a sequencer strip, in frames, by its name in Blender 5.2, ``left_handle`` for one."""
    time: float = getattr(strip, name if hasattr(strip, name) else _STRIP_TIMES[name])
    return time


def set_strip_time(strip: Any, name: str, frame: float) -> None:
    """The other way of :func:`strip_time`; Blender takes whole frames for handles."""
    setattr(strip, name if hasattr(strip, name) else _STRIP_TIMES[name], frame)


def stored_properties(group: bpy.types.PropertyGroup) -> Any:
    """What a property group holds, by name, as numbers: 5.0 on keeps it apart from custom properties. Maybe None."""
    return group.bl_system_properties_get() if hasattr(group, "bl_system_properties_get") else group


def write_video(image_settings: bpy.types.ImageFormatSettings) -> None:
    """Let a scene render a video by FFmpeg: 5.0 on wants the kind of file first."""
    if hasattr(image_settings, "media_type"):
        image_settings.media_type = "VIDEO"
    image_settings.file_format = "FFMPEG"


def denoise_fast(cycles: Any) -> None:
    """The quick way of Cycles' denoiser, where it has a choice."""
    if hasattr(cycles, "denoising_quality"):
        cycles.denoising_quality = "FAST"
