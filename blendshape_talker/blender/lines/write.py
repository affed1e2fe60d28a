"""Writing a line: everything is checked, then every Action is built, then strips are given theirs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ...errors import TalkerError
from ..languages.translations import translated
from . import actions, checks, cues, derived, layers, legacy, shapes, strength
from .drafts import Drafts
from .find import find_line, is_cut, says
from .hands import retire, sweep
from .marks import (
    CLOSURE,
    LAYERS,
    Line,
    is_cue,
    key_names,
    lines_of,
    new_uid,
    own_strips,
    read_action,
    read_mark,
    shared_with_another,
    write_mark,
)  # fmt: skip
from .take import Take

_LAYER_IN_NAME = " | {} | "  # of an Action


@dataclass(frozen=True)
class Written:
    """What :func:`write_take` did.

    uid: the line's identity; former: the one that it had as a copy of another's, else empty; again: an earlier line
    was baked again; moved: frames by which that moved; frames: where it plays now, first and last; refreshed: lips and
    blinks are not those of the take, but were computed for what plays.
    """

    uid: str
    former: str
    again: bool
    moved: float
    frames: tuple[int, int]
    refreshed: bool = False


def write_take(target: bpy.types.Object, take: Take, drafts: Drafts | None = None) -> Written:
    """Put ``take`` on ``target`` as a line; :func:`find.find_line` says whether that is a new one.

    drafts: of this take on this head, as far as they are. A line that is baked again keeps what hands did to its
    strips, and its strengths; Actions of it whose keys were edited stay in the file. Raises :class:`TalkerError` when
    target or numbers do not fit, before the first write.
    """
    check(target, take)
    if legacy.is_old_bake(target.data.shape_keys):
        legacy.convert(target)
    sweep(take.name, take.start_frame)
    keys, names, obsolete = _write_shapes(target, take)
    layers.write_rest(keys, target.name, [names[name] for name in take.names], take.start_frame)
    line = find_line(keys, take.recording, take.start_frame)
    former, uid = "", line.uid if line else new_uid()
    if line is not None and shared_with_another(keys, uid):
        former, uid = uid, new_uid()  # Shift-D made one line two

    first = int(line.record["first"]) if line else take.start_frame
    moved = float(take.start_frame - line.frames[0]) if line and _moves(line, take) else 0.0
    place = (line.frames[0] if line else take.start_frame) + round(moved)
    factor = strength.strength_of(line, "expression") if line else None
    about = {**take.about, "line": uid, "start": take.start_frame, "keys": names}
    new, plan, drafts = take.layers(), _plan_cues(take, line), drafts or Drafts(target, take)
    for layer, (columns, weights) in new.items():
        factor_here = strength.strength_of(line, layer) if line else None
        blendshapes = [take.names[column] for column in columns]
        draft = drafts.take_out(layer, [shapes.value_path(names[name]) for name in blendshapes], first)
        action = draft.finish(f"{target.name[:24]}{_LAYER_IN_NAME.format(layer)}{take.name[:24]}")
        if layer == "blinks":
            action[CLOSURE] = np.asarray(take.closure, np.float64).tolist()
        mark = {**about, "layer": layer, "first": first, "count": len(weights), "shapes": blendshapes}
        write_mark(action, {**mark, "checksum": draft.checksum})
        if layer in ("speech", "expression") and factor_here not in (None, 1.0):
            strength.scale_action(action, factor_here)
        old = _plain(line, layer)
        if old:
            _replace(keys, layer, old, action, take, moved, keep_cuts=says(line, take.recording))
        else:
            layers.place(keys.animation_data, layer, _strip_name(take.about, layer), action, place)
    for layer in ("expression", "controls", "lips", "blinks") if line is not None else ():
        if layer not in new:
            _remove(_plain(line, layer))
    frames = cues.Frames(float(take.about.get("fps") or 1.0), first, float(place))
    _write_cues(target, take, plan, about, frames, moved, 1.0 if factor is None else factor, drafts)
    drafts.discard()
    shapes.remove_shapes(target, _unused(keys, obsolete))
    fresh = next(item for item in lines_of(keys) if item.uid == uid)
    turned = any(strength.strength_of(fresh, layer) not in (None, 1.0) for layer in ("speech", "expression"))
    refreshed = plan.touched or turned or derived.is_corrected(target, fresh)
    if refreshed:
        derived.refresh(target, fresh)
    derived.remember(target, fresh)
    keys.update_tag(refresh={"TIME"})
    return Written(uid, former, line is not None, moved, fresh.frames, refreshed)


def check(target: bpy.types.Object, take: Take) -> None:
    """Raise :class:`TalkerError` with one line when ``take`` cannot be written onto ``target``."""
    problem = checks.target_problem(target) or checks.frames_problem(take.start_frame, take.end_frame)
    if problem is None:
        line = find_line(target.data.shape_keys, take.recording, take.start_frame)
        problem = checks.line_problem(line) if line else None
    if problem:
        raise TalkerError(problem)
    vertices = len(target.data.vertices)
    if take.deltas.shape != (len(take.names), vertices, 3):
        words = "{} has {} vertices, the blendshapes {}; bake again"
        raise TalkerError(translated(words).format(target.name, vertices, take.deltas.shape[1]))
    if target.data.override_library:
        own = key_names(target.data.shape_keys)
        missing = [name for name in take.names if name not in own]
        if missing or not shapes.hold(target.data.shape_keys, [own[name] for name in take.names], take.deltas):
            raise TalkerError(translated(checks.OVERRIDDEN).format(target.name))
    if take.weights.ndim != 2 or take.weights.shape[1] != len(take.names) or len(take.weights) == 0:
        raise ValueError(f"weights {take.weights.shape} do not fit {len(take.names)} names")
    parts = (take.blink_weights, take.closure, take.lip_weights, *(cue.weights for cue in take.cues))
    for array in (take.weights, take.deltas, *parts):
        if array is not None and not np.isfinite(array).all():
            raise TalkerError("the animation holds numbers that are not finite; check the recording")


def _write_shapes(target: bpy.types.Object, take: Take) -> tuple[bpy.types.Key, dict[str, str], set[str]]:
    """The shape keys, their names by blendshape, and names of those that this take's model no longer has."""
    keys = target.data.shape_keys
    own, mark = key_names(keys), (read_mark(keys) if keys else None) or {}
    if target.data.override_library:
        return keys, {name: own[name] for name in take.names}, set()
    written = mark.get("shapes")
    written = written if isinstance(written, dict) else {}
    names, signatures = shapes.write_shapes(target, take.names, take.deltas, own, written)
    keys = target.data.shape_keys
    keys.animation_data_create()
    others = {name: key for name, key in own.items() if name not in names}
    write_mark(keys, {"keys": {**names, **others}, "shapes": {**written, **signatures}})
    return keys, names, set(others.values())


