"""What all buttons share: errors as one line, and when a button is grey."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ...errors import Cancelled, TalkerError

WHILE_RUNNING = "A bake is running; press Esc to stop it"


@contextmanager
def reported(operator: bpy.types.Operator, outcome: set[str]) -> Iterator[None]:
    """Turn a :class:`TalkerError` or a cancel into one line of report and a CANCELLED in ``outcome``."""
    try:
        yield
        outcome.add("FINISHED")
    except TalkerError as error:
        operator.report({"ERROR"}, str(error))
        outcome.add("CANCELLED")
    except Cancelled:
        operator.report({"INFO"}, "Stopped; nothing was changed")
        outcome.add("CANCELLED")


def idle(operator: Callable, context: bpy.types.Context) -> bool:
    """False, with the reason as the button's tooltip, while a bake runs."""
    if context.window_manager.blendshape_talker.running:
        operator.poll_message_set(WHILE_RUNNING)
        return False
    return True


def idle_in_object_mode(operator: Callable, context: bpy.types.Context) -> bool:
    """False, with the reason as the button's tooltip, while a bake runs and outside Object Mode."""
    if not idle(operator, context):
        return False
    if context.mode != "OBJECT":
        operator.poll_message_set("go back to Object Mode first")
        return False
    return True


def redraw(context: bpy.types.Context) -> None:
    """Draw every 3D view with its sidebar, and every NLA editor, anew."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "NLA_EDITOR"):
                area.tag_redraw()
