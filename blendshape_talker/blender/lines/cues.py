"""Cues on the timeline: an emotion is an NLA strip with an Action of its own, moved and faded with Blender's own hands.

The Action holds the emotion's weights as if fully on (:meth:`pipeline.Talker.cue_weights`), in the line's own frames;
the strip says from when to when and how it fades. Strips add up, so any of them may move, overlap another, or go.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy

from ...expression.cues import Cue, CueTake
from ..languages.translations import translated
from . import actions, derived, layers, shapes, strength
from .draft import Draft
from .hands import retire
from .marks import Line, is_cue, key_names, lines_of, read_action, write_mark

ENDS_BEFORE = 0.01  # frames: a strip without blend-out would still show its last frame on the cue's end
_MOVED = 0.02  # frames between where a strip lies and where it was put from which on hands have moved it


@dataclass(frozen=True)
class Asked:
    """What a bake asks for: signatures of the cues' times and of all of them, and the frame rate.

    A bake that asks for the same again leaves alone what hands have rearranged since.
    """

    times: str
    emotions: str
    rate: float

    @classmethod
    def for_cues(cls, cues: Sequence[Cue], rate: float) -> "Asked":
        """For cues as they were given, before they are arranged."""
        times = [(cue.start, cue.end) for cue in cues]
        signatures = [f"{zlib.crc32(repr(what).encode()):08x}" for what in (times, list(cues))]
        return cls(signatures[0], signatures[1], rate)

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> "Asked | None":
        """As a take or a line tells; None where it does not."""
        asked, rate = about.get("asked"), about.get("fps")
        if isinstance(asked, list | tuple) and len(asked) == 2 and isinstance(rate, int | float):
            return cls(str(asked[0]), str(asked[1]), float(rate))
        return None


@dataclass(frozen=True)
class Frames:
    """How a line's time lies in Blender: its frame rate, the first frame of its Actions, and where that plays now."""

    rate: float
    first: int
    place: float

    @classmethod
    def of(cls, line: Line) -> "Frames":
        """As of a line that is there; a line without a frame rate cannot hold cues: ValueError."""
        rate = line.record.get("fps")
        if not isinstance(rate, int | float) or not rate > 0:
            raise ValueError(f"{line.name} does not know its frame rate")
        speech = line.strips.get("speech")
        if not speech:
            return cls(float(rate), int(line.record["first"]), float(line.frames[0]))
        strip = min((strip for _, strip in speech), key=lambda strip: strip.frame_start)
        first = int(line.record["first"])
        return cls(float(rate), first, strip.frame_start + first - strip.action_frame_start)


def add(
    target: bpy.types.Object,
    take: CueTake,
    about: Mapping[str, Any],
    frames: Frames,
    paths: Sequence[str],
    factor: float = 1.0,
    own: bool = False,
    draft: Draft | None = None,
) -> bpy.types.NlaStrip:
    """Lay a cue as a strip of its own.

    about: of the line (line, start, name); paths (K_E,): of its expression's shape keys; factor: the strength of its
    expression; own: an animator put it there, not a bake; draft: of its Action, where there is one.
    """
    action = new_action(target, take, about, frames, paths, factor, own, draft)
    cue, rate = take.cue, frames.rate
    end = cue.end - (0.0 if cue.blend_out else ENDS_BEFORE / rate)
    strip = layers.place_part(
        target.data.shape_keys.animation_data, "expression", strip_name(cue), action,
        frames.place + cue.start * rate, (frames.first + cue.start * rate, frames.first + end * rate),
    )  # fmt: skip
    strip.blend_in, strip.blend_out = (cue.blend_in or 0.0) * rate, (cue.blend_out or 0.0) * rate
    return strip


def exchange(strip: bpy.types.NlaStrip, action: bpy.types.Action, cue: Cue, rate: float) -> None:
    """Let ``strip`` play the Action of ``cue`` instead of its own; all that hands did to the strip stays."""
    former, old = strip.action, baked_cue(strip.action)
    kept = {name: getattr(strip, name) for name in ("action_frame_start", "action_frame_end", "blend_in", "blend_out")}
    for name in ("blend_in", "blend_out"):
        if abs(kept[name] - getattr(old, name) * rate) <= _MOVED:  # as baked: fades belong to the emotion
            kept[name] = min(getattr(cue, name) or 0.0, cue.seconds) * rate
    renamed = not strip.name.startswith(strip_name(old))
    actions.use_in_strip(strip, action)
    for name, value in kept.items():
        if getattr(strip, name) != value:
            setattr(strip, name, value)
    if not renamed:
        strip.name = strip_name(cue)
    wanted = action.name
    retire({former})
    action.name = wanted.removesuffix(".001")  # free now, unless the old one was edited


