"""Sound and face in step: which of them hands have moved or cut since they last were, and the other one after it.

Where a line plays is three numbers: the frame of its second 0, and how many frames are cut off at start and end. The
sound strip and the NLA strips each have theirs; what both had when they last agreed is remembered on the sound strip:
what differs from that has been moved, and leads.
"""

from dataclasses import dataclass

import bpy

from ..errors import TalkerError
from . import animation, keep_keys, motion
from .languages.translations import translated
from .lines import checks, cues, layers, sound
from .lines.marks import Line, is_cue, read_action
from .lines.versions import set_strip_time, strip_time

AGREED = "blendshape_talker_step"  # custom property of a sound strip: the three numbers
_APART = 0.5  # frames: a sound strip lies on whole frames, its length is rounded


@dataclass(frozen=True)
class Place:
    """zero: the frame of the recording's second 0; front, back: frames cut off at its start and end."""

    zero: float
    front: float = 0.0
    back: float = 0.0

    def __iter__(self):
        return iter((self.zero, self.front, self.back))


def place_of_face(line: Line) -> Place | None:
    """Where the strips of ``line`` lie; None where hands have cut its speech into several or changed its speed."""
    strips = [strip for _, strip in line.strips.get("speech", [])]
    if len(strips) != 1 or strips[0].scale != 1.0 or strips[0].repeat != 1.0:
        return None
    (strip,), first, count = strips, int(line.record["first"]), int(line.record["count"])
    front, back = strip.action_frame_start - first, first + count - 1 - strip.action_frame_end
    return Place(strip.frame_start - front, front, back)


def place_of_sound(scene: bpy.types.Scene, line: Line) -> Place | None:
    """Where the sound of ``line`` lies; None without any, and where hands have cut it into several strips."""
    pieces = sound.pieces_of(scene, line.uid)
    if len(pieces) != 1:
        return None
    (strip,) = pieces
    zero, end = _content(strip)
    return Place(zero, strip_time(strip, "left_handle") - zero, end - strip_time(strip, "right_handle"))


def out_of_step(scene: bpy.types.Scene, line: Line) -> str | None:
    """What is out of step, in a few words; None where sound and face agree, or cannot be compared."""
    face, heard = place_of_face(line), place_of_sound(scene, line)
    if face is None or heard is None:
        return None
    apart = face.zero - heard.zero
    if abs(apart) > _APART:
        after, before = "{}: the face moves {} frames after its sound", "{}: the face moves {} frames before its sound"
        return translated(after if apart > 0 else before).format(line.name, f"{abs(apart):g}")
    if abs(face.front - heard.front) > _APART or abs(face.back - heard.back) > 2 * _APART:
        return translated("{}: sound and face are cut differently").format(line.name)
    return None


def bring_in_step(scene: bpy.types.Scene, head: bpy.types.Object, line: Line) -> str:
    """Let the sound of ``line`` lie as its face does, or the face as its sound: whichever hands moved leads, the sound
    where both were. In words, what was done. :class:`TalkerError`, before the first write, where one cannot be moved.
    """
    face, heard, wanted = plan(scene, line)
    said = []
    if _differ(wanted, face):
        _move_face(head, line, face, wanted)
        said.append(translated("the face follows its sound"))
    if _differ(wanted, heard):
        _move_sound(scene, line, heard, wanted)
        said.append(translated("the sound follows its face"))
    motion.follow(head)
    keep_keys.refresh(head, scene.render.fps / scene.render.fps_base)
    remember(scene, head)
    return f"{line.name}: " + (translated(" and ").join(said) or translated("in step already"))


def plan(scene: bpy.types.Scene, line: Line) -> tuple[Place, Place, Place]:
    """Where the face of ``line`` lies, where its sound, where both should; :class:`TalkerError` where they cannot."""
    face, heard = place_of_face(line), place_of_sound(scene, line)
    if face is None or heard is None:
        words = translated("{} has no sound strip, or was cut into several; move them by hand")
        raise TalkerError(words.format(line.name))
    # part by part: one may have been moved, the other cut
    still = [abs(there - before) <= _APART for there, before in zip(heard, _agreed(scene, line), strict=True)]
    wanted = Place(*(one if rests else other for one, other, rests in zip(face, heard, still, strict=True)))
    problem = checks.line_problem(line) if _differ(wanted, face) else None
    if problem:
        raise TalkerError(problem)
    (strip,) = sound.pieces_of(scene, line.uid)
    if strip.lock and _differ(wanted, heard):
        raise TalkerError(translated("sound strip {} is locked; unlock it in the sequencer").format(strip.name))
    return face, heard, wanted


def remember(scene: bpy.types.Scene, head: bpy.types.Object) -> None:
    """Note for each line of ``head`` that is in step where that is."""
    for line in animation.lines(head):
        face = place_of_face(line)
        if face is not None and place_of_sound(scene, line) is not None and not out_of_step(scene, line):
            sound.pieces_of(scene, line.uid)[0][AGREED] = list(face)


def _agreed(scene: bpy.types.Scene, line: Line) -> Place:
    noted = sound.pieces_of(scene, line.uid)[0].get(AGREED)
    try:
        return Place(*(float(number) for number in noted))
    except (TypeError, ValueError):
        return Place(float(line.start))


def _differ(one: Place, other: Place) -> bool:
    margins = (_APART, _APART, 2 * _APART)
    return any(abs(a - b) > margin for a, b, margin in zip(one, other, margins, strict=True))


def _move_face(head: bpy.types.Object, line: Line, face: Place, wanted: Place) -> None:
    """Every strip of the line moves; those that last as long as the line are cut too."""
    data, moved = head.data.shape_keys.animation_data, wanted.zero - face.zero
    first, last = int(line.record["first"]), int(line.record["first"]) + int(line.record["count"]) - 1
    part = first + max(wanted.front, 0.0), max(last - max(wanted.back, 0.0), first + max(wanted.front, 0.0) + 1)
    for layer, found in line.strips.items():
        for track, strip in sorted(found, key=lambda item: -moved * item[1].frame_start):
            whole = not is_cue(read_action(strip.action)) and len(found) == 1 and strip.scale == 1.0
            if moved and not layers.move(track, strip, moved):
                strip = layers.move_aside(data, layer, track, strip, moved)
            if whole and _differ(Place(0.0, face.front, face.back), Place(0.0, wanted.front, wanted.back)):
                strip.action_frame_start, strip.action_frame_end = part
                start = wanted.zero + part[0] - first
                strip.frame_start_raw, strip.frame_end_raw = start, start + part[1] - part[0]
    cues.refresh(head, line.uid)
    head.data.shape_keys.update_tag(refresh={"TIME"})


def _move_sound(scene: bpy.types.Scene, line: Line, heard: Place, wanted: Place) -> None:
    (strip,) = sound.pieces_of(scene, line.uid)
    if abs(wanted.zero - heard.zero) > _APART:
        set_strip_time(strip, "content_start", round(wanted.zero))
    zero, end = _content(strip)
    if abs(wanted.front - heard.front) > _APART:
        set_strip_time(strip, "left_handle", round(zero + wanted.front))
    if abs(wanted.back - heard.back) > 2 * _APART:
        set_strip_time(strip, "right_handle", round(end - wanted.back))


def _content(strip) -> tuple[float, float]:
    """The frames in which the whole sound of ``strip`` begins and ends, cut or not."""
    zero = strip_time(strip, "content_start")
    return zero, zero + strip_time(strip, "content_duration")
