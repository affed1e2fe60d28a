"""What hands did to Actions of ours: seen by the checksum in their mark, and kept when a line no longer plays them."""

import bpy

from . import actions
from .marks import REST, read_action, unmark


def is_edited(action: bpy.types.Action) -> bool:
    """True when hands changed an Action of ours since it was written."""
    mark = read_action(action)
    return mark is not None and mark.get("checksum") != actions.checksum(action)


def sweep(name: str, start: int) -> None:
    """Remove Actions of a bake of ``name`` at frame ``start`` whose strips someone deleted; edited ones stay."""
    for action in list(bpy.data.actions):
        mark = read_action(action)
        if mark is None or action.users or action.library or mark["start"] != start:
            continue
        if mark["layer"] == REST or (mark.get("name") == name and not is_edited(action)):
            bpy.data.actions.remove(action)


def retire(former: set[bpy.types.Action]) -> None:
    """Let go of Actions that a line no longer plays: edited ones become a person's, unused ones go."""
    for action in former:
        if action.users > action.use_fake_user or action.library:
            continue  # another head plays it
        if is_edited(action) or action.use_fake_user:
            action.use_fake_user = True
            unmark(action)
        else:
            bpy.data.actions.remove(action)