def new_action(
    target: bpy.types.Object,
    take: CueTake,
    about: Mapping[str, Any],
    frames: Frames,
    paths: Sequence[str],
    factor: float = 1.0,
    own: bool = False,
    draft: Draft | None = None,
) -> bpy.types.Action:
    """The Action of a cue, marked; arguments as in :func:`add`."""
    cue = take.cue
    name = f"{cue.emotion} | {str(about.get('name') or 'line')[:24]} | {target.name[:20]}"
    first = frames.first + take.first
    draft = draft or Draft(target.name, "Expression", paths, first, take.weights, moving=True)
    action = draft.finish(name)
    told = {
        "emotion": cue.emotion, "intensity": cue.intensity, "start": cue.start, "end": cue.end,
        "blend_in": cue.blend_in or 0.0, "blend_out": cue.blend_out or 0.0, "own": own,
    }  # fmt: skip
    mark = {"layer": "expression", "line": about["line"], "start": about["start"], "name": about.get("name")}
    mark |= {"first": first, "count": len(take.weights), "cue": told, "checksum": draft.checksum}
    write_mark(action, mark)
    if factor != 1.0:
        strength.scale_action(action, factor)
    return action


def strip_name(cue: Cue) -> str:
    """What a strip is called: "happy", "angry 0.8"."""
    return cue.emotion if cue.intensity == 1.0 else f"{cue.emotion} {cue.intensity:g}"


def add_to(target: bpy.types.Object, line: Line, take: CueTake) -> bpy.types.NlaStrip:
    """Put an emotion into a line that is there, at the line's strength; lips and blinks follow."""
    names = key_names(target.data.shape_keys)
    paths = [shapes.value_path(names[name]) for name in derived.expression_shapes(line)]
    factor = strength.strength_of(line, "expression") or 1.0
    strip = add(target, take, line.record | {"line": line.uid}, Frames.of(line), paths, factor, own=True)
    refresh(target, line.uid)
    return strip


def swap(target: bpy.types.Object, line: Line, changed: Sequence[tuple[bpy.types.NlaStrip, CueTake]]) -> None:
    """Let strips of a line show other emotions; their places, fades and all else stay, lips and blinks follow."""
    names = key_names(target.data.shape_keys)
    paths = [shapes.value_path(names[name]) for name in derived.expression_shapes(line)]
    factor, frames = strength.strength_of(line, "expression") or 1.0, Frames.of(line)
    for strip, take in changed:
        action = new_action(target, take, line.record | {"line": line.uid}, frames, paths, factor, own=True)
        exchange(strip, action, take.cue, frames.rate)
    refresh(target, line.uid)


def refresh(target: bpy.types.Object, uid: str) -> None:
    """Compute lips and blinks of a line for its strips as they lie now."""
    keys = target.data.shape_keys
    for line in lines_of(keys):
        if line.uid == uid:
            derived.refresh(target, line)
    keys.update_tag(refresh={"TIME"})


def problem(line: Line | None) -> str | None:
    """Why emotions cannot be put into ``line``, in one line; None when they can."""
    if line is None:
        return "no line on this head yet; bake first"
    if not line.actions("lips") or not isinstance(line.record.get("fps"), int | float):
        words = "{} was baked by an older version; bake it again to have its emotions as strips"
        return translated(words).format(line.name)
    return None


def cue_strips(line: Line) -> list[tuple[Any, bpy.types.NlaStrip]]:
    """(track, strip) of every cue of ``line`` by its start."""
    found = [item for item in line.strips.get("expression", ()) if is_cue(read_action(item[1].action))]
    return sorted(found, key=lambda item: item[1].frame_start)


