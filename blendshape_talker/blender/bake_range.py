"""Baking a stretch of a line anew: another take between two frames, woven into what plays there."""

from dataclasses import dataclass

import bpy
import numpy as np

from ..curves.weave import share_at, weave
from ..errors import TalkerError
from . import animation, keep_keys
from .animation import Take
from .languages.translations import translated
from .lines import actions, cues, derived, evaluate, hand_keys
from .lines.hands import is_edited
from .lines.layers import own_action
from .lines.marks import STRENGTH, Line, is_cue, lines_of, read_action, write_mark
from .lines.shapes import value_path

_SHORTEST = 4  # frames


@dataclass(frozen=True)
class Woven:
    """What :func:`weave_range` did: curves that changed, keys of hands that were kept, emotions that stayed."""

    curves: int
    kept: int
    emotions_stay: bool

    def __str__(self) -> str:
        words = translated("{} curves").format(self.curves)
        if self.kept:
            words += translated(", {} keys of yours kept").format(self.kept)
        return words + (translated(", the emotions stay as they were arranged") if self.emotions_stay else "")


def check_range(line: Line, first: int, last: int) -> None:
    """Raise :class:`TalkerError` for a stretch that does not lie on ``line`` or is too short to have seams."""
    low, high = line.frames
    if first > last or last < low or first > high:
        words = "frames {} to {} lie outside {}, which plays {} to {}"
        raise TalkerError(translated(words).format(first, last, line.name, low, high))
    if last - first < _SHORTEST:
        words = "frames {} to {} are too few; choose {} or more"
        raise TalkerError(translated(words).format(first, last, _SHORTEST + 1))


def weave_range(
    target: bpy.types.Object, line: Line, take: Take, first: int, last: int, keep_hands: bool = True
) -> Woven:
    """Let frames ``first`` … ``last`` of the scene play ``take``, another performance of the recording of ``line``.

    The speech and the emotions at the places where they were baked; lips and blinks follow. keep_hands: keys that hands
    set in the stretch stay as they are. Raises :class:`TalkerError` before the first write.
    """
    check_range(line, first, last)
    keys, names = target.data.shape_keys, animation.shape_key_names(target)
    if keys.animation_data.use_tweak_mode:
        raise TalkerError("an NLA strip is in tweak mode; leave it with Tab in the NLA editor")
    missing = [name for name in take.names if name not in names]
    if missing:
        words = "{} has no shape key for {}; bake the whole line first"
        raise TalkerError(translated(words).format(target.name, missing[0]))
    rate = float(take.about.get("fps") or 0.0)
    if not rate or rate != line.record.get("fps"):
        raise TalkerError(translated("{} was baked at another frame rate; bake the whole line first").format(line.name))
    paths = [value_path(names[name]) for name in take.names]
    speech, expression = paths[: take.speech_count], paths[take.speech_count :]
    jobs = [
        (strip, speech, int(read_action(strip.action)["first"]), take.weights[:, : take.speech_count])
        for _, strip in line.strips.get("speech", ())
    ]
    pairs = cues.matched(line, take.cues, cues.Asked.of(take.about))
    same = [(strip, new) for (_, strip), new in pairs if cues.baked_cue(strip.action).emotion == new.cue.emotion]
    jobs += [(strip, expression, int(line.record["first"]) + new.first, new.weights) for strip, new in same]
    curves = kept = 0
    seen: set[bpy.types.Action] = set()
    for strip, own_paths, start, weights in jobs:
        if strip.action in seen:
            continue
        action = own_action(keys, strip.action)
        seen.add(action)
        changed, held = _weave_action(action, strip, own_paths, start, weights, (first, last), rate, keep_hands)
        curves, kept = curves + changed, kept + held
    fresh = next(item for item in lines_of(keys) if item.uid == line.uid)
    derived.refresh(target, fresh)
    keep_keys.refresh(target, rate)
    keys.update_tag(refresh={"TIME"})
    emotions = [strip for _, strip in line.strips.get("expression", ()) if is_cue(read_action(strip.action))]
    return Woven(curves, kept, len(same) < len(emotions))


def _weave_action(
    action: bpy.types.Action, strip: bpy.types.NlaStrip, paths: list[str], start: int, weights: np.ndarray,
    span: tuple[int, int], rate: float, keep_hands: bool,
) -> tuple[int, int]:  # fmt: skip
    """Weave ``weights`` (T, paths), which begin at frame ``start`` of ``action``, into it; curves, and keys kept."""
    frames = start + np.arange(len(weights))
    shown, places = evaluate.scene_frames(strip, frames)
    share = np.zeros(len(frames))
    share[shown] = share_at(places, *span, rate)
    rows = np.flatnonzero(share > 0.0)
    if not len(rows):
        return 0, 0
    edited, factor = is_edited(action), float(action.get(STRENGTH, 1.0))
    hands = hand_keys.hand_frames(action)
    notes: dict[str, np.ndarray] = {}
    changed = held = 0
    present = {curve.data_path: curve for curve in actions.curves_of(action)}
    for column, path in enumerate(paths):
        curve, new = present.get(path), factor * weights[:, column].astype(np.float64)
        if curve is None:
            if np.abs(new[rows]).max() > 1e-6:
                values = np.zeros(len(frames))
                values[rows] = (share * new)[rows]
                actions.write_curves(action, "Woven", [path], frames, values[:, None])
                notes[path] = np.stack([frames, values], axis=1)
                changed += 1
            continue
        if curve.mute or len(curve.modifiers):
            continue
        old = actions.sample(action, [path], frames)[:, 0]
        theirs = [int(frame) - start for frame in hands.get(path, ()) if frame % 1 == 0]
        own = {row: float(old[row]) for row in theirs if 0 <= row < len(share) and share[row] > 0.0}
        if own:
            at = np.array(sorted(own))
            baked = hand_keys.baked_values(action, path, frames[at])
            if baked is not None and keep_hands:
                old = old.copy()
                old[at] = baked
            else:
                own = {}
        values, note = weave(old, new, share, own, rate)
        low, high = actions.fill(curve, frames, values, int(rows[0]) - 1, int(rows[-1]) + 1)
        notes[path] = np.stack([frames, note], axis=1)[low : high + 1]
        changed, held = changed + 1, held + len(own)
    hand_keys.note(action, notes)
    mark = read_action(action)
    if mark is not None and (not edited or not hand_keys.hand_frames(action)):
        write_mark(action, {**mark, "checksum": actions.checksum(action)})
    action.update_tag()
    return changed, held
