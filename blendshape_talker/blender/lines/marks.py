"""Marks: what belongs to which line is read from data on Actions and shape keys, never from a name.

Whatever has no mark that can be read is a person's. NLA strips and tracks carry no data of their own: a strip is ours
when its Action is.
"""

import functools
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy

MARK = "blendshape_talker"  # custom property: JSON on Actions, shape keys and sound strips
STRENGTH = "blendshape_talker_strength"  # on an Action: by how much its keys are scaled
CLOSURE = "blendshape_talker_closure"  # on an Action of blinks: lid closure 0 … 1 of each frame
SEEN = "blendshape_talker_seen"  # on an Action of lips: the strips and controls that it was computed for
VERSION = 2
LAYERS = ("speech", "expression", "controls", "lips", "blinks")  # of a line, from below
REST = "rest"
_OF_A_CUE = ("start", "end", "intensity", "blend_in", "blend_out")  # numbers without which a cue is none
_NUMBERS = {
    **{"start": (-1 << 22, 1 << 22), "first": (-1 << 22, 1 << 22), "count": (1, 1 << 22), "fps": (0.01, 1000.0)},
    **{"seed": (0, math.inf), "closures": (0, 1 << 22), "cues": (0, 1 << 22), "strips": (0, 1 << 22)},
}  # least and most; frames lie within Blender's timeline
_KINDS = {
    **{"name": str, "recording": str, "emotion": str, "style": str},
    **{"warnings": list, "lost": list, "asked": list, "cue": dict},
}
MOTIONS = ("head", "gaze")  # of a line, on its head's armature (blender/motion.py)


