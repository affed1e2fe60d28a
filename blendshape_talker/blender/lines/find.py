"""Which line a bake means, and what of hands' work a bake of it could not keep."""

import os

import bpy

from ..languages.translations import translated
from . import cues, legacy
from .hands import is_edited
from .marks import Line, is_cue, lines_of, read_action


def find_line(keys: bpy.types.Key | None, recording: str, start: int) -> Line | None:
    """The line on ``keys`` that a bake of ``recording`` at frame ``start`` bakes again; None when it adds one.

    That is the line of this recording that was asked to begin there, wherever hands have moved it since; else the line
    that begins there now; else one of this recording that plays at that frame, which then moves there.
    """
    found = lines_of(keys)
    same = [line for line in found if says(line, recording)]
    for candidates in (
        [line for line in same if line.start == start],
        [line for line in found if line.frames[0] == start],
        [line for line in same if line.frames[0] <= start <= line.frames[1]],
    ):
        if candidates:
            return candidates[0]
    return None


def says(line: Line, recording: str) -> bool:
    """True when ``recording`` is the file that ``line`` was baked from."""
    own = str(line.record.get("recording") or "")
    return bool(own) == bool(recording) and os.path.normcase(own) == os.path.normcase(recording)


def plan(keys: bpy.types.Key | None, recording: str, start: int) -> str:
    """What a bake of ``recording`` at ``start`` does to lines that are there, in a few words; empty for the first."""
    line = find_line(keys, recording, start)
    if line is not None:
        return f"bakes {line.name} again, frames {line.frames[0]} to {line.frames[1]}"
    found = lines_of(keys)
    playing = [line for line in found if line.frames[0] <= start <= line.frames[1]]
    if playing:
        words = "adds a line while {} still speaks (to frame {})"
        return translated(words).format(playing[0].name, playing[0].frames[1])
    return translated("adds a line") if found else ""


def hand_made(
    keys: bpy.types.Key | None, recording: str | None = None, start: int | None = None, asked: cues.Asked | None = None
) -> str | None:
    """What a bake of ``recording`` at frame ``start`` could not keep of what hands made; None when it keeps all.

    Without ``start``: of whatever line. asked: the emotions that the bake asks for; without it none is compared.
    """
    if legacy.is_old_bake(keys):
        concerned = start is None or legacy.old_frames(keys)[0] == start
        return translated("changes made to the last bake") if concerned and legacy.is_edited(keys) else None
    found = lines_of(keys)
    if start is not None:
        line = find_line(keys, recording or "", start)
        found = [line] if line else []
    edited = [action for line in found for action in line.actions() if is_edited(action)]
    if start is not None:  # cues that stay take their keys along
        stay = bool(found) and says(found[0], recording or "") and cues.are_kept(found[0], asked)
        edited = [action for action in edited if not (stay and is_cue(read_action(action)))]
    lost = [translated("the keys of action {}").format(action.name) for action in edited]
    for line in found if start is not None else []:
        same = says(line, recording or "")
        if not same:
            strips = [item for layer in line.strips for item in line.strips[layer]]
            plain = [strip for _, strip in strips if not is_cue(read_action(strip.action))]
            lost += [translated("the cut of strip {}").format(strip.name) for strip in plain if is_cut(strip)]
        if not same or not cues.are_safe(line, asked):
            lost += [translated("emotion {}").format(name) for name in cues.hand_made(line)]
        if asked is not None:  # strips of older bakes, which hold all emotions in one, make room for one each
            words = translated("what was done to strip {}")
            lost += [words.format(strip.name) for _, strip in _plain_emotions(line) if _is_used(strip)]
    return ", ".join(lost) or None


def _plain_emotions(line: Line) -> list:
    return [item for item in line.strips.get("expression", ()) if not is_cue(read_action(item[1].action))]


def _is_used(strip: bpy.types.NlaStrip) -> bool:
    """True when hands faded, muted, cut, stretched or keyed a strip."""
    faded = strip.blend_in or strip.blend_out or strip.mute or strip.use_animated_influence
    return bool(faded or is_cut(strip) or strip.scale != 1.0 or strip.repeat != 1.0)


def is_cut(strip: bpy.types.NlaStrip) -> bool:
    """True when a strip plays only a part of its Action."""
    first, last = strip.action.frame_range
    return strip.action_frame_start > first + 0.5 or strip.action_frame_end < last - 0.5
