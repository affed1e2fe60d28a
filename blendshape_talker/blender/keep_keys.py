"""Keep My Keys: what an animator sets on single frames becomes a strip of its own, added on top of all lines.

Keys come from where hands put them: the shape keys' active Action, which would hold one value over the whole time, or
the Action of a strip, where one frame would stick out. Both give the value that a shape should have in a frame. The
strip adds what is missing to that, smoothly (:mod:`curves.keep`); the lines themselves are left, or put back, as baked,
and a bake of them computes the strip anew.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import TalkerError
from ..face.flame import lip_gap_per_weight
from .languages.translations import translated
from .lines import actions, evaluate, hand_keys
from .lines.derived import on_canonical_head
from .lines.marks import Line, in_library, lines_of, read_action, write_mark
from .lines.shapes import value_path

KEPT = "blendshape_talker_kept"  # on the Action of the strip: JSON of what hands asked for
TRACK = "My Keys"
SECONDS = (0.05, 3.0)  # in which a curve may come back from a key
_VERSION = 1
_FAR = 1000  # frames

Wanted = dict[str, dict[int, float]]  # shape key -> frame of the scene -> value


@dataclass(frozen=True)
class Kept:
    """How many keys the strip passes through, on how many shapes, and how many of them are new."""

    keys: int
    shapes: int
    fresh: int

    def __str__(self) -> str:
        keys = translated("1 key" if self.keys == 1 else "{} keys").format(self.keys)
        shapes = translated("1 shape" if self.shapes == 1 else "{} shapes").format(self.shapes)
        return translated("{} on {} kept in track {}, {} of them new").format(keys, shapes, TRACK, self.fresh)


def waiting(target: bpy.types.Object | None) -> int:
    """How many keys in the active Action wait to be kept; cheap: a panel asks."""
    keys = target.data.shape_keys if target is not None and target.type == "MESH" else None
    data = keys.animation_data if keys is not None else None
    if data is None or data.action is None or data.use_tweak_mode:
        return 0
    paths = _paths_of(lines_of(keys))
    return sum(len(curve.keyframe_points) for curve in actions.curves_of(data.action) if curve.data_path in paths)


def keep(target: bpy.types.Object, rate: float, seconds: float = 0.3) -> Kept:
    """Let the curves of ``target`` pass through the keys that hands set, and come back within ``seconds``.

    rate: frames a second. Raises :class:`TalkerError` before the first write.
    """
    low, high = SECONDS
    if not low <= seconds <= high:
        raise TalkerError(f"{seconds:g} s to come back is out of range; choose {low:g} to {high:g}")
    keys = target.data.shape_keys
    lines = lines_of(keys)
    if not lines:
        raise TalkerError("the chosen head has no line yet; press Bake first")
    data = keys.animation_data
    if data.use_tweak_mode:
        raise TalkerError("an NLA strip is in tweak mode; leave it with Tab in the NLA editor, then keep its keys")
    strip = strip_of(keys)
    wanted = _kept_before(strip, lines)
    edits = [*_in_active(keys, lines), *_in_strips(keys, lines)]
    if not edits and not wanted:
        raise TalkerError(
            "no keys were set by hand; in a frame put a shape key's value where you want it, press I over it, try again"
        )
    for block, frame, value in edits:
        if not _near(frame, lines):
            words = "the key of {} at frame {} lies far from every line; move or delete it"
            raise TalkerError(translated(words).format(block, frame))
        wanted.setdefault(block, {})[frame] = value
    for line in lines:
        for action in line.actions():
            _put_back(action)
    _write(target, lines, wanted, rate, seconds)
    _clear_active(keys, lines)
    keys.update_tag(refresh={"TIME"})
    return Kept(sum(map(len, wanted.values())), len(wanted), len(edits))


def refresh(target: bpy.types.Object, rate: float) -> None:
    """Compute the strip anew for lines that were baked again; without one nothing happens."""
    keys = target.data.shape_keys
    strip = strip_of(keys)
    lines = lines_of(keys)
    if strip is None or not lines or keys.animation_data.use_tweak_mode:
        return
    _write(target, lines, _kept_before(strip, lines), rate, float(_read(strip.action).get("seconds") or 0.3))


def strip_of(keys: bpy.types.Key | None) -> bpy.types.NlaStrip | None:
    """The strip of kept keys on ``keys``, None without."""
    found = place_of(keys)
    return found[1] if found else None


def place_of(keys: bpy.types.Key | None) -> tuple[bpy.types.NlaTrack, bpy.types.NlaStrip] | None:
    """The strip of kept keys on ``keys``, with its track; None without."""
    for track in keys.animation_data.nla_tracks if keys is not None and keys.animation_data else ():
        for strip in track.strips:
            if strip.action is not None and KEPT in strip.action and not in_library(track):
                return track, strip
    return None


def _paths_of(lines: list[Line]) -> set[str]:
    return {curve.data_path for line in lines for action in line.actions() for curve in actions.curves_of(action)}


def _read(action: bpy.types.Action) -> dict:
    try:
        told = json.loads(action[KEPT])
    except (TypeError, ValueError):
        return {}
    return told if isinstance(told, dict) and told.get("version") == _VERSION else {}


def _kept_before(strip: bpy.types.NlaStrip | None, lines: list[Line]) -> Wanted:
    """What hands asked for until now, in the frames of the scene: hands may have moved the strip since, or a line."""
    if strip is None:
        return {}
    later = round(strip.frame_start - strip.action_frame_start)
    told = _read(strip.action)
    spans = told.get("lines") if isinstance(told.get("lines"), dict) else {}
    wanted: Wanted = {}
    for block, pairs in told["keys"].items() if isinstance(told.get("keys"), dict) else ():
        try:
            moved = {int(frame) + (later or _moved(int(frame), spans, lines)): float(value) for frame, value in pairs}
        except (TypeError, ValueError, OverflowError):
            continue
        wanted[block] = {frame: value for frame, value in moved.items() if _near(frame, lines)}
    return wanted


def _near(frame: int, lines: list[Line]) -> bool:
    """True for a frame that is not so far from all lines that the strip would fill the memory."""
    return any(line.frames[0] - _FAR <= frame <= line.frames[1] + _FAR for line in lines)


def _moved(frame: int, spans: dict, lines: list[Line]) -> int:
    """By how many frames the line that played at ``frame`` has moved since its keys were kept."""
    for line in lines:
        first, last = spans.get(line.uid, (1, 0))
        if first <= frame <= last:
            return line.frames[0] - int(first)
    return 0


def _blocks(keys: bpy.types.Key) -> dict[str, str]:
    return {value_path(block.name): block.name for block in keys.key_blocks}


def _in_active(keys: bpy.types.Key, lines: list[Line]) -> Iterator[tuple[str, int, float]]:
    """(shape key, frame, value) of keys in the active Action that lie over what lines play."""
    data, blocks, paths = keys.animation_data, _blocks(keys), _paths_of(lines)
    if data.action is None:
        return
    if data.action_blend_type not in ("REPLACE", "ADD"):
        how = data.action_blend_type.title()
        words = "action {} is blended by {}; set it to Replace in the NLA editor"
        raise TalkerError(translated(words).format(data.action.name, how))
    for path, points in actions.read_curves(data.action).items():
        if path not in paths or path not in blocks:
            continue
        frames = np.round(points[:, 0]).astype(int)
        below = _plays(lines, [path], frames)[:, 0] if data.action_blend_type == "ADD" else np.zeros(len(frames))
        for frame, value in zip(frames.tolist(), (points[:, 1] + below).tolist(), strict=True):
            yield blocks[path], frame, value


def _in_strips(keys: bpy.types.Key, lines: list[Line]) -> Iterator[tuple[str, int, float]]:
    """(shape key, frame, value) of keys that hands moved in the Actions of strips."""
    blocks = _blocks(keys)
    for line in lines:
        for strips in line.strips.values():
            for _, strip in strips:
                for path, frames in hand_keys.hand_frames(strip.action).items():
                    shown, places = evaluate.scene_frames(strip, frames)
                    places = np.round(places).astype(int)
                    if path not in blocks or not len(shown):
                        continue
                    for frame, value in zip(places.tolist(), _plays(lines, [path], places)[:, 0].tolist(), strict=True):
                        yield blocks[path], frame, value


def _plays(lines: list[Line], paths: list[str], frames: np.ndarray) -> np.ndarray:
    """(F, paths) what the strips of all lines make of ``paths``."""
    strips = [item for line in lines for layer in line.strips.values() for item in layer]
    return evaluate.values(strips, paths, frames)


def _put_back(action: bpy.types.Action) -> None:
    """Let the keys that hands moved in an Action of ours be as they were baked."""
    moved = hand_keys.hand_frames(action)
    for curve in actions.curves_of(action) if moved else ():
        frames = moved.get(curve.data_path)
        baked = hand_keys.baked_values(action, curve.data_path, frames) if frames is not None else None
        if baked is None:
            continue
        back = dict(zip(frames.tolist(), baked.tolist(), strict=True))
        for key in curve.keyframe_points:
            if key.co[0] in back:
                key.co_ui[1] = back[key.co[0]]
        curve.update()
    mark = read_action(action)
    if moved and mark is not None and not hand_keys.hand_frames(action) and hand_keys.same_count(action):
        write_mark(action, {**mark, "checksum": actions.checksum(action)})


def _clear_active(keys: bpy.types.Key, lines: list[Line]) -> None:
    """Take what was kept out of the active Action; an Action that held nothing else goes."""
    data, paths = keys.animation_data, _paths_of(lines)
    action = data.action
    if action is None:
        return
    actions.remove_curves(action, paths)
    if not actions.curves_of(action) and action.library is None:
        data.action = None
        if action.users - action.use_fake_user <= 0 and not action.use_fake_user:
            bpy.data.actions.remove(action)


def _write(target: bpy.types.Object, lines: list[Line], wanted: Wanted, rate: float, seconds: float) -> None:
    from ..curves.keep import offsets  # with all that fits curves: enabling the add-on goes without

    keys = target.data.shape_keys
    wanted = {block: rows for block, rows in wanted.items() if block in keys.key_blocks and rows}
    reach = max(round(seconds * rate), 1)
    # no longer than the lines, but for keys outside: exports and the scene's range go by what strips there are
    first, last = min(line.frames[0] for line in lines), max(line.frames[1] for line in lines)
    every = [frame for rows in wanted.values() for frame in rows]
    first = min([first, *(frame - reach for frame in every if frame < first)])
    last = max([last, *(frame + reach for frame in every if frame > last)])
    frames = np.arange(first, last + 1)
    blocks = _blocks(keys)
    playing = sorted(path for path in _paths_of(lines) if path in blocks)
    below = _plays(lines, playing, frames)
    gaps = lip_gap_per_weight(on_canonical_head(target, [blocks[path] for path in playing])) * 1e3
    paths = [value_path(block) for block in wanted]
    columns = [playing.index(path) if path in playing else None for path in paths]
    missing = []
    for column, rows in zip(columns, wanted.values(), strict=True):
        base = {frame: 0.0 if column is None else float(below[frame - first, column]) for frame in rows}
        missing.append({frame - first: value - base[frame] for frame, value in rows.items()})
    gap = np.array([0.0 if column is None else gaps[column] for column in columns])
    values = offsets(missing, gap, below @ gaps, reach)
    strip = strip_of(keys)
    action = strip.action if strip is not None else actions.new_action(f"{target.name[:40]} | my keys", target.name)
    actions.clear_curves(action)
    actions.write_curves(action, TRACK, paths, frames, values)
    told = {block: sorted(rows.items()) for block, rows in wanted.items()}
    spans = {line.uid: line.frames for line in lines}
    action[KEPT] = json.dumps({"version": _VERSION, "seconds": seconds, "keys": told, "lines": spans})
    if strip is None:
        track = keys.animation_data.nla_tracks.new()
        track.name, track.select = TRACK, False
        strip = track.strips.new(TRACK, int(first), action)
        actions.use_in_strip(strip, action)
        strip.name, strip.blend_type, strip.extrapolation, strip.select = TRACK, "ADD", "NOTHING", False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start, strip.frame_end = first, last
    action.update_tag()
    keys.update_tag(refresh={"TIME"})
