"""A head's lines from outside: bake one, find one, turn one up or down. What they are made of lies in ``lines/``.

A line is one recording on one head. It plays in NLA strips of the head's shape keys, from below: "Rest face" (all our
shapes at 0), "Speech", "Expression" (a strip for each emotion), "Lips" (what these leave to speech) and "Blinks", each
added to what lies below it, each with an Action of its own. A line touches its own frames only. The shape keys' active
Action is the animator's own layer and plays on top.
"""

import bpy
import numpy as np

from . import mouth
from .lines import checks, cues, derived, find, gaze, legacy, marks, shapes, strength, write
from .lines.actions import curves_of, read_curves
from .lines.drafts import Drafts
from .lines.marks import MARK, Line
from .lines.strength import MAXIMUM_STRENGTH
from .lines.take import Take
from .lines.write import Written

__all__ = [
    "MARK", "MAXIMUM_STRENGTH", "Drafts", "Line", "Take", "Written", "curves_of",
    "expression_strength", "find_line", "hand_made_animation", "is_baked", "is_rest", "is_stale", "lids_follow",
    "line_at", "lines", "plan", "read_curves", "refresh", "rest_vertices", "set_expression_strength",
    "set_speech_strength", "shape_key_names", "speech_strength", "target_problem", "unseen", "write_take",
]  # fmt: skip

_SAME_PITCH = 1e-4  # radians: a hundredth of a millimetre at the lids

target_problem = checks.target_problem
unseen = checks.unseen
rest_vertices = shapes.rest_vertices


def write_take(target: bpy.types.Object, take: Take, drafts: Drafts | None = None) -> Written:
    """Put ``take`` on ``target`` as a line (:func:`lines.write.write_take`); its mouth, if it has one, follows."""
    written = write.write_take(target, take, drafts)
    mouth.follow(target)
    return written


def lines(target: bpy.types.Object | None) -> list[Line]:
    """The lines on ``target`` in the order of their frames; none for what is no head."""
    return marks.lines_of(_keys(target))


def line_at(target: bpy.types.Object | None, frame: float) -> Line | None:
    """The line that plays at ``frame``, else the nearest; None without any."""
    found = lines(target)
    return min(found, key=lambda line: max(line.frames[0] - frame, frame - line.frames[1], 0.0), default=None)


def find_line(target: bpy.types.Object | None, recording: str, start: int) -> Line | None:
    """The line that a bake of ``recording`` (absolute path) at frame ``start`` bakes again; None when it adds one."""
    return find.find_line(_keys(target), recording, start)


def plan(target: bpy.types.Object | None, recording: str, start: int) -> str:
    """What a bake of ``recording`` at ``start`` does to lines of ``target``, in a few words; empty for the first."""
    return find.plan(_keys(target), recording, start)


def shape_key_names(target: bpy.types.Object) -> dict[str, str]:
    """Blendshape name -> name of the shape key that holds it on ``target``."""
    return marks.key_names(_keys(target))


def is_baked(target: bpy.types.Object | None) -> bool:
    """True when ``target`` carries a line, or a bake of version 0.1.0."""
    return bool(lines(target)) or legacy.is_old_bake(_keys(target))


def hand_made_animation(
    target: bpy.types.Object | None,
    recording: str | None = None,
    start: int | None = None,
    asked: cues.Asked | None = None,
) -> str | None:
    """What a bake of ``recording`` at frame ``start`` could not keep of what hands made; None when it keeps all.

    Without ``start``: of any line; asked: the emotions that the bake asks for. An Action of one's own, other lines,
    fades, places and sculpted shapes are kept anyhow; edited Actions stay in the file, but no longer play.
    """
    return find.hand_made(_keys(target), recording, start, asked)


def refresh(target: bpy.types.Object) -> None:
    """Compute lips, blinks and corrections of every line for strips, strengths and controls as they are now."""
    keys = _keys(target)
    if checks.target_problem(target) is None and keys is not None:
        for line in lines(target):
            derived.refresh(target, line)
        keys.update_tag(refresh={"TIME"})


def lids_follow(target: bpy.types.Object, line: Line, pitch: np.ndarray, known: bool) -> None:
    """After the eyes of ``line`` got their motion: let its lids follow, unless they were computed for it.

    pitch (T,): radians by which the eyes look down in the frames of the take; known: the lids lie as computed for that.
    """
    frames = line.frames[0] + np.arange(len(pitch))
    if known and np.abs(gaze.pitch_of(target, line, frames) - pitch[:, None]).max(initial=0.0) < _SAME_PITCH:
        derived.remember(target, line)
    else:
        derived.refresh(target, line)


def is_stale(target: bpy.types.Object) -> bool:
    """True when hands moved strips or keyed controls since lips and blinks were computed. Cheap."""
    return any(derived.is_stale(target, line) for line in lines(target))


def is_rest(strip: bpy.types.NlaStrip) -> bool:
    """True for the strip of ours that only holds the face at rest below the others."""
    mark = marks.read_action(strip.action)
    return (mark is not None and mark["layer"] == marks.REST) or legacy.is_rest(strip.action)


def expression_strength(target: bpy.types.Object, line: Line | None = None) -> float | None:
    """How strong the expression of ``line``, or of all lines, plays, 0 … 2 (1 as baked); None where they differ."""
    if line is None and legacy.is_old_bake(_keys(target)):
        return legacy.old_strength(_keys(target))
    return _strength(target, line, "expression")


def speech_strength(target: bpy.types.Object, line: Line | None = None) -> float | None:
    """How strong the speech of ``line``, or of all lines, plays, 0 … 2 (1 as baked); None where they differ."""
    if line is None and legacy.is_old_bake(_keys(target)):
        return 1.0
    return _strength(target, line, "speech")


def set_expression_strength(target: bpy.types.Object, value: float, line: Line | None = None) -> None:
    """Play the expression of ``line``, or of all lines, ``value`` times as baked, 0 … 2; blinks stay whole."""
    _set_strength(target, line, "expression", value)


def set_speech_strength(target: bpy.types.Object, value: float, line: Line | None = None) -> None:
    """Play the speech of ``line``, or of all lines, ``value`` times as strong as baked, 0 … 2."""
    _set_strength(target, line, "speech", value)


def _keys(target: bpy.types.Object | None) -> bpy.types.Key | None:
    return target.data.shape_keys if target is not None and target.type == "MESH" else None


def _strength(target: bpy.types.Object, line: Line | None, layer: str) -> float | None:
    factors = {strength.strength_of(item, layer) for item in ([line] if line else lines(target))}
    return factors.pop() if len(factors) == 1 else None


def _set_strength(target: bpy.types.Object, line: Line | None, layer: str, value: float) -> None:
    if line is None and legacy.is_old_bake(_keys(target)):
        legacy.convert(target)
    for item in [line] if line else lines(target):
        strength.set_strength(target, item, layer, value)