def baked_cue(action: bpy.types.Action) -> Cue:
    """The cue that an Action was made for, wherever its strip lies now."""
    told = (read_action(action) or {}).get("cue") or {}
    try:
        numbers = [float(told[name]) for name in ("start", "end", "intensity", "blend_in", "blend_out")]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"the mark of {action.name} cannot be read") from None
    start, end, intensity, *blends = numbers
    return Cue(start, end, str(told.get("emotion") or "neutral"), intensity, *blends)


def shown_cue(line: Line, strip: bpy.types.NlaStrip) -> Cue:
    """The cue that a strip shows as it lies now: seconds from the start of the line, which hands may have left."""
    frames, cue = Frames.of(line), baked_cue(strip.action)
    start, end = ((frame - frames.place) / frames.rate for frame in (strip.frame_start, strip.frame_end))
    end += 0.0 if strip.blend_out else ENDS_BEFORE / frames.rate
    return replace(
        cue, start=start, end=end, blend_in=strip.blend_in / frames.rate, blend_out=strip.blend_out / frames.rate
    )


def hand_made(line: Line) -> list[str]:
    """Names of the cue strips that hands put in, swapped, moved, faded or muted, and a word for those removed."""
    found = [strip.name for track, strip in cue_strips(line) if is_touched(line, track, strip)]
    return [*found, *(["a strip that was removed"] if _removed(line) else [])]


def is_touched(line: Line, track: Any, strip: bpy.types.NlaStrip) -> bool:
    """True when hands put the strip in, swapped, moved, faded or muted it."""
    own = read_action(strip.action)["cue"].get("own")
    return bool(own or track.mute or strip.mute or strip.use_animated_influence or _is_moved(line, strip))


def are_kept(line: Line, asked: Asked | None) -> bool:
    """True when a bake of ``asked`` leaves the cues of ``line`` alone, because hands have rearranged them.

    Where none is left at all they come back.
    """
    return asked is not None and Asked.of(line.record) == asked and bool(cue_strips(line)) and _rearranged(line)


def are_safe(line: Line, asked: Asked | None) -> bool:
    """True when a bake that asks for ``asked`` keeps all that hands did to the cues of ``line``."""
    before = Asked.of(line.record)
    if asked is None or before is None or before == asked:
        return True
    return (before.times, before.rate) == (asked.times, asked.rate) and not _rearranged(line)


def matched(
    line: Line, takes: Sequence[CueTake], asked: Asked | None
) -> list[tuple[tuple[Any, bpy.types.NlaStrip], CueTake]]:
    """Each cue strip of ``line`` with the cue for its place: both were asked for at the same times; else none."""
    before, old = Asked.of(line.record), cue_strips(line)
    if asked is None or before is None or (before.times, before.rate) != (asked.times, asked.rate):
        return []
    if _rearranged(line) or len(old) != len(takes):
        return []
    old = sorted(old, key=lambda item: _times(baked_cue(item[1].action)))
    return list(zip(old, sorted(takes, key=lambda take: _times(take.cue)), strict=True))


def _times(cue: Cue) -> tuple[float, float]:
    return cue.start, cue.end


def _rearranged(line: Line) -> bool:
    """True when cues were put in, duplicated, swapped or removed."""
    own = any(read_action(strip.action)["cue"].get("own") for _, strip in cue_strips(line))
    return own or _more_than_baked(line) != 0


def _removed(line: Line) -> bool:
    return _more_than_baked(line) < 0


def _more_than_baked(line: Line) -> int:
    """By how many strips there are more of the bake's own cues than it laid: duplicates above 0, removed ones below."""
    baked = line.record.get("strips")
    left = sum(not read_action(strip.action)["cue"].get("own") for _, strip in cue_strips(line))
    return left - baked if isinstance(baked, int) else 0


def _is_moved(line: Line, strip: bpy.types.NlaStrip) -> bool:
    try:
        rate, cue, shown = Frames.of(line).rate, baked_cue(strip.action), shown_cue(line, strip)
    except ValueError:
        return True
    pairs = [(getattr(cue, name), getattr(shown, name)) for name in ("start", "end", "blend_in", "blend_out")]
    return any(abs(old - new) * rate > _MOVED for old, new in pairs) or abs(strip.scale - 1.0) > 1e-3
