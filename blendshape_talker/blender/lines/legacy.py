"""Bakes of version 0.1.0: recognised, and turned into a line in place.

They kept the speech as the shape keys' active Action, the expression in track "Expression", its strength beyond 1 in
"Expression boost", and marked all three with bare words.
"""

import json
import zlib
from typing import Any

import bpy
import numpy as np

from . import actions, layers
from .marks import MARK, STRENGTH, new_uid, write_mark
from .names import short_names
from .shapes import SLIDER_LIMIT, coordinates_of
from .strength import scale_action

_ROLES = ("speech", "expression", "rest")


def is_old_bake(keys: bpy.types.Key | None) -> bool:
    """True when ``keys`` carry a bake of version 0.1.0."""
    return keys is not None and _record(keys) is not None and bool(_strips(keys) or _active(keys))


def is_edited(keys: bpy.types.Key) -> bool:
    """True when hands changed the old bake: its checksum is over the same things as then."""
    record = _record(keys)
    return record is not None and record.get("fingerprint") != _fingerprint(keys, list(record["keys"].values()))


def is_rest(action: bpy.types.Action | None) -> bool:
    """True for the old bake's Action that holds the face at rest."""
    return action is not None and action.get(MARK) == "rest"


def old_frames(keys: bpy.types.Key) -> tuple[int, int]:
    """First and last frame of the old bake."""
    action = _active(keys) or _strips(keys)[0][1].action
    first, last = action.frame_range
    return round(first), round(last)


def old_strength(keys: bpy.types.Key) -> float | None:
    """Its expression strength, 0 … 2; None where hands animated it."""
    curves = [strip.fcurves.find("influence") for _, strip in _strips(keys, "expression")]
    if len(curves) != 2 or any(curve is None or len(curve.keyframe_points) != 1 for curve in curves):
        return None
    return float(sum(curve.keyframe_points[0].co[1] for curve in curves))


def convert(target: bpy.types.Object) -> str:
    """Turn the old bake on ``target`` into a line that plays the same; its identity."""
    keys = target.data.shape_keys
    data, record = keys.animation_data, _record(keys)
    edited, strength = is_edited(keys), old_strength(keys)
    first, last = old_frames(keys)
    old, speech = _strips(keys), _active(keys)
    main = next((strip for _, strip in _strips(keys, "expression") if strip.blend_type != "ADD"), None)
    names = _rename(keys, record["keys"])
    write_mark(keys, {"keys": names, "shapes": {}})
    layers.write_rest(keys, target.name, list(names.values()), first)
    found = {"speech": speech, "expression": main.action if main else None}
    found = {layer: action for layer, action in found.items() if action is not None}
    if speech is not None:
        data.action = None
    for layer, action in found.items():  # not marked yet: so they come into tracks of their own, above the rest
        strip = main if layer == "expression" else None
        made = layers.place(data, layer, f"{target.name} {layer}", action, round(strip.frame_start) if strip else first)
        if strip is not None and strength is None:
            layers.copy_settings(strip, made)
            made.blend_type, made.extrapolation = "ADD", "NOTHING"
    for track, strip in old:
        action = strip.action
        track.strips.remove(strip)
        if not track.strips:
            data.nla_tracks.remove(track)
        if is_rest(action) and action.users == 0:
            bpy.data.actions.remove(action)
    uid = new_uid()
    for layer, action in found.items():
        _mark(action, uid, layer, first, last, edited)
        next(
            track for track in data.nla_tracks if any(strip.action == action for strip in track.strips)
        ).name = layers.TRACKS[layer]
    if "expression" in found and strength is not None:
        scale_action(found["expression"], strength)
    return uid


def _mark(action: bpy.types.Action, uid: str, layer: str, first: int, last: int, edited: bool) -> None:
    action[STRENGTH] = 1.0
    write_mark(
        action,
        {
            "line": uid, "layer": layer, "start": first, "first": first, "count": last - first + 1, "name": "",
            "recording": "", "checksum": "" if edited else actions.checksum(action),
        },
    )  # fmt: skip


def _rename(keys: bpy.types.Key, own: dict[str, str]) -> dict[str, str]:
    """Give the shape keys the short names of today (Blender takes the F-curves along) and room on their sliders."""
    names = {}
    for (name, old), short in zip(own.items(), short_names(list(own)), strict=True):
        block = keys.key_blocks.get(old)
        if block is None:
            continue
        block.name = short
        block.slider_min, block.slider_max = -SLIDER_LIMIT, SLIDER_LIMIT
        names[name] = block.name
    return names


def _record(keys: bpy.types.Key) -> dict[str, Any] | None:
    try:
        record = json.loads(keys.get(MARK, ""))
    except (TypeError, ValueError):
        return None
    if not isinstance(record, dict) or "version" in record or not isinstance(record.get("keys"), dict):
        return None
    return record


def _active(keys: bpy.types.Key) -> bpy.types.Action | None:
    action = keys.animation_data.action if keys.animation_data else None
    return action if action is not None and action.get(MARK) == "speech" else None


def _strips(keys: bpy.types.Key, role: str = "") -> list[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip]]:
    tracks = keys.animation_data.nla_tracks if keys.animation_data else ()
    return [
        (track, strip)
        for track in tracks
        for strip in track.strips
        if strip.action is not None and strip.action.get(MARK) in ([role] if role else _ROLES)
    ]


def _fingerprint(keys: bpy.types.Key, names: list[str]) -> str:
    checksum = 0
    data = keys.animation_data
    found = [data.action] if data and data.action else []
    for _, strip in sorted(_strips(keys, "expression"), key=lambda item: item[1].blend_type == "ADD")[:2]:
        curve = strip.fcurves.find("influence")
        checksum = zlib.crc32(b"%d" % (len(curve.keyframe_points) if curve else 0), checksum)
        found.append(strip.action)
    for action in found[:2]:
        for path, points in actions.read_curves(action).items():
            checksum = zlib.crc32(points.astype(np.float32).tobytes(), zlib.crc32(path.encode(), checksum))
    for name in names:
        if name in keys.key_blocks:
            checksum = zlib.crc32(coordinates_of(keys.key_blocks[name]).tobytes(), checksum)
        else:
            checksum = zlib.crc32(name.encode(), checksum)
    return f"{checksum:08x}"
