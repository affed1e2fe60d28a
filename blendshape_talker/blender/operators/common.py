"""What all buttons share: errors as one line, and when a button is grey."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ...errors import Cancelled, TalkerError
from ..languages.translations import translated
from ..lines import checks
from ..properties import TalkerSettings

WHILE_RUNNING = "A bake is running; press Esc to stop it"


@contextmanager
def reported(operator: bpy.types.Operator, outcome: set[str]) -> Iterator[None]:
    """Turn a :class:`TalkerError` or a cancel into one line of report and a CANCELLED in ``outcome``."""
    try:
        yield
        outcome.add("FINISHED")
    except TalkerError as error:
        operator.report({"ERROR"}, translated(str(error)))
        outcome.add("CANCELLED")
    except Cancelled:
        operator.report({"INFO"}, translated("Stopped; nothing was changed"))
        outcome.add("CANCELLED")


def allowed(operator: type, problem: str | None) -> bool:
    """False where there is a ``problem``, which becomes the button's tooltip."""
    if problem:
        operator.poll_message_set(problem)
    return not problem


def idle(operator: type, context: bpy.types.Context, problem: Callable[[], str | None] = lambda: None) -> bool:
    """False, with the reason as the button's tooltip, while a bake runs and where ``problem()`` names one."""
    return allowed(operator, WHILE_RUNNING if context.window_manager.blendshape_talker.running else problem())


def idle_in_object_mode(
    operator: type, context: bpy.types.Context, problem: Callable[[], str | None] = lambda: None
) -> bool:
    """As :func:`idle`; False outside Object Mode too."""
    return idle(operator, context, lambda: problem() if context.mode == "OBJECT" else "go back to Object Mode first")


def gone(settings: TalkerSettings) -> str | None:
    """A line where the chosen head is not in the scene: a deleted object lives on in whatever points to it."""
    target, scene = settings.target, settings.id_data
    if target is None or checks.is_in(scene, target):
        return None
    return translated("{} is no longer in this scene; pick or add a head").format(target.name)


def redraw(context: bpy.types.Context) -> None:
    """Draw every 3D view with its sidebar, and every NLA editor, anew."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "NLA_EDITOR"):
                area.tag_redraw()
