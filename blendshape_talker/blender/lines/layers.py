"""NLA tracks and strips of a head: rest below, then speech, expression and blinks, each added to what lies below.

The shape keys' active Action stays free: it plays above all of this and is the animator's own layer.
"""

import re
from collections.abc import Iterator

import bpy
import numpy as np

from . import actions
from .marks import LAYERS, REST, in_library, own_strips, read_action, write_mark
from .shapes import value_path

TRACKS = {
    **{REST: "Rest face", "speech": "Speech", "expression": "Expression"},
    **{"controls": "Controls", "lips": "Lips", "blinks": "Blinks"},
}
_COPIED = (
    *("blend_type", "extrapolation", "use_auto_blend", "blend_in", "blend_out", "mute", "use_reverse"),
    *("use_animated_time", "use_animated_time_cyclic", "use_animated_influence", "influence", "select"),
)


def place(
    animation_data: bpy.types.AnimData, layer: str, name: str, action: bpy.types.Action, start: int
) -> bpy.types.NlaStrip:
    """A new strip of ``action`` at frame ``start`` in a track of ``layer`` that has room, or in a new track."""
    first, last = action.frame_range
    return _place(animation_data, layer, name, action, start, start + max(last - first, 1.0))


def place_part(
    animation_data: bpy.types.AnimData,
    layer: str,
    name: str,
    action: bpy.types.Action,
    start: float,
    part: tuple[float, float],
) -> bpy.types.NlaStrip:
    """As :func:`place` at any time between frames; the strip plays ``part`` of the action, first and last frame."""
    first, last = action.frame_range
    whole, end = int(np.floor(start)), start + part[1] - part[0]
    strip = _place(animation_data, layer, name, action, whole, max(end, whole + max(last - first, 1.0)))
    strip.action_frame_start, strip.action_frame_end = part
    strip.frame_start, strip.frame_end = start, end
    return strip


def _place(
    animation_data: bpy.types.AnimData, layer: str, name: str, action: bpy.types.Action, start: int, end: float
) -> bpy.types.NlaStrip:
    tracks = list(_tracks_of(animation_data, layer))
    track = next((track for track in tracks if _takes(track, start, end)), None)
    if track is None:
        track = animation_data.nla_tracks.new(prev=_track_below(animation_data, layer))
        track.name = TRACKS[layer] if not tracks else f"{TRACKS[layer]} {len(tracks) + 1}"
        track.select = False
    strip = track.strips.new(name, start, action)
    actions.use_in_strip(strip, action)
    strip.name = name
    strip.blend_type, strip.extrapolation, strip.select = "ADD", "NOTHING", False
    return strip


def swap(
    track: bpy.types.NlaTrack, strip: bpy.types.NlaStrip, action: bpy.types.Action, last: float, moved: float = 0.0
) -> bool:
    """Let ``strip`` play ``action`` up to its frame ``last``, ``moved`` frames later; all else about it stays.

    A strip that ended before its Action did goes on to do so. False, and nothing done, where the track has no room.
    """
    cut = strip.action_frame_end < actions.last_frame(strip.action) - 0.5
    wanted = max(min(strip.action_frame_end, last) if cut else last, strip.action_frame_start + 1.0)
    start = strip.frame_start + moved
    end = start + (wanted - strip.action_frame_start) * strip.scale * strip.repeat
    # on its way it must meet no other strip either: Blender pushes those aside
    low, high = min(start, strip.frame_start), max(end, strip.frame_end)
    if any(other != strip and other.frame_end > low and other.frame_start < high for other in track.strips):
        return False
    fades = strip.blend_in, strip.blend_out
    actions.use_in_strip(strip, action)
    if strip.action_frame_end != wanted:
        strip.action_frame_end = wanted
    if moved:
        strip.frame_start_ui = start
        _move_keys(strip, moved)
    strip.blend_in, strip.blend_out = fades
    return True


def own_action(keys: bpy.types.Key, action: bpy.types.Action) -> bpy.types.Action:
    """``action`` itself when ``keys`` alone play it; else a copy in its place there (Shift-D shares Actions)."""
    strips = [strip for _, strip, _ in own_strips(keys) if strip.action == action]
    tweaked = keys.animation_data.use_tweak_mode  # the active Action is a strip's then, and strips are read-only
    uses = len(strips) + (keys.animation_data.action == action)
    if tweaked or (action.users - action.use_fake_user <= uses and action.library is None):
        return action
    copy = action.copy()
    for strip in strips:
        actions.use_in_strip(strip, copy)
    return copy


def move(track: bpy.types.NlaTrack, strip: bpy.types.NlaStrip, moved: float) -> bool:
    """Let ``strip`` play ``moved`` frames later. False, and nothing done, where another strip is in the way."""
    start, end = strip.frame_start + moved, strip.frame_end + moved
    low, high = min(start, strip.frame_start), max(end, strip.frame_end)
    if any(other != strip and other.frame_end > low and other.frame_start < high for other in track.strips):
        return False
    strip.frame_start_ui = start
    _move_keys(strip, moved)
    return True


def move_aside(
    animation_data: bpy.types.AnimData, layer: str, track: bpy.types.NlaTrack, strip: bpy.types.NlaStrip, moved: float
) -> bpy.types.NlaStrip:
    """As :func:`move`, into another track of ``layer``; the strip that stands there then."""
    part, name = (strip.action_frame_start, strip.action_frame_end), strip.name
    twin = place_part(animation_data, layer, name, strip.action, strip.frame_start + moved, part)
    copy_settings(strip, twin, moved)
    track.strips.remove(strip)
    twin.name = name
    return twin


