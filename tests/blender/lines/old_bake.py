"""Makes what version 0.1.0 left on a head, from its description: see `blendshape_talker/blender/lines/legacy.py`."""

import json
import zlib

import bpy
import numpy as np

from blendshape_talker.blender.lines import actions, shapes

MARK = "blendshape_talker"


def write(target, take):
    """Bake ``take`` onto ``target`` as version 0.1.0 did."""
    target.shape_key_add(name="Basis", from_mix=False)
    keys = target.data.shape_keys
    basis = shapes.rest_vertices(target)
    for name, delta, highest in zip(take.names, take.deltas, take.weights.max(axis=0), strict=True):
        block = target.shape_key_add(name=name, from_mix=False)
        block.data.foreach_set("co", (basis + delta).astype(np.float32).ravel())
        block.slider_min, block.slider_max, block.value = -1.0, max(1.0, float(highest)), 0.0
    data = keys.animation_data_create()
    frames = np.arange(take.start_frame, take.end_frame + 1)
    paths = [shapes.value_path(name) for name in take.names]

    def action_of(role, columns, rows=slice(None), factor=1.0):
        action = actions.new_action(f"{target.name} {role}", keys.name)
        action[MARK] = role
        values = factor * take.weights[rows][:, columns]
        actions.write_curves(action, "", [paths[column] for column in columns], frames[rows], values)
        return action

    speech = range(take.speech_count)
    expression = range(take.speech_count, len(take.names))
    data.action = action_of("speech", speech)
    if hasattr(data, "action_slot"):
        data.action_slot = data.action.slots[0]
    found = [data.action]
    if bpy.types.ShapeKey.bl_rna.properties["value"].default != 0.0:
        _strip(data, "Expression rest", action_of("rest", expression, [0, -1], 0.0), take.start_frame, 1.0)
    main = action_of("expression", expression)
    _strip(data, "Expression", main, take.start_frame, 1.0)
    _strip(data, "Expression boost", main, take.start_frame, 0.0).blend_type = "ADD"
    found += [main, main]
    checksum = zlib.crc32(b"1", zlib.crc32(b"1", 0))  # one influence key on either strip
    for action in found[:2]:
        for path, points in actions.read_curves(action).items():
            checksum = zlib.crc32(points.tobytes(), zlib.crc32(path.encode(), checksum))
    for name in take.names:
        checksum = zlib.crc32(shapes.coordinates_of(keys.key_blocks[name]).tobytes(), checksum)
    record = {"keys": {name: name for name in take.names}, "fingerprint": f"{checksum:08x}"}
    keys[MARK] = json.dumps(record)


def set_strength(target, value):
    """Turn its expression up or down as version 0.1.0 did."""
    data = target.data.shape_keys.animation_data
    for name, influence in (("Expression", min(value, 1.0)), ("Expression boost", max(value - 1.0, 0.0))):
        data.nla_tracks[name].strips[0].fcurves.find("influence").keyframe_points[0].co[1] = influence


def _strip(data, name, action, start, influence):
    track = data.nla_tracks.new()
    track.name = name
    strip = track.strips.new(name, start, action)
    actions.use_in_strip(strip, action)
    strip.extrapolation, strip.use_animated_influence = "HOLD", True
    curve = strip.fcurves.find("influence")
    if len(curve.keyframe_points):
        curve.keyframe_points[0].co = (start, influence)
        curve.update()
    else:
        curve.keyframe_points.insert(start, influence)
    return strip
