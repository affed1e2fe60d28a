"""Heads into the scene: beside what is there, in front of the viewer."""

import bpy
from bpy_extras.io_utils import ImportHelper

from .. import scene_io, viewing
from ..joints import bind_mouths
from ..languages.translations import translated
from ..mouth import add_mouth, mouth_problem
from .common import gone, idle_in_object_mode, reported


class ImportHead(bpy.types.Operator, ImportHelper):
    """Import a FLAME mesh: OBJ, PLY, NPZ or FLAME's model file. It is put upright and shown"""

    bl_idname = "blendshape_talker.import_head"
    bl_label = "Import FLAME Mesh"
    bl_options = {"REGISTER", "UNDO"}

    neutralise: bpy.props.BoolProperty(
        name="Neutralise",
        default=False,
        description="Take out the expression that the head was made with, a smile for one, as far as it can be told",
    )
    filter_glob: bpy.props.StringProperty(default="*.obj;*.ply;*.npz;*.pkl", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle_in_object_mode(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            target, note = scene_io.import_head(context, self.filepath, self.neutralise)
            _present(self, context, target, note)
        return outcome


class AddDemoHead(bpy.types.Operator):
    """Add the bundled head, which has FLAME's vertices and faces of our own, and show it"""

    bl_idname = "blendshape_talker.add_demo_head"
    bl_label = "Add Demo Head"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle_in_object_mode(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            _present(self, context, scene_io.add_demo_head(context))
        return outcome


class AddMouth(bpy.types.Operator):
    """Give the chosen head teeth, gums and tongue, which FLAME's mesh lacks. They follow its shape keys"""

    bl_idname = "blendshape_talker.add_mouth"
    bl_label = "Add Mouth"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.blendshape_talker
        return idle_in_object_mode(cls, context, lambda: mouth_problem(settings.target) or gone(settings))

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            head = context.scene.blendshape_talker.target
            made = add_mouth(head)
            bind_mouths(head)
            self.report({"INFO"}, translated("{} follows {}").format(made.name, head.name))
        return outcome


def _present(
    operator: bpy.types.Operator, context: bpy.types.Context, target: bpy.types.Object, note: str = ""
) -> None:
    """Choose a new head, put it where there is room, frame it, say so."""
    context.scene.blendshape_talker.target = target
    beside = viewing.stand_in_free_room(context, target)
    framed = translated("framed in the view" if viewing.show(context, target) else "added")
    place = translated("beside {}" if beside else "at the origin").format(beside)
    words = translated("{} is {}, {}").format(target.name, framed, place)
    operator.report({"INFO"}, words + (f"; {note}" if note else ""))


CLASSES = (ImportHead, AddDemoHead, AddMouth)
