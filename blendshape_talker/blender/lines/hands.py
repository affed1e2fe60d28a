"""What hands did to Actions of ours: seen by the checksum in their mark, and kept when a line no longer plays them."""

import bpy

from . import actions
from .marks import read_action, unmark


def is_edited(action: bpy.types.Action) -> bool:
    """True when hands changed an Action of ours since it was written."""
    mark = read_action(action)
    return mark is not None and mark.get("checksum") != actions.checksum(action)


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
