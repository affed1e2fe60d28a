"""What can be said before a bake writes: why a head cannot take one, and what would keep one from being seen."""

import bpy

from ..languages.translations import translated
from .actions import FRAME_LIMIT, curves_of
from .marks import Line, in_library, key_names, lines_of, own_strips
from .shapes import value_path
from .strength import strength_of

_REPLACING = {"MESH_CACHE", "MESH_SEQUENCE_CACHE"}
# What a bake adds to a mesh that is a library override is gone once the file is saved and opened again.
OVERRIDDEN = (
    "the mesh of {} is a library override, which keeps no new shape keys; make it local "
    "(Object > Relations > Make Local > Selected Objects and Data), or bake once in the library file"
)


def target_problem(target: bpy.types.Object | None) -> str | None:
    """Why ``target`` cannot take a bake, in one line that says what to do; None when it can. Cheap: panels ask it."""
    if target is None:
        return "no head chosen; import one, add the demo head or pick a mesh"
    if target.type != "MESH":
        return translated("{} is no mesh; pick the head's mesh").format(target.name)
    mesh, keys = target.data, target.data.shape_keys
    if target.library:
        words = "{} is linked from another file; make it local (Object > Relations > Make Local > All)"
        return translated(words).format(target.name)
    if mesh.library:
        words = (
            "the mesh of {} is linked from another file; give the head its own "
            "(Object > Relations > Make Single User > Object & Data)"
        )
        return translated(words).format(target.name)
    if mesh.override_library and not key_names(keys):
        return translated(OVERRIDDEN).format(target.name)
    if target.mode != "OBJECT":
        return mode_problem(target)
    if keys and not keys.use_relative:
        return translated("{} has absolute shape keys; switch its shape keys to Relative").format(target.name)
    if keys and keys.animation_data and keys.animation_data.use_tweak_mode:
        return translated("{} has an NLA strip in tweak mode; leave it (Tab in the NLA editor)").format(target.name)
    return None


def mode_problem(target: bpy.types.Object) -> str:
    """That ``target`` is not in Object Mode, and what to do."""
    mode = f"{target.mode.replace('_', ' ').title()} Mode"  # as Blender calls it, which knows it in other languages
    return translated("{} is in {}; go back to Object Mode").format(target.name, translated(mode))


def frames_problem(start: int, end: int) -> str | None:
    """Why a take cannot lie on these frames; None when it can."""
    if start < -FRAME_LIMIT or end > FRAME_LIMIT:
        words = "frames {} to {} lie outside Blender's timeline, which ends at {}; choose another start frame"
        return translated(words).format(start, end, FRAME_LIMIT)
    return None


def line_problem(line: Line) -> str | None:
    """Why ``line`` cannot be baked again; None when it can."""
    for strips in line.strips.values():
        for track, _ in strips:
            if isinstance(track, bpy.types.NlaStrip):
                words = "strips of {} lie in a meta strip; ungroup it in the NLA editor to bake it again"
                return translated(words).format(line.name)
            if track.lock:
                words = "track {} is locked; unlock it in the NLA editor to bake {} again"
                return translated(words).format(track.name, line.name)
            if in_library(track):
                words = "{} belongs to the library file; choose another start frame, or bake it there"
                return translated(words).format(line.name)
    return None


def keys_problem(line: Line) -> str | None:
    """Why the keys of ``line`` cannot be changed; None when they can."""
    for strips in line.strips.values():
        for track, _ in strips:
            if getattr(track, "lock", False):
                words = "track {} is locked; unlock it in the NLA editor to change the keys of {}"
                return translated(words).format(track.name, line.name)
    return None


