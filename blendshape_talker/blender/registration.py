"""Everything that Blender has to be told of, and how to take it back."""

from collections.abc import Callable

import bpy

from . import operators, panels, properties

COMMAND = "blendshape_talker"
CLASSES = (*properties.CLASSES, *operators.CLASSES, *panels.CLASSES)
_commands: list = []


def register(command_line: Callable[[list[str]], int]) -> None:
    """Classes, properties and ``blender --command blendshape_talker …``, which calls ``command_line``; no network."""
    for item in CLASSES:
        bpy.utils.register_class(item)
    bpy.types.Scene.blendshape_talker = bpy.props.PointerProperty(type=properties.TalkerSettings)
    bpy.types.WindowManager.blendshape_talker = bpy.props.PointerProperty(
        type=properties.TalkerProgress, options={"SKIP_SAVE"}
    )
    _commands.append(bpy.utils.register_cli_command(COMMAND, lambda arguments: command_line(list(arguments))))


def unregister() -> None:
    """The reverse of :func:`register`."""
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    del bpy.types.WindowManager.blendshape_talker
    del bpy.types.Scene.blendshape_talker
    for item in reversed(CLASSES):
        bpy.utils.unregister_class(item)
