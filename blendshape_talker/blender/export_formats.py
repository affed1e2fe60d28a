"""The formats of an export, and the operators of Blender that write them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import TalkerError
from .languages.translations import translated


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
FBX = Format("FBX", "export_scene", "fbx", {
    "use_selection": True, "object_types": {"MESH", "ARMATURE"}, "use_mesh_modifiers": False, "add_leaf_bones": False,
    "bake_anim": True, "bake_anim_use_all_actions": False, "bake_anim_use_nla_strips": False,
    "bake_anim_step": 1.0, "bake_anim_simplify_factor": 0.0,
})  # fmt: skip
ALEMBIC = Format("Alembic", "wm", "alembic_export", {
    "selected": True, "uvs": True, "normals": True, "as_background_job": False, "evaluation_mode": "RENDER",
})  # fmt: skip
_GLTF = Format("glTF", "export_scene", "gltf", {
    "export_format": "GLB", "use_selection": True, "export_animations": True, "export_animation_mode": "SCENE",
    "export_force_sampling": True, "export_morph": True, "export_morph_animation": True, "export_frame_range": True,
    "export_optimize_animation_size": False, "export_apply": False,
    "export_anim_scene_split_object": False,  # one animation: what plays the face plays mouth and bones too
})  # fmt: skip
_USD = Format("USD", "wm", "usd_export", {
    "selected_objects_only": True, "export_animation": True, "export_shapekeys": True, "export_textures": False,
    "export_textures_mode": "KEEP",
})  # fmt: skip
FORMATS = {
    ".fbx": FBX, ".abc": ALEMBIC, ".glb": _GLTF, ".usdc": _USD, ".usda": _USD, ".usd": _USD,
}  # fmt: skip


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a file's name asks for; :class:`TalkerError` when there is none or this Blender lacks it."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        name, known = Path(path).name, ", ".join(FORMATS)
        if not suffix:
            raise TalkerError(translated("{}: cannot export without a suffix; use {}").format(name, known))
        raise TalkerError(translated("{}: cannot export {}; use {}").format(name, suffix, known))
    chosen = FORMATS[suffix]
    if not chosen.available:
        words = "this Blender has no {} export; enable its add-on or use blender.org's build"
        raise TalkerError(translated(words).format(chosen.label))
    return chosen