@dataclass
class Line:
    """One recording on one head: its marks and, by layer, its NLA strips as (track, strip)."""

    uid: str
    record: dict[str, Any]
    strips: dict[str, list[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How people call it: the recording's file name without its suffix."""
        return str(self.record.get("name") or "line")

    @property
    def start(self) -> int:
        """The start frame that was asked for; hands may have moved the strips since."""
        return int(self.record["start"])

    @property
    def frames(self) -> tuple[int, int]:
        """First and last frame where it plays now."""
        strips = [strip for _, strip in self.strips.get("speech") or next(iter(self.strips.values()))]
        return round(min(strip.frame_start for strip in strips)), round(max(strip.frame_end for strip in strips))

    def actions(self, layer: str | None = None) -> list[bpy.types.Action]:
        """Its Actions, or those of one layer, each once."""
        layers = [layer] if layer else list(self.strips)
        found = [strip.action for name in layers for _, strip in self.strips.get(name, ())]
        return list(dict.fromkeys(found))


def in_library(track: Any) -> bool:
    """True for a track that comes from a library file: what is done to its strips is lost when the file is saved.

    Tracks of a head that was made local since still say that they are overrides, and are none.
    """
    keys = track.id_data
    overridden = isinstance(keys, bpy.types.Key) and keys.user is not None and keys.user.override_library is not None
    return overridden and bool(getattr(track, "is_override_data", False))


def new_uid() -> str:
    """An identity for a line that no other line has."""
    return os.urandom(8).hex()


def read_mark(holder: Any) -> dict[str, Any] | None:
    """The mark of an Action, of shape keys or of a sound strip; None when there is none that can be read."""
    value = holder.get(MARK) if holder is not None else None
    if not isinstance(value, str):
        return None
    mark = _parsed(value)
    return dict(mark) if mark is not None else None


@functools.lru_cache(maxsize=8192)
def _parsed(value: str) -> dict[str, Any] | None:
    """Panels read marks in every redraw: each text is parsed once."""
    try:
        mark = json.loads(value)
    except ValueError:
        return None
    if not isinstance(mark, dict) or mark.get("version") != VERSION:
        return None
    return {name: told for name, told in mark.items() if _is_told(name, told)}


def _is_told(name: str, told: Any) -> bool:
    """False for what a mark cannot have under this name: whoever wrote it, it counts as left out."""
    if name in _NUMBERS:
        low, high = _NUMBERS[name]
        return isinstance(told, int | float) and low <= told <= high  # also refuses NaN
    return name not in _KINDS or isinstance(told, _KINDS[name])


def write_mark(holder: Any, mark: Mapping[str, Any]) -> None:
    """Replace the mark of ``holder``."""
    holder[MARK] = json.dumps({"version": VERSION, **mark})


def unmark(holder: Any) -> None:
    """Let ``holder`` be a person's from now on."""
    for name in (MARK, STRENGTH, CLOSURE, SEEN):
        if name in holder:
            del holder[name]


def read_action(action: bpy.types.Action | None) -> dict[str, Any] | None:
    """The mark of an Action of ours, checked for what every use of it needs; None otherwise."""
    mark = read_mark(action)
    if mark is None or mark.get("layer") not in (*LAYERS, *MOTIONS, REST) or not isinstance(mark.get("line"), str):
        return None
    numbers = (mark.get("start"), mark.get("first"), mark.get("count"))
    return mark if all(isinstance(number, int) for number in numbers) else None


def key_names(keys: bpy.types.Key | None) -> dict[str, str]:
    """Blendshape name -> name of the shape key that holds it, as far as both are there.

    From the shape keys' own mark or, where that is lost, from those of the Actions.
    """
    if keys is None:
        return {}
    marks = [read_mark(keys) or {}, *(mark for _, _, mark in own_strips(keys))]
    for mark in marks:
        named = mark.get("keys")
        if isinstance(named, dict):
            return {str(name): key for name, key in named.items() if isinstance(key, str) and key in keys.key_blocks}
    return {}


def own_strips(keys: bpy.types.Key | None) -> Iterator[tuple[bpy.types.NlaTrack, bpy.types.NlaStrip, dict[str, Any]]]:
    """Every (track, strip, mark of its Action) of ours on ``keys``, from the lowest track up.

    In place of the track stands the meta strip for those that someone grouped.
    """

    def inside(holder: Any) -> Iterator[tuple[Any, bpy.types.NlaStrip, dict[str, Any]]]:
        for strip in holder.strips:
            if strip.type == "META":
                yield from inside(strip)
            mark = read_action(strip.action)
            if mark is not None:
                yield holder, strip, mark

    for track in keys.animation_data.nla_tracks if keys is not None and keys.animation_data else ():
        yield from inside(track)


def is_cue(mark: Mapping[str, Any] | None) -> bool:
    """True for the mark of an Action that is one emotion of a line, to be had several times and anywhere in it."""
    told = mark.get("cue") if mark is not None and mark["layer"] == "expression" else None
    return isinstance(told, dict) and all(isinstance(told.get(name), int | float) for name in _OF_A_CUE)


def lines_of(keys: bpy.types.Key | None) -> list[Line]:
    """The lines on ``keys`` by their frames. Of duplicates of an Action the one nearest to its old place counts.

    Duplicates of a cue are cues. A cue belongs to the line that it lies on: to the one that its mark names if it
    touches that, else to another that it touches. One that touches none counts with its own line, unless it is a
    duplicate: somebody has copied the line to another place then.
    """
    cues, others = [], []
    for item in own_strips(keys):
        if item[2]["layer"] != REST:
            (cues if is_cue(item[2]) else others).append(item)
    nearest: dict[tuple[str, str], tuple[float, bpy.types.Action]] = {}
    for _, strip, mark in others:
        owner = mark["line"], mark["layer"]
        distance = abs(strip.frame_start - mark["first"])
        if owner not in nearest or (strip.action != nearest[owner][1] and distance < nearest[owner][0]):
            nearest[owner] = distance, strip.action
    lines: dict[str, Line] = {}
    for track, strip, mark in others:
        if nearest[mark["line"], mark["layer"]][1] == strip.action:
            line = lines.setdefault(mark["line"], Line(mark["line"], mark))
            line.strips.setdefault(mark["layer"], []).append((track, strip))
            if mark["layer"] == "speech":
                line.record = mark
    spans = {uid: line.frames for uid, line in lines.items() if "speech" in line.strips}
    aside, seen = [], set()
    for track, strip, mark in cues:
        uid = _line_under(strip, mark["line"], spans) if spans else mark["line"]
        if uid is None:
            aside.append((track, strip, mark))
            continue
        seen.add(strip.action[MARK])
        lines.setdefault(uid, Line(uid, mark)).strips.setdefault("expression", []).append((track, strip))
    for track, strip, mark in aside:
        if strip.action[MARK] not in seen:
            line = lines.setdefault(mark["line"], Line(mark["line"], mark))
            line.strips.setdefault("expression", []).append((track, strip))
    return sorted(lines.values(), key=lambda line: line.frames)


def _line_under(strip: bpy.types.NlaStrip, own: str, spans: Mapping[str, tuple[int, int]]) -> str | None:
    """The line that ``strip`` lies on: its ``own``, else another; None where it touches none."""
    start, end = strip.frame_start, strip.frame_end
    touched = (uid for uid in (own, *spans) if uid in spans and start <= spans[uid][1] and end >= spans[uid][0])
    return next(touched, None)


def shared_with_another(keys: bpy.types.Key, uid: str) -> bool:
    """True when another head carries a line of this identity: one of them is a copy of the other."""
    others = (other for other in bpy.data.shape_keys if other != keys)
    return any(mark["line"] == uid for other in others for _, _, mark in own_strips(other))