def _move_keys(strip: bpy.types.NlaStrip, moved: float) -> None:
    """Keys of a strip's own influence and time lie in frames of the scene: they go along with it."""
    for curve in strip.fcurves:
        for name in ("co", "handle_left", "handle_right"):
            places = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(name, places)
            places[::2] += moved
            curve.keyframe_points.foreach_set(name, places)
        curve.update()


def copy_settings(source: bpy.types.NlaStrip, target: bpy.types.NlaStrip, moved: float = 0.0) -> None:
    """Give ``target`` the fades, blending, speed and animated influence of ``source``, this ``moved`` frames later."""
    target.scale, target.repeat = source.scale, source.repeat
    for name in _COPIED:
        setattr(target, name, getattr(source, name))
    for path in ("influence", "strip_time"):
        theirs, ours = source.fcurves.find(path), target.fcurves.find(path)
        if theirs is None or ours is None:
            continue
        for _ in range(len(ours.keyframe_points)):
            ours.keyframe_points.remove(ours.keyframe_points[0])
        for key in theirs.keyframe_points:
            made = ours.keyframe_points.insert(key.co[0] + moved, key.co[1])
            made.interpolation = key.interpolation
        ours.update()


def write_rest(keys: bpy.types.Key, head: str, names: list[str], start: int) -> None:
    """All our shape keys at 0 below everything else; what stands there already stays.

    Without it nothing would bring a value back to 0 outside the strips, and fades of Blender 5 would start from 1.
    """
    data = keys.animation_data
    action = next((strip.action for _, strip, mark in own_strips(keys) if mark["layer"] == REST), None)
    paths = [value_path(name) for name in names]
    if action is None:
        action = actions.new_action(f"{head} | rest face", head)
        write_mark(action, {"layer": REST, "line": "", "start": start, "first": start, "count": 1})
        actions.write_curves(action, "Rest", paths, np.array([start, start + 1]), np.zeros((2, len(paths))))
        track = _lowest_track(data)
        track.name = TRACKS[REST]
        strip = track.strips.new(TRACKS[REST], start, action)
        actions.use_in_strip(strip, action)
        strip.name, strip.extrapolation, strip.select, track.select = TRACKS[REST], "HOLD", False, False
        return
    there = {curve.data_path for curve in actions.curves_of(action)}
    missing = [path for path in paths if path not in there]
    first = read_action(action)["first"]
    actions.write_curves(action, "Rest", missing, np.array([first, first + 1]), np.zeros((2, len(missing))))


def _tracks_of(animation_data: bpy.types.AnimData, layer: str) -> Iterator[bpy.types.NlaTrack]:
    """Tracks that hold a strip of ours of this layer, and empty ones that bear its name."""
    for track in animation_data.nla_tracks:
        marks = (read_action(strip.action) for strip in track.strips)
        if any(mark is not None and mark["layer"] == layer for mark in marks):
            yield track
        elif not track.strips and re.fullmatch(rf"{TRACKS[layer]}( \d+)?", track.name):
            yield track


def _takes(track: bpy.types.NlaTrack, start: float, end: float) -> bool:
    """True when a strip may be put there: hands have not locked the track, no library holds it, there is room."""
    if track.lock or in_library(track):
        return False
    return all(strip.frame_end <= start or strip.frame_start >= end for strip in track.strips)


def _track_below(animation_data: bpy.types.AnimData, layer: str) -> bpy.types.NlaTrack | None:
    """The track above which a new one of ``layer`` goes: the highest of the same layer, else the one under the next
    layer of ours; None for the top."""
    tracks = list(_tracks_of(animation_data, layer))
    if any(in_library(track) for track in animation_data.nla_tracks):
        return None  # of an override Blender saves only tracks that stand above those of the library
    if tracks:
        return tracks[-1]
    higher, below = LAYERS[LAYERS.index(layer) + 1 :], None
    for track in animation_data.nla_tracks:
        if any((mark := read_action(strip.action)) and mark["layer"] in higher for strip in track.strips):
            return below
        below = track
    return None


def _lowest_track(data: bpy.types.AnimData) -> bpy.types.NlaTrack:
    """A new track below ours. Blender makes none at the very bottom: what stands there moves up then."""
    tracks = list(data.nla_tracks)
    ours = [index for index, track in enumerate(tracks) if any(read_action(strip.action) for strip in track.strips)]
    if not ours:
        return data.nla_tracks.new()
    if ours[0] > 0:
        return data.nla_tracks.new(prev=tracks[ours[0] - 1])
    bottom = tracks[0]
    above = data.nla_tracks.new(prev=bottom)
    above.name, above.mute, above.lock, name = bottom.name, bottom.mute, bottom.lock, bottom.name
    for strip in list(bottom.strips):
        if strip.type != "CLIP":
            continue
        twin = above.strips.new(strip.name, round(strip.frame_start), strip.action)
        actions.use_in_strip(twin, strip.action)
        twin.action_frame_start, twin.action_frame_end = strip.action_frame_start, strip.action_frame_end
        copy_settings(strip, twin)
        name_of_strip = strip.name
        bottom.strips.remove(strip)
        twin.name = name_of_strip
    above.name = name
    return bottom
