"""What the animator looks at and hears: room for a new head, 3D views that face it, playback in step with the sound."""

import math
from collections.abc import Iterable, Iterator

import bpy
import numpy as np
from mathutils import Quaternion, Vector

from .lines.marks import Line

_SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "VOLUME"}
_GAP = 0.5  # between a head and its neighbour, in widths of the head
_FARTHEST = 15.0  # widths: further aside than that a head is in a room or under a sky, not in a thing
_FRONT = Vector((0.0, -1.0, 0.0))  # where an upright head looks
_TURNED = Quaternion((0.69, 0.69, 0.15, 0.15))  # from the front and a little from its left: depth can be seen
_STILL_FRONT = math.cos(math.radians(35.0))
_SHARE = 0.72  # of the view that a head fills


def stand_in_free_room(context: bpy.types.Context, target: bpy.types.Object) -> str:
    """Put a new head with its neck on the ground, aside of what stands at the origin; return beside what ("" if free).

    A head that would have to go far, because it lies in a room or under a sky, stays where it is.
    """
    context.view_layer.update()
    low, high = _box(_family(target))
    target.matrix_world.translation.z -= low.z
    low, high = low - Vector((0.0, 0.0, low.z)), high - Vector((0.0, 0.0, low.z))
    width = high.x - low.x
    taken = {
        item.name: _box([item])
        for item in context.view_layer.objects
        if item.type in _SOLID and item not in _family(target) and item.visible_get()
    }
    shift, beside = 0.0, ""
    while True:
        inside = [name for name, box in taken.items() if _overlap((low, high), box, shift, 0.99 * _GAP * width)]
        if not inside:
            break
        beside = max(inside, key=lambda name: taken[name][1].x)
        shift = taken[beside][1].x + _GAP * width - low.x
        if shift > _FARTHEST * width:
            shift, beside = 0.0, ""
            break
    target.matrix_world.translation.x += shift
    context.view_layer.update()
    return beside


def show(context: bpy.types.Context, target: bpy.types.Object) -> int:
    """Frame a head in every 3D view and turn each to its face; return how many views there are.

    A view that sees the face from the front already keeps its direction, and so do the parts of a quad view. A view in
    Local View takes the head in, one through a camera leaves the camera as it is.
    """
    low, high = _box(_family(target))
    count = 0
    for space, region in _views(context):
        count += 1
        if space.local_view is not None:
            for item in _family(target):
                item.local_view_set(space, True)
        quad = bool(space.region_quadviews)
        for view in space.region_quadviews if quad else [space.region_3d]:
            if view.view_perspective == "CAMERA":
                view.view_perspective = "PERSP"
            toward_viewer = view.view_rotation @ Vector((0.0, 0.0, 1.0))
            if not quad and not view.lock_rotation and toward_viewer.dot(_FRONT) < _STILL_FRONT:
                view.view_rotation = _TURNED
            view.view_location = (low + high) / 2
            view.view_distance = _distance(space, region, high - low)
            space.clip_start = min(space.clip_start, view.view_distance / 20)
    return count


def play_in_step(scene: bpy.types.Scene) -> bool:
    """Let playback follow the sound and scrubbing be heard, once for a scene: whoever changes it back is not
    overruled. True when something was changed."""
    settings = scene.blendshape_talker
    if settings.sound_in_step:
        return False
    settings.sound_in_step = True
    changed = scene.sync_mode != "AUDIO_SYNC" or not scene.use_audio_scrub
    scene.sync_mode, scene.use_audio_scrub = "AUDIO_SYNC", True
    return changed


def speaking_row(deltas: np.ndarray, weights: np.ndarray) -> int:
    """The row of ``weights`` (T, K) in which the mouth is first plainly open, 0 if it never moves.

    deltas (K or more, V, 3): the shapes, those of speech first. How far speech moves the face as a whole tells it:
    that is mostly the jaw.
    """
    flat = np.ascontiguousarray(deltas[: weights.shape[1]], np.float32).reshape(weights.shape[1], -1)
    energy = np.einsum("tk,kl,tl->t", weights, flat @ flat.T, weights, optimize=True)
    if not len(energy) or energy.max() <= 0.0:
        return 0
    last = np.flatnonzero(energy >= 0.6 * energy.max())[0]
    while last + 1 < len(energy) and energy[last + 1] > energy[last]:
        last += 1  # up to the top of this opening
    return int(last)


def speaking_frame(line: Line) -> int:
    """The frame in which the mouth of ``line`` is first plainly open, as its strips lie now; its first without one."""
    first, last = line.frames
    mark = line.record
    if not isinstance(mark.get("open"), int) or not line.strips.get("speech"):
        return first
    strip = line.strips["speech"][0][1]
    frame = strip.frame_start + (mark["first"] + mark["open"] - strip.action_frame_start) * strip.scale
    return int(np.clip(round(frame), first, last))


def _views(context: bpy.types.Context) -> Iterator[tuple[bpy.types.SpaceView3D, bpy.types.Region]]:
    """Every 3D view of the open windows with its region; in the background those of the file's screen."""
    screens = [window.screen for window in context.window_manager.windows]
    for screen in screens or ([context.screen] if context.screen else []):
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
                yield area.spaces.active, next(region for region in area.regions if region.type == "WINDOW")


def _distance(space: bpy.types.SpaceView3D, region: bpy.types.Region, size: Vector) -> float:
    """How far the viewer is when a thing of that size fills its share of the view."""
    width, height = max(region.width, 1), max(region.height, 1)
    if region.width <= 1:
        width, height = 16, 9  # never drawn yet
    half_angle = 36.0 / space.lens  # tangent for the longer side: Blender's sensor of 36 mm, seen at twice its width
    tangents = half_angle * width / max(width, height), half_angle * height / max(width, height)
    across = max(size.x, size.y)
    return max(across / 2 / tangents[0], size.z / 2 / tangents[1]) / _SHARE + size.y / 2


def _family(target: bpy.types.Object) -> list[bpy.types.Object]:
    return [target, *target.children_recursive]


def _box(items: Iterable[bpy.types.Object]) -> tuple[Vector, Vector]:
    """Lowest and highest corner in the world."""
    corners = np.array([item.matrix_world @ Vector(corner) for item in items for corner in item.bound_box])
    return Vector(corners.min(axis=0)), Vector(corners.max(axis=0))


def _overlap(moving: tuple[Vector, Vector], other: tuple[Vector, Vector], shift: float, gap: float) -> bool:
    """True when the box moved by ``shift`` along x meets the other; beside each other they keep the gap."""
    margins, aside = (gap, 0.0, -1e-4), (shift, 0.0, 0.0)  # what stands on a floor does not meet it
    return all(
        moving[0][axis] + aside[axis] - margins[axis] < other[1][axis]
        and moving[1][axis] + aside[axis] + margins[axis] > other[0][axis]
        for axis in range(3)
    )
