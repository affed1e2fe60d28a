"""FBX, Alembic, glTF and USD of one animated head; the scene is afterwards as it was."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import TalkerError
from .outputs import whole_outputs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Format:
    """One export format: its label, its operator as ``bpy.ops.<module>.<name>`` and that operator's options."""

    label: str
    module: str
    name: str
    options: dict[str, Any]

    @property
    def available(self) -> bool:
        """False in builds without it (Debian's has no Alembic and USD) or with its add-on switched off."""
        return self.name in dir(getattr(bpy.ops, self.module))


# Plain defaults lose the animation: FBX bakes each Action by itself and skips those of shape keys unless both switches
# are off; it then samples the scene, which is right with strips too. glTF likewise samples the scene in mode SCENE.
_FBX = Format("FBX", "export_scene", "fbx", {
    "use_selection": True, "object_types": {"MESH"}, "use_mesh_modifiers": False, "add_leaf_bones": False,
    "bake_anim": True, "bake_anim_use_all_actions": False, "bake_anim_use_nla_strips": False,
    "bake_anim_step": 1.0, "bake_anim_simplify_factor": 0.0,
})  # fmt: skip
_ALEMBIC = Format("Alembic", "wm", "alembic_export", {
    "selected": True, "uvs": True, "normals": True, "as_background_job": False, "evaluation_mode": "RENDER",
})  # fmt: skip
_GLTF = Format("glTF", "export_scene", "gltf", {
    "export_format": "GLB", "use_selection": True, "export_animations": True, "export_animation_mode": "SCENE",
    "export_force_sampling": True, "export_morph": True, "export_morph_animation": True, "export_frame_range": True,
    "export_optimize_animation_size": False, "export_apply": False,
})  # fmt: skip
_USD = Format("USD", "wm", "usd_export", {
    "selected_objects_only": True, "export_animation": True, "export_shapekeys": True, "export_textures": False,
    "export_textures_mode": "KEEP",
})  # fmt: skip
FORMATS = {
    ".fbx": _FBX, ".abc": _ALEMBIC, ".glb": _GLTF, ".usdc": _USD, ".usda": _USD, ".usd": _USD,
}  # fmt: skip


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a file's name asks for; :class:`TalkerError` when there is none or this Blender lacks it."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise TalkerError(f"{Path(path).name}: cannot export {suffix or 'without a suffix'}; use {', '.join(FORMATS)}")
    chosen = FORMATS[suffix]
    if not chosen.available:
        raise TalkerError(f"this Blender has no {chosen.label} export; enable its add-on or use blender.org's build")
    return chosen


def export_head(context: bpy.types.Context, target: bpy.types.Object, path: str | os.PathLike[str]) -> Path:
    """Write ``target`` with its animation over the scene's frame range to ``path``; complete or not at all."""
    chosen = format_of(path)
    with whole_outputs([path]) as (temporary,), _only(context, target):
        _run(context.scene, chosen, temporary)
    logger.info("exported %s", path)
    return Path(path)


def _run(scene: bpy.types.Scene, chosen: Format, path: Path) -> None:
    """Call the operator for what is selected; :class:`TalkerError` when it refuses."""
    options = dict(chosen.options)
    if chosen is _ALEMBIC:
        options.update(start=scene.frame_start, end=scene.frame_end)
    operator = getattr(getattr(bpy.ops, chosen.module), chosen.name)
    known = operator.get_rna_type().properties.keys()
    try:
        outcome = operator(filepath=str(path), **{name: value for name, value in options.items() if name in known})
    except RuntimeError as error:  # an operator's ERROR report
        raise TalkerError(f"{chosen.label} export failed: {_one_line(error)}") from error
    if "FINISHED" not in outcome:
        raise TalkerError(f"{chosen.label} export stopped; see Blender's console for the reason")


@contextmanager
def _only(context: bpy.types.Context, target: bpy.types.Object) -> Iterator[None]:
    """Only ``target`` selected, visible and active inside; selection, active object and frame as before afterwards."""
    scene, layer = context.scene, context.view_layer
    layer.update()  # an object linked a moment ago is not listed yet
    if target.name not in layer.objects:
        raise TalkerError(f"{target.name} is not in this view layer; switch to its scene or enable its collection")
    if target.mode != "OBJECT":
        raise TalkerError(f"{target.name} is in {target.mode.replace('_', ' ').title()} Mode; go back to Object Mode")
    selected = [item.name for item in layer.objects if item.select_get(view_layer=layer)]
    active = layer.objects.active.name if layer.objects.active else None
    hidden, unselectable, frame = target.hide_get(view_layer=layer), target.hide_select, scene.frame_current
    try:
        target.hide_select = False
        target.hide_set(False, view_layer=layer)
        for item in layer.objects:
            item.select_set(item == target, view_layer=layer)
        layer.objects.active = target
        yield
    finally:
        for item in layer.objects:
            item.select_set(item.name in selected, view_layer=layer)
        layer.objects.active = layer.objects.get(active) if active else None
        target.hide_set(hidden, view_layer=layer)
        target.hide_select = unselectable
        scene.frame_set(frame)


def _one_line(error: Exception) -> str:
    """The last line that says something: the message after a Python traceback, which Blender ends with a location."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Location:")]
    return lines[-1].removeprefix("Error: ") if lines else type(error).__name__
