"""Head and gaze of a head's lines: NLA strips of the armature, each with an Action of its own.

They lie in the tracks "Head" and "Gaze", added to what lies below, over a strip that holds the pose at rest; the
armature's active Action is the animator's, as on the shape keys. Each strip follows its line's speech: place, cut and
speed. On a head without joints the head's motion turns the object, by its delta rotation, which nothing else uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..errors import TalkerError
from ..face.joints import NECK_SHARE
from . import animation
from .canonical import CanonicalFrame
from .joints import joints_of
from .languages.translations import translated
from .lines import actions, derived, layers, strength
from .lines.hands import is_edited, retire
from .lines.marks import MOTIONS, REST, STRENGTH, Line, in_library, own_strips, read_action, write_mark

TRACKS = dict(zip(MOTIONS, ("Head", "Gaze"), strict=True))
TURNS = "blendshape_talker_turns"  # custom property on a head without joints that turns as an object
_REST_TRACK = "Rest pose"
Curve = tuple[str, int]  # data path and index


@dataclass(frozen=True)
class Motion:
    """What moves: head (T, 3), eyes (T, 2) radians (:mod:`expression.head_motion`, :mod:`expression.gaze`); seed: the
    take; chosen: a person chose that take for this line, so a bake with the same sound leaves it."""

    head: np.ndarray
    eyes: np.ndarray
    seed: int = 0
    chosen: bool = False


def holder_of(head: bpy.types.Object | None) -> bpy.types.Object | None:
    """What carries the motion: the armature, else ``head`` itself where a person asked for it; None without either."""
    if head is None or head.type != "MESH":
        return None
    return joints_of(head) or (head if head.get(TURNS) else None)


def perform(line: Line, seed: int, chosen: bool = False) -> Motion:
    """Motion for ``line`` from its recording, without the networks. :class:`TalkerError` where that is gone."""
    from ..expression.presence import presence  # with all that hears: enabling the add-on goes without
    from ..speech.audio import load_recording
    from ..speech.prosody import read_prosody

    record = line.record
    if "fps" not in record:
        words = "{} was baked by an older version; bake it again to let it move"
        raise TalkerError(translated(words).format(line.name))
    recording = load_recording(str(record.get("recording") or ""))
    prosody = read_prosody(recording.samples)
    times = np.arange(record["count"]) / float(record["fps"])
    found = presence(times, recording.seconds, prosody.phrases, prosody.accents, seed)
    return Motion(found.head, found.eyes, seed, chosen)


def write(head: bpy.types.Object, line: Line, motion: Motion) -> None:
    """Let ``head`` move as ``motion`` does while it speaks ``line``; nothing for one that cannot (:func:`holder_of`).

    What the line had gives way, unless hands edited it, or chose its take, and the sound is the same; with a take that
    is chosen now it gives way in any case, and an edited Action stays in the file. Strengths and mutes stay. What comes
    from a library file is left alone.
    """
    holder = holder_of(head)
    if holder is None or holder.library or holder.override_library or not len(motion.head):
        return
    holder.animation_data_create()
    values = _object_values(head, motion) if holder == head else _bone_values(motion)
    first = int(line.record["first"])
    frames = first + np.arange(len(motion.head))
    _write_rest(holder, [curve for curves, _ in values.values() for curve in curves], first)
    for layer, (curves, angles) in values.items():
        old = list(strips_of(holder, line.uid, layer))
        if old and not motion.chosen and _stays(old[0][2], old[0][1].action, line, motion):
            _follow(holder, line, layer, old[0][1].action, old)
            continue
        action = actions.new_action(f"{head.name[:24]} | {layer} | {line.name[:24]}", holder.name, "OBJECT")
        actions.write_curves(action, TRACKS[layer], curves, frames, angles)
        mark = {"line": line.uid, "layer": layer, "start": line.start, "first": first, "count": len(frames)}
        mark |= {"seed": motion.seed, "chosen": motion.chosen, "sound": line.record.get("recording")}
        write_mark(action, {**mark, "fps": line.record.get("fps"), "checksum": actions.checksum(action)})
        factor = _factor(old[0][1].action) if old else 1.0
        if factor != 1.0:
            strength.scale_action(action, factor)
        name = action.name
        _follow(holder, line, layer, action, old)
        action.name = name.removesuffix(".001")  # free now, unless the old one was edited
    holder.update_tag()


def follow(head: bpy.types.Object) -> None:
    """After strips of lines have moved, been cut or removed: let the motion of ``head`` lie where its lines do.

    Lids follow where the eyes move otherwise now.
    """
    holder = holder_of(head)
    if holder is None:
        return
    heads = [item for item in bpy.data.objects if item == head or joints_of(item) == holder]
    lines = {line.uid: line for item in heads for line in animation.lines(item)}
    for layer in MOTIONS:
        for uid in dict.fromkeys(mark["line"] for _, _, mark in _strips(holder, layer)):
            old = list(strips_of(holder, uid, layer))
            if uid in lines:
                _follow(holder, lines[uid], layer, old[0][1].action, old)
            else:
                _remove(old)
    holder.update_tag()
    for item in heads:
        for line in animation.lines(item):
            if derived.is_stale(item, line):
                derived.refresh(item, line)


def stop_turning(head: bpy.types.Object) -> None:
    """Let ``head`` no longer turn as an object: its motion goes; Actions that hands edited stay in the file."""
    _remove(list(own_strips(head)))
    for track in list(head.animation_data.nla_tracks) if head.animation_data else ():
        if not track.strips and track.name.rstrip(" 0123456789") in (*TRACKS.values(), _REST_TRACK):
            head.animation_data.nla_tracks.remove(track)
    head.delta_rotation_euler = (0.0, 0.0, 0.0)
    if TURNS in head:
        del head[TURNS]


def resting_matrix(head: bpy.types.Object) -> Matrix:
    """Where ``head`` stands in its parent when it is not turned by its delta rotation, whatever frame is shown."""
    location, rotation, scale = head.matrix_basis.decompose()
    return Matrix.LocRotScale(location, head.delta_rotation_euler.to_quaternion().inverted() @ rotation, scale)


def seed_of(head: bpy.types.Object | None, line: Line | None) -> int | None:
    """The take of the motion of ``line``; None without any."""
    holder = holder_of(head)
    found = [mark for _, _, mark in _strips(holder) if line is not None and mark["line"] == line.uid] if holder else []
    return int(found[0]["seed"]) if found else None


def strips_of(
    holder: bpy.types.Object, uid: str, layer: str
) -> Iterator[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip, dict[str, Any]]]:
    """(track, strip, mark) of a layer of line ``uid``."""
    return (item for item in _strips(holder, layer) if item[2]["line"] == uid)


def strength_of(head: bpy.types.Object | None, line: Line | None, layer: str) -> float | None:
    """The factor at which ``layer`` (head, gaze) of ``line`` plays, 0 … 2, 1 as baked; None without such motion."""
    holder = holder_of(head)
    if holder is None or line is None:
        return None
    factors = {_factor(strip.action) for _, strip, _ in strips_of(holder, line.uid, layer)}
    return factors.pop() if len(factors) == 1 else None


def set_strength(head: bpy.types.Object, line: Line, layer: str, value: float) -> None:
    """Play ``layer`` of ``line`` ``value`` times as strong as baked, 0 … 2; hands' keys are scaled like all others."""
    holder = holder_of(head)
    if holder is None:
        return
    value = float(np.clip(value, 0.0, strength.MAXIMUM_STRENGTH))
    for action in {strip.action for _, strip, _ in strips_of(holder, line.uid, layer)}:
        if _factor(action) != value:
            strength.scale_action(layers.own_action(holder, action), value)
    holder.update_tag(refresh={"TIME"})
    if layer == "gaze":
        derived.refresh(head, line)


