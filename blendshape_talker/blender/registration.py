"""Everything that Blender has to be told of, and how to take it back."""

from collections.abc import Callable

import bpy

from . import (
    addon_page,
    controls,
    curves_panel,
    emotions,
    emotions_panel,
    networks,
    panels,
    presence,
    presence_panel,
    properties,
    step_panel,
)
from .languages import translations
from .operators import baking, curves, exporting, heads, machine, recording, running, styles, takes
from .operators import emotions as emotion_strips
from .operators import presence as presence_operators
from .operators import step as step_operators

COMMAND = "blendshape_talker"
CLASSES = (
    *controls.CLASSES,
    *properties.CLASSES, *heads.CLASSES, *recording.CLASSES, *baking.CLASSES, *emotion_strips.CLASSES,
    *takes.CLASSES, *curves.CLASSES, *styles.CLASSES, *exporting.CLASSES, *machine.CLASSES, *panels.CLASSES,
    *emotions_panel.CLASSES, *curves_panel.CLASSES,
    *presence.CLASSES, *presence_operators.CLASSES, *presence_panel.CLASSES,
    *step_operators.CLASSES, *step_panel.CLASSES,
)  # fmt: skip
_commands: list = []


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    emotions.read_old_numbers()


def register(command_line: Callable[[list[str]], int]) -> None:
    """Classes, properties and ``blender --command blendshape_talker …``, which calls ``command_line``; no network."""
    translations.register()
    for item in CLASSES:
        bpy.utils.register_class(item)
    bpy.types.Scene.blendshape_talker = bpy.props.PointerProperty(type=properties.TalkerSettings)
    bpy.types.Scene.blendshape_talker_presence = bpy.props.PointerProperty(type=presence.TalkerPresence)
    bpy.types.Object.blendshape_talker = bpy.props.PointerProperty(type=controls.TalkerControls)
    bpy.types.WindowManager.blendshape_talker = bpy.props.PointerProperty(
        type=properties.TalkerProgress, options={"SKIP_SAVE"}
    )
    addon_page.use_own_torch()
    bpy.app.handlers.load_post.append(_after_load)
    if hasattr(bpy.data, "scenes"):
        _after_load()
    else:  # enabled from the preferences: the open file can be seen only a moment later
        bpy.app.timers.register(_after_load, first_interval=0.0)
    controls.watch()
    _commands.append(bpy.utils.register_cli_command(COMMAND, lambda arguments: command_line(list(arguments))))


def unregister() -> None:
    """The reverse of :func:`register`."""
    running.stop()
    machine.stop()
    networks.stop()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    bpy.app.handlers.load_post.remove(_after_load)
    if bpy.app.timers.is_registered(_after_load):
        bpy.app.timers.unregister(_after_load)
    controls.stop_watching()
    del bpy.types.WindowManager.blendshape_talker
    del bpy.types.Scene.blendshape_talker_presence
    del bpy.types.Object.blendshape_talker
    del bpy.types.Scene.blendshape_talker
    for item in reversed(CLASSES):
        bpy.utils.unregister_class(item)
    translations.unregister()
