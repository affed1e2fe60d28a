"""Shape keys, F-curves and NLA strips: the one file that knows how Blender's versions differ (it asks for features).

What a bake leaves on a mesh:

* one shape key per blendshape beside the keys that were there;
* the speech Action as the shape keys' active action, so that its keys lie on the timeline;
* the expression Action in NLA track "Expression", whose strip's influence fades it from 0 to 1, and once more in track
  "Expression boost" (added on top, influence 0) for more than 1. The shapes are linear, so this is exact.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import TalkerError

MARK = "blendshape_talker"  # custom property on what is ours; on an action its role
EXPRESSION_TRACK = "Expression"
BOOST_TRACK = "Expression boost"
REST_TRACK = "Expression rest"
MAXIMUM_STRENGTH = 2.0
# Blender 4.2 as a module crashes at exit once a property had a Python callback; without a screen nobody misses them.
PROPERTY_CALLBACKS = bool(bpy.app.binary_path) or bpy.app.version >= (4, 3)
_SLIDER_LIMIT = 10.0  # Blender's own bound on shape key values


@dataclass(frozen=True)
class Take:
    """One bake: names (K,), speech first; deltas (K, V, 3) in the mesh's own coordinates; weights (T, K)."""

    names: Sequence[str]
    speech_count: int
    deltas: np.ndarray
    weights: np.ndarray
    start_frame: int = 1

    @property
    def end_frame(self) -> int:
        return self.start_frame + len(self.weights) - 1


def target_problem(target: bpy.types.Object | None) -> str | None:
    """Why ``target`` cannot take a bake, in one line that says what to do; None when it can. Cheap: panels ask it."""
    if target is None:
        return "no head chosen; import one, add the demo head or pick a mesh"
    if target.type != "MESH":
        return f"{target.name} is no mesh; pick the head's mesh"
    mesh = target.data
    if target.library or mesh.library:
        return f"{target.name} is linked from another file; make it local or add a library override"
    if target.mode != "OBJECT":
        return f"{target.name} is in {target.mode.replace('_', ' ').title()} Mode; go back to Object Mode"
    if mesh.shape_keys and not mesh.shape_keys.use_relative:
        return f"{target.name} has absolute shape keys; switch its shape keys to Relative"
    return None


def rest_vertices(target: bpy.types.Object) -> np.ndarray:
    """(V, 3) float32: the mesh at rest in its own coordinates (its Basis where it has shape keys)."""
    keys = target.data.shape_keys
    points = _points(keys.reference_key) if keys else target.data.vertices
    return _coordinates(points)


def hand_made_animation(target: bpy.types.Object) -> str | None:
    """What a bake would push aside on ``target`` that someone made by hand; None when there is nothing of the kind."""
    keys = target.data.shape_keys if target.type == "MESH" else None
    if keys is None:
        return None
    action = keys.animation_data.action if keys.animation_data else None
    if action is not None and MARK not in action:
        return f"action {action.name}"
    if MARK in keys:
        record = _record(keys)
        if record["fingerprint"] != _fingerprint(keys, record["keys"].values()):
            return "changes made to the last bake"
    return None


def is_baked(target: bpy.types.Object | None) -> bool:
    """True when ``target`` carries a bake of ours whose expression strip is still there."""
    keys = target.data.shape_keys if target is not None and target.type == "MESH" else None
    return keys is not None and bool(_own_strips(keys))


def write_take(target: bpy.types.Object, take: Take) -> None:
    """Put ``take`` on ``target``; an earlier bake of ours makes room, everything else stays.

    Hand-made animation (see :func:`hand_made_animation`) is kept out of the way: a foreign action moves down into an
    NLA track of its own, changed actions of ours keep a fake user. Everything is checked before the first write.
    Raises :class:`TalkerError` when the target or the numbers do not fit.
    """
    _check(target, take)
    keys = _shape_keys(target)
    edited = hand_made_animation(target) is not None
    names = _write_shape_keys(target, keys, take)
    animation_data = keys.animation_data_create()
    old_tracks = [track for track in animation_data.nla_tracks if any(_is_own(strip.action) for strip in track.strips)]
    old_actions = {strip.action for track in old_tracks for strip in track.strips}
    if animation_data.action is not None and _is_own(animation_data.action):
        old_actions.add(animation_data.action)
    elif animation_data.action is not None:
        _push_down(animation_data)

    frames = np.arange(take.start_frame, take.end_frame + 1, dtype=np.float32)
    speech, expression = names[: take.speech_count], names[take.speech_count :]
    speech_action, speech_slot, curves = _new_action(keys, target.name, "speech")
    write_curves(curves, [_value_path(name) for name in speech], frames, take.weights[:, : take.speech_count])
    expression_action, expression_slot, curves = _new_action(keys, target.name, "expression")
    write_curves(curves, [_value_path(name) for name in expression], frames, take.weights[:, take.speech_count :])

    _assign(animation_data, speech_action, speech_slot)
    for track in old_tracks:
        animation_data.nla_tracks.remove(track)
    if bpy.types.ShapeKey.bl_rna.properties["value"].default != 0.0:
        # Blender 5.0: influence blends from the property's default, which is 1 there; rest at 0 below the strips.
        rest_action, rest_slot, curves = _new_action(keys, target.name, "rest")
        zeros = np.zeros((2, len(expression)), np.float32)
        write_curves(curves, [_value_path(name) for name in expression], frames[[0, -1]], zeros)
        _add_strip(animation_data, REST_TRACK, rest_action, rest_slot, take.start_frame, influence=1.0)
    _add_strip(animation_data, EXPRESSION_TRACK, expression_action, expression_slot, take.start_frame, influence=1.0)
    boost = _add_strip(animation_data, BOOST_TRACK, expression_action, expression_slot, take.start_frame, influence=0.0)
    boost.blend_type = "ADD"
    for action in old_actions:
        if edited:
            action.use_fake_user = True
            del action[MARK]
        elif action.users == 0:
            bpy.data.actions.remove(action)
    record = {"keys": dict(zip(take.names, names, strict=True)), "fingerprint": _fingerprint(keys, names)}
    keys[MARK] = json.dumps(record)
    target.data.update()
    keys.update_tag()