def _strips(
    holder: bpy.types.Object, layer: str | None = None
) -> Iterator[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip, dict[str, Any]]]:
    """Every (track, strip, mark) of motion of ours on ``holder``, or those of one layer."""
    for track, strip, mark in own_strips(holder):
        if mark["layer"] in (MOTIONS if layer is None else (layer,)):
            yield track, strip, mark


def _stays(mark: dict[str, Any], action: bpy.types.Action, line: Line, motion: Motion) -> bool:
    """True for motion of the same sound and rate that hands edited, or whose take a person chose."""
    record = line.record
    same = (mark.get("sound"), mark.get("fps"), mark["count"]) == (
        record.get("recording"), record.get("fps"), len(motion.head)
    )  # fmt: skip
    return same and (bool(mark.get("chosen")) or is_edited(action))


def _bone_values(motion: Motion) -> dict[str, tuple[list[Curve], np.ndarray]]:
    """For each layer the curves of bones and their values (T, curves)."""
    head, eyes = np.asarray(motion.head, float), np.asarray(motion.eyes, float)
    paths = [f'pose.bones["{bone}"].rotation_euler' for bone in ("neck", "head", "eye_L", "eye_R")]
    turned = np.concatenate([NECK_SHARE * head, (1 - NECK_SHARE) * head], axis=1)
    looked = np.stack([-eyes[:, 0], eyes[:, 1]], axis=1)  # an eye bone lies along the gaze: its X is the head's right
    return {
        "head": ([(path, axis) for path in paths[:2] for axis in range(3)], turned),
        "gaze": ([(path, axis) for path in paths[2:] for axis in (0, 2)], np.concatenate([looked, looked], axis=1)),
    }


