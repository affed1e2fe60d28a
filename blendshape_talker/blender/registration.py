"""Everything that Blender has to be told of, and how to take it back."""

from collections.abc import Sequence

import bpy

from . import operators, panels, properties

COMMAND = "blendshape_talker"
CLASSES = (*properties.CLASSES, *operators.CLASSES, *panels.CLASSES)
_commands: list = []


def register() -> None:
    """Classes, properties and the command line's command; loads no network."""
    for item in CLASSES:
        bpy.utils.register_class(item)
    bpy.types.Scene.blendshape_talker = bpy.props.PointerProperty(type=properties.TalkerSettings)
    bpy.types.WindowManager.blendshape_talker = bpy.props.PointerProperty(
        type=properties.TalkerProgress, options={"SKIP_SAVE"}
    )
    _commands.append(bpy.utils.register_cli_command(COMMAND, _command))


def unregister() -> None:
    """The reverse of :func:`register`."""
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    del bpy.types.WindowManager.blendshape_talker
    del bpy.types.Scene.blendshape_talker
    for item in reversed(CLASSES):
        bpy.utils.unregister_class(item)


def _command(arguments: Sequence[str]) -> int:
    """``blender --command blendshape_talker …``: the same command line as ``python -m blendshape_talker …``."""
    from ..__main__ import main

    try:
        return main(list(arguments))
    except SystemExit as stop:  # argparse after --help or a wrong option; Blender wants a number
        return stop.code if isinstance(stop.code, int) else 1