def expression_strength(target: bpy.types.Object) -> float | None:
    """How strong the baked expression plays, 0 … 2 (1 = as baked); None when its influence is animated or absent."""
    curves = [_influence_curve(strip) for strip in _own_strips(target.data.shape_keys)]
    if len(curves) != 2 or any(curve is None or len(curve.keyframe_points) != 1 for curve in curves):
        return None
    return sum(curve.keyframe_points[0].co[1] for curve in curves)


def set_expression_strength(target: bpy.types.Object, strength: float) -> None:
    """Play the baked expression ``strength`` times as strong, 0 … 2; an animated influence is left alone."""
    if expression_strength(target) is None:
        return
    main, boost = _own_strips(target.data.shape_keys)
    for strip, influence in ((main, min(strength, 1.0)), (boost, max(strength - 1.0, 0.0))):
        _set_influence(strip, influence)
    target.data.shape_keys.update_tag(refresh={"TIME"})


def write_curves(curves, paths: Iterable[str], frames: np.ndarray, values: np.ndarray) -> None:
    """Add one F-curve per path to ``curves``: frames (T,), values (T, len(paths)); linear between keys; in bulk."""
    count = len(frames)
    enums = bpy.types.Keyframe.bl_rna.properties
    linear = np.full(count, enums["interpolation"].enum_items["LINEAR"].value, np.int32)
    handles = np.full(count, enums["handle_left_type"].enum_items["AUTO_CLAMPED"].value, np.int32)
    points = np.empty((count, 2), np.float32)
    points[:, 0] = frames
    for column, path in enumerate(paths):
        curve = curves.new(path)
        points[:, 1] = values[:, column]
        curve.keyframe_points.add(count)
        curve.keyframe_points.foreach_set("co", points.ravel())
        curve.keyframe_points.foreach_set("interpolation", linear)
        curve.keyframe_points.foreach_set("handle_left_type", handles)  # for whoever turns a key into a Bézier key
        curve.keyframe_points.foreach_set("handle_right_type", handles)
        curve.update()


def read_curves(action: bpy.types.Action) -> dict[str, np.ndarray]:
    """Keys of every F-curve of ``action``: data path -> (T, 2) frames and values."""
    result = {}
    for curve in curves_of(action):
        points = np.empty((len(curve.keyframe_points), 2), np.float32)
        curve.keyframe_points.foreach_get("co", points.ravel())
        result[curve.data_path] = points
    return result


def _check(target: bpy.types.Object, take: Take) -> None:
    problem = target_problem(target)
    if problem:
        raise TalkerError(problem)
    vertices = len(target.data.vertices)
    if take.deltas.shape != (len(take.names), vertices, 3):
        raise TalkerError(f"{target.name} has {vertices} vertices, the blendshapes {take.deltas.shape[1]}; bake again")
    if take.weights.ndim != 2 or take.weights.shape[1] != len(take.names) or len(take.weights) == 0:
        raise ValueError(f"weights {take.weights.shape} do not fit {len(take.names)} names")
    if not (np.isfinite(take.weights).all() and np.isfinite(take.deltas).all()):
        raise TalkerError("the animation holds numbers that are not finite; check the recording")


def _shape_keys(target: bpy.types.Object) -> bpy.types.Key:
    if target.data.shape_keys is None:
        target.shape_key_add(name="Basis", from_mix=False)
    return target.data.shape_keys