def _object_values(head: bpy.types.Object, motion: Motion) -> dict[str, tuple[list[Curve], np.ndarray]]:
    """The head's motion as delta rotations of the object, which turn it in its parent's axes."""
    frame = CanonicalFrame(head)
    rest = np.array(resting_matrix(head).to_quaternion().to_matrix()) @ frame.fit.rotation.T  # canonical to parent
    turns = []
    for x, y, z in np.asarray(motion.head, float):
        turn = Matrix.Rotation(z, 3, "Z") @ Matrix.Rotation(y, 3, "Y") @ Matrix.Rotation(x, 3, "X")
        turns.append(Matrix((rest @ np.array(turn) @ rest.T).tolist()).to_euler("XYZ")[:])
    return {"head": ([("delta_rotation_euler", axis) for axis in range(3)], np.array(turns))}


def _write_rest(holder: bpy.types.Object, curves: list[Curve], frame: int) -> None:
    """A strip of the pose at rest, so that nothing stays turned where no other strip plays."""
    data = holder.animation_data
    action = next((strip.action for _, strip, mark in own_strips(holder) if mark["layer"] == REST), None)
    if action is None:
        action = actions.new_action(f"{holder.name[:24]} | rest pose", holder.name, "OBJECT")
        write_mark(action, {"layer": REST, "line": "", "start": frame, "first": frame, "count": 1})
        track = data.nla_tracks.new()
        track.name, track.select = _REST_TRACK, False
        strip = track.strips.new(_REST_TRACK, frame, action)
        actions.use_in_strip(strip, action)
        strip.name, strip.extrapolation, strip.select = _REST_TRACK, "HOLD", False
        strip.blend_type = "ADD"  # zeros: tracks of an animator below it play on
    there = {(curve.data_path, curve.array_index) for curve in actions.curves_of(action)}
    start = read_action(action)["first"]
    missing = [curve for curve in dict.fromkeys(curves) if curve not in there]
    if missing:
        actions.write_curves(action, "Rest", missing, np.array([start, start + 1]), np.zeros((2, len(missing))))


def _follow(holder: bpy.types.Object, line: Line, layer: str, action: bpy.types.Action, old: list) -> None:
    """Strips of ``action`` like those of the line's speech; strips of ``old`` become them as far as they can."""
    spoken = [strip for _, strip in line.strips.get("speech", [])]
    former = {strip.action for _, strip, _ in old} - {action}
    for track, strip, _ in old[len(spoken) :]:
        track.strips.remove(strip)
    for number, like in enumerate(spoken):
        track, strip = old[number][:2] if number < len(old) else (None, None)
        if track is not None and not _room(track, like.frame_start, like.frame_end, strip):
            track.strips.remove(strip)
            track = None
        if track is None:
            strip = _place(
                holder.animation_data, layer, f"{line.name} {layer}", action, like.frame_start, like.frame_end
            )
            strip.blend_type, strip.extrapolation, strip.select = "ADD", "NOTHING", False
        actions.use_in_strip(strip, action)
        strip.action_frame_start, strip.action_frame_end = like.action_frame_start, like.action_frame_end
        strip.scale, strip.repeat, strip.use_reverse = like.scale, like.repeat, like.use_reverse
        strip.frame_start_raw, strip.frame_end_raw = like.frame_start, like.frame_end
    retire(former)


def _room(track: bpy.types.NlaTrack, start: float, end: float, own: bpy.types.NlaStrip | None = None) -> bool:
    """True when a strip may lie there in ``track``."""
    others = [strip for strip in track.strips if strip != own]
    free = all(strip.frame_end <= start or strip.frame_start >= end for strip in others)
    return free and not track.lock and not in_library(track)


def _place(
    data: bpy.types.AnimData, layer: str, name: str, action: bpy.types.Action, start: float, end: float
) -> bpy.types.NlaStrip:
    """A new strip in a track of ``layer`` that has room from ``start`` to ``end``, or in a new track."""
    first, last = action.frame_range
    whole = int(np.floor(start))
    until = max(end, whole + last - first)  # Blender lays the whole action down before it can be cut
    tracks = [track for track in data.nla_tracks if track.name.rstrip(" 0123456789") == TRACKS[layer]]
    track = next((track for track in tracks if _room(track, whole, until)), None)
    if track is None:
        track = data.nla_tracks.new()
        track.name = TRACKS[layer] if not tracks else f"{TRACKS[layer]} {len(tracks) + 1}"
        track.select = False
    strip = track.strips.new(name, whole, action)
    strip.name = name
    return strip


def _remove(old: list) -> None:
    former = {strip.action for _, strip, _ in old}
    for track, strip, _ in old:
        track.strips.remove(strip)
    retire(former)


def _factor(action: bpy.types.Action) -> float:
    value = action.get(STRENGTH, 1.0)
    return float(value) if isinstance(value, int | float) else 1.0
