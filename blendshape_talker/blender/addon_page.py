"""The add-on's page in Blender's preferences, as everybody else reads it (properties.py makes it)."""

from pathlib import Path
from typing import Any

import bpy

from .. import own_torch

ADDON = __package__.rpartition(".")[0]  # bl_ext.user_default.blendshape_talker in Blender


def preferences(context: bpy.types.Context) -> Any:
    """The add-on's preferences; None when the package runs without being enabled as an add-on."""
    addon = context.preferences.addons.get(ADDON)
    return addon.preferences if addon else None


def own_torch_folder(page: Any) -> str:
    """The folder with a PyTorch of one's own, absolute; empty for none."""
    return str(Path(bpy.path.abspath(page.torch_folder))) if page.torch_folder else ""


def use_own_torch() -> None:
    """Take PyTorch from the preferences' folder, if a check has found good what lies there now."""
    page = preferences(bpy.context)
    folder = own_torch_folder(page) if page else ""
    if folder and page.torch_found and page.torch_found == own_torch.fingerprint(folder):
        own_torch.use(folder)


def chosen_device(context: bpy.types.Context) -> str:
    """The device set in the preferences, ``auto`` without any."""
    page = preferences(context)
    return page.device if page else "auto"