def _write_shape_keys(target: bpy.types.Object, keys: bpy.types.Key, take: Take) -> list[str]:
    """Write the blendshapes; the names they got, which differ from ``take.names`` where the user's keys have those."""
    own = _record(keys)["keys"] if MARK in keys else {}
    active, basis = target.active_shape_key_index, _coordinates(_points(keys.reference_key))
    strength = np.where(np.arange(len(take.names)) < take.speech_count, 1.0, MAXIMUM_STRENGTH)
    lowest, highest = take.weights.min(axis=0) * strength, take.weights.max(axis=0) * strength
    written = []
    for index, name in enumerate(take.names):
        block = keys.key_blocks.get(own[name]) if name in own else None
        if block is None:
            block = target.shape_key_add(name=name, from_mix=False)
        _points(block).foreach_set("co", (basis + take.deltas[index]).astype(np.float32).ravel())
        block.relative_key = keys.reference_key
        block.slider_max = min(_SLIDER_LIMIT, max(1.0, np.ceil(highest[index] * 10) / 10))
        block.slider_min = max(-_SLIDER_LIMIT, min(0.0, np.floor(lowest[index] * 10) / 10))
        block.value = 0.0
        written.append(block.name)
    for name in set(own.values()).difference(written):
        if name in keys.key_blocks:
            target.shape_key_remove(keys.key_blocks[name])
    target.active_shape_key_index = min(active, len(keys.key_blocks) - 1)
    return written


def _new_action(keys: bpy.types.Key, owner: str, role: str):
    """A fresh action for ``keys``: (action, its slot or None, its F-curve collection)."""
    action = bpy.data.actions.new(f"{owner} {role}")
    action[MARK] = role
    if hasattr(action, "slots"):  # 4.4 and later: slotted actions
        slot = action.slots.new(id_type="KEY", name=keys.name)
        strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
        return action, slot, strip.channelbag(slot, ensure=True).fcurves
    action.id_root = "KEY"
    return action, None, action.fcurves


def _assign(holder, action: bpy.types.Action, slot) -> None:
    holder.action = action
    if slot is not None:
        holder.action_slot = slot


def _add_strip(animation_data, name: str, action: bpy.types.Action, slot, start: int, influence: float):
    track = animation_data.nla_tracks.new()  # at the top of the stack
    track.name = name
    strip = track.strips.new(name, start, action)
    if slot is not None:
        strip.action_slot = slot
    strip.name = name
    strip.extrapolation = "HOLD"  # without it a value left over from elsewhere shows outside the take
    strip.use_animated_influence = True
    _set_influence(strip, influence)
    return strip


def _push_down(animation_data) -> None:
    """Move the active action into an NLA track of its own, as Blender's Push Down does."""
    action, slot = animation_data.action, getattr(animation_data, "action_slot", None)
    animation_data.action = None
    track = animation_data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(np.floor(action.frame_range[0])), action)
    if slot is not None:
        strip.action_slot = slot


def _influence_curve(strip):
    return strip.fcurves.find("influence")


def _set_influence(strip, influence: float) -> None:
    # An animated influence without a key counts as 0, and one that is not animated cannot be changed: use one key.
    curve = _influence_curve(strip)
    if len(curve.keyframe_points):
        curve.keyframe_points[0].co[1] = influence
        curve.update()
    else:
        curve.keyframe_points.insert(strip.frame_start, influence)
    strip.influence = influence


def _is_own(action: bpy.types.Action | None) -> bool:
    return action is not None and MARK in action


def _own_strips(keys: bpy.types.Key | None) -> list:
    """The expression strip and the boost strip, in this order, as far as they are there."""
    if keys is None or keys.animation_data is None:
        return []
    strips = [
        strip
        for track in keys.animation_data.nla_tracks
        for strip in track.strips
        if _is_own(strip.action) and strip.action[MARK] == "expression"
    ]
    return sorted(strips, key=lambda strip: strip.blend_type == "ADD")[:2]


def curves_of(action: bpy.types.Action) -> list:
    """All F-curves of an action, of whatever slot."""
    if hasattr(action, "layers"):
        return [
            curve
            for layer in action.layers
            for strip in layer.strips
            for bag in strip.channelbags
            for curve in bag.fcurves
        ]
    return list(action.fcurves)


def _record(keys: bpy.types.Key) -> dict:
    return json.loads(keys[MARK])


def _fingerprint(keys: bpy.types.Key, names: Iterable[str]) -> str:
    """A checksum of what the bake wrote (curves, shapes, number of influence keys); it changes with any hand's edit."""
    checksum = 0
    actions = [keys.animation_data.action] if keys.animation_data and keys.animation_data.action else []
    for strip in _own_strips(keys):
        curve = _influence_curve(strip)
        checksum = zlib.crc32(b"%d" % (len(curve.keyframe_points) if curve else 0), checksum)
        actions.append(strip.action)
    for action in actions[:2]:
        for path, points in read_curves(action).items():
            checksum = zlib.crc32(points.tobytes(), zlib.crc32(path.encode(), checksum))
    for name in names:
        if name in keys.key_blocks:
            checksum = zlib.crc32(_coordinates(_points(keys.key_blocks[name])).tobytes(), checksum)
        else:
            checksum = zlib.crc32(name.encode(), checksum)
    return f"{checksum:08x}"


def _points(block: bpy.types.ShapeKey):
    return block.points if hasattr(block, "points") else block.data  # the same points; `points` is the faster way


def _coordinates(points) -> np.ndarray:
    coordinates = np.empty((len(points), 3), np.float32)
    points.foreach_get("co", coordinates.ravel())
    return coordinates


def _value_path(name: str) -> str:
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