def _moves(line: Line, take: Take) -> bool:
    """True when the start frame was changed for the bake, False when hands moved the strips."""
    return take.start_frame not in (line.start, line.frames[0])


def _plain(line: Line | None, layer: str) -> list:
    """Strips of a layer that are no cues."""
    return [item for item in line.strips.get(layer, []) if not is_cue(read_action(item[1].action))] if line else []


@dataclass(frozen=True)
class _CuePlan:
    """What becomes of the cue strips that are there: kept, exchanged for cues at the same times, or removed.

    touched: hands have changed some of those that stay, so that something else plays than was taken.
    """

    old: list
    kept: bool = False
    exchanged: list = field(default_factory=list)
    touched: bool = False


def _plan_cues(take: Take, line: Line | None) -> _CuePlan:
    """Read before the first write: what lies where, hands know from the line as it stands."""
    if line is None:
        return _CuePlan([])
    old, asked = cues.cue_strips(line), cues.Asked.of(take.about)
    if not take.cues or not says(line, take.recording):
        return _CuePlan(old)
    if cues.are_kept(line, asked):
        return _CuePlan(old, kept=True, touched=True)
    pairs = [item for item in cues.matched(line, take.cues, asked) if cues.is_touched(line, *item[0])]
    return _CuePlan(old, exchanged=pairs, touched=bool(pairs))