def unseen(target: bpy.types.Object | None, scene: bpy.types.Scene) -> list[str]:
    """What keeps the bake on ``target`` from being seen as it was baked: a line each, with what to do."""
    keys = target.data.shape_keys if target is not None and target.type == "MESH" else None
    data = keys.animation_data if keys else None
    found = lines_of(keys)
    if data is None or not found:
        return []
    hints = []
    if not data.use_nla:
        hints.append(translated("the NLA of this head is switched off; tick its shape keys in the NLA editor"))
    if data.use_tweak_mode:
        hints.append(translated("an NLA strip is in tweak mode; leave it with Tab in the NLA editor"))
    own = list(own_strips(keys))
    own_tracks = {track.name for track, _, _ in own}
    solo = [track.name for track in data.nla_tracks if track.is_solo]
    if solo:
        words = "only track {} plays (solo); take its star off in the NLA editor"
        hints.append(translated(words).format(solo[0]))
    hints += [
        translated("track {} is muted; tick it in the NLA editor").format(track.name)
        for track in data.nla_tracks
        if track.mute and track.name in own_tracks and not solo
    ]
    silent = translated("strip {} in {} is muted")
    hints += [silent.format(strip.name, track.name) for track, strip, _ in own if strip.mute]
    hints += [
        translated("strip {} has no influence; raise it in the NLA editor's sidebar").format(strip.name)
        for _, strip, _ in own
        if _is_off(strip)
    ]
    if target.show_only_shape_key:
        hints.append(translated("one shape key is pinned; unpin it in the Shape Keys panel"))
    names = set(_names_of([action for line in found for action in line.actions()], keys))
    muted = sorted(name for name in names if keys.key_blocks[name].mute)
    if muted:
        one = "shape key {} is muted; tick in the Shape Keys panel"
        hints.append(_several(muted, one, "shape key {} and {} more are muted; tick in the Shape Keys panel"))
    driven = sorted(name for name in names if any(driver.data_path == value_path(name) for driver in data.drivers))
    if driven:
        one = "shape key {} is driven, which goes before the bake; remove the driver"
        more = "shape key {} and {} more are driven, which goes before the bake; remove the driver"
        hints.append(_several(driven, one, more))
    narrow = sorted(name for name in names if _clamps(keys.key_blocks[name]))
    if narrow:
        one = "the slider of {} is narrower than 0 to 1; widen its range"
        hints.append(_several(narrow, one, "the slider of {} and {} more are narrower than 0 to 1; widen its range"))
    if data.action is not None:
        over = sorted(name for name in _names_of([data.action], keys) if name in names)
        if over and data.action_influence > 0 and data.action_blend_type == "REPLACE":
            one = "action {} plays over the bake for {}; Keep My Keys (Curves) blends its keys in"
            more = "action {} plays over the bake for {} and {} more; Keep My Keys (Curves) blends its keys in"
            hints.append(_several(over, one, more, data.action.name))
    rate = scene.render.fps / scene.render.fps_base
    for line in found:
        baked = line.record.get("fps")
        if isinstance(baked, int | float) and abs(baked - rate) > 1e-3:
            words = translated("{} was baked at {} frames a second, the scene has {}; bake it again")
            hints.append(words.format(line.name, f"{baked:g}", f"{rate:g}"))
        hints += [
            translated(words).format(line.name)
            for layer, words in (
                ("speech", "the speech strength of {} is 0; turn it up"),
                ("expression", "the expression strength of {} is 0; turn it up"),
            )
            if strength_of(line, layer) == 0.0
        ]
        if scene.use_preview_range and _apart(line.frames, (scene.frame_preview_start, scene.frame_preview_end)):
            words = "{} lies outside the preview range; press Alt-P in the timeline to clear it"
            hints.append(translated(words).format(line.name))
        if line.frames[0] < 0:
            words = "{} begins before frame 0; set a preview range to play it"
            hints.append(translated(words).format(line.name))
    hints += [
        translated("modifier {} takes the place of the shape keys; switch it off").format(modifier.name)
        for modifier in target.modifiers
        if modifier.show_viewport and modifier.type in _REPLACING
    ]
    if target.hide_viewport or target.hide_get():
        hints.append(translated("{} is hidden in the viewport").format(target.name))
    elif is_in(scene, target) and not any(_shows(layer.layer_collection, target) for layer in scene.view_layers):
        words = "{} is in a collection that is hidden or switched off; show it in the Outliner"
        hints.append(translated(words).format(target.name))
    return hints


def _shows(place: bpy.types.LayerCollection, target: bpy.types.Object) -> bool:
    """True when ``target`` is in this collection of a view layer, or in one below it, and none on the way hides it."""
    if place.hide_viewport or place.collection.hide_viewport:
        return False
    if not place.exclude and target.name in place.collection.objects:
        return True
    return any(_shows(below, target) for below in place.children)


def _is_off(strip: bpy.types.NlaStrip) -> bool:
    """True for a strip whose animated influence is never above 0."""
    curve = strip.fcurves.find("influence") if strip.use_animated_influence else None
    if curve is None:
        return False
    return all(key.co[1] <= 0.0 for key in curve.keyframe_points) and curve.evaluate(strip.frame_start) <= 0.0


def _apart(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[1] < second[0] or second[1] < first[0]


def _several(names: list[str], one: str, more: str, *before: str) -> str:
    """The sentence for one name, or for the first and how many more there are."""
    if len(names) == 1:
        return translated(one).format(*before, names[0])
    return translated(more).format(*before, names[0], len(names) - 1)


def _names_of(found: list[bpy.types.Action], keys: bpy.types.Key) -> list[str]:
    """The shape keys that any of these Actions moves."""
    paths = {curve.data_path for action in found for curve in curves_of(action)}
    return [block.name for block in keys.key_blocks if value_path(block.name) in paths]


def _clamps(block: bpy.types.ShapeKey) -> bool:
    return block.slider_min > 0.0 or block.slider_max < 1.0


def is_in(scene: bpy.types.Scene, target: bpy.types.Object) -> bool:
    """True when ``target`` is in ``scene``, also beside a linked object of its name. Cheap: panels ask it."""
    namesake = scene.objects.get(target.name)
    return namesake == target or (namesake is not None and any(item == target for item in scene.objects))