def _write_cues(
    target: bpy.types.Object,
    take: Take,
    plan: _CuePlan,
    about: Mapping[str, Any],
    frames: cues.Frames,
    moved: float,
    factor: float,
    drafts: Drafts,
) -> None:
    """Lay the cues of a take; strips that stay move by ``moved`` frames."""
    data = target.data.shape_keys.animation_data
    paths = [shapes.value_path(about["keys"][name]) for name in take.names[take.speech_count :]]
    stay = plan.old if plan.kept else [item for item, _ in plan.exchanged]
    _remove([item for item in plan.old if item not in stay])
    numbers = {id(cue): number for number, cue in enumerate(take.cues)}
    for (_, strip), new in plan.exchanged:
        draft = drafts.take_out(numbers.pop(id(new)), paths, frames.first)
        action = cues.new_action(target, new, about, frames, paths, factor, draft=draft)
        cues.exchange(strip, action, new.cue, frames.rate)
    for track, strip in sorted(stay, key=lambda item: -np.sign(moved or 1) * item[1].frame_start) if moved else ():
        if not layers.move(track, strip, moved):
            layers.move_aside(data, "expression", track, strip, moved)
    if not plan.kept:
        for number in numbers.values():
            draft = drafts.take_out(number, paths, frames.first)
            cues.add(target, take.cues[number], about, frames, paths, factor, draft=draft)


def _remove(strips: list) -> None:
    """Take strips of a line away; Actions that hands edited stay in the file."""
    former = {strip.action for _, strip in strips}
    for track, strip in strips:
        track.strips.remove(strip)
    retire(former)


def _strip_name(about: Mapping[str, Any], layer: str) -> str:
    """What a strip is called in the NLA editor: the recording, and in the upper layers what they do with it."""
    name = str(about.get("name") or "line")
    word = str(about.get("emotion") or "expression") if layer == "expression" else layer
    return name if layer == "speech" else f"{name} {word}"


def _replace(
    keys: bpy.types.Key, layer: str, old: list, action: bpy.types.Action, take: Take, moved: float, keep_cuts: bool
) -> None:
    """Let the strips of a line play ``action`` instead of theirs, or new strips like them where those do not fit."""
    last, wanted = actions.last_frame(action), action.name
    former = {strip.action for _, strip in old}
    renamed = [item.name for item in former if _LAYER_IN_NAME.format(layer).rstrip() not in item.name]
    if not keep_cuts:  # another recording: where the last one was cut means nothing
        for track, strip in old[1:]:
            track.strips.remove(strip)
        old = old[:1]
    for track, strip in sorted(old, key=lambda item: -np.sign(moved or 1) * item[1].frame_start):
        ours = strip.name.startswith(_strip_name(read_action(strip.action) or {}, layer))
        name = _strip_name(take.about, layer) if ours else strip.name
        if (keep_cuts or not is_cut(strip)) and layers.swap(track, strip, action, last, moved):
            strip.name = name
            continue
        twin = layers.place(keys.animation_data, layer, name, action, round(strip.frame_start + moved))
        layers.copy_settings(strip, twin, moved)
        track.strips.remove(strip)
        twin.name = name
    retire(former)
    action.name = renamed[0] if renamed else wanted.removesuffix(".001")  # free now, unless the old one was edited


def _unused(keys: bpy.types.Key, obsolete: set[str]) -> set[str]:
    """Those of our ``obsolete`` shape keys that nothing animates any more."""
    data = keys.animation_data
    playing = {strip.action for _, strip, mark in own_strips(keys) if mark["layer"] in LAYERS}
    if data.action is not None:
        playing.add(data.action)
    paths = {curve.data_path for action in playing for curve in actions.curves_of(action)}
    paths |= {driver.data_path for driver in data.drivers}
    return {name for name in obsolete if shapes.value_path(name) not in paths}
