"""Exports of the animated head, whole files or none."""

import os

import bpy
from bpy_extras.io_utils import ExportHelper

from .. import animation
from ..export_formats import FORMATS
from ..languages.translations import translated
from .common import gone, idle_in_object_mode, reported


class ExportHead(bpy.types.Operator, ExportHelper):
    """Export the animated head: its whole take or the scene's range"""

    bl_idname = "blendshape_talker.export"
    bl_label = "Export Head"

    filename_ext: bpy.props.StringProperty(default=".fbx", options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{suffix}" for suffix in FORMATS), options={"HIDDEN"})

    frames: bpy.props.EnumProperty(
        name="Frames",
        items=[
            ("TAKE", "Whole Take", "From the first to the last frame in which the head is animated"),
            ("SCENE", "Scene Range", "The frame range of the scene"),
        ],
    )
    attached: bpy.props.BoolProperty(
        name="Attached Meshes", description="Also what hangs on the head, such as its mouth", default=True
    )
    plain_scale: bpy.props.BoolProperty(
        name="Scale of 1",
        description="Write an FBX whose objects have a scale of 1, as Unity and Unreal like it, in place of 100",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.blendshape_talker
        unbaked = "the chosen head has no bake yet; press Bake first"
        return idle_in_object_mode(
            cls, context, lambda: gone(settings) if animation.is_baked(settings.target) else unbaked
        )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.check_extension = None  # a typed suffix decides the format
        # Blender remembers the last file, which may be of another format
        self.filepath = proposed_path(self.filepath, context.scene.blendshape_talker.target.name, self.filename_ext)
        return ExportHelper.invoke(self, context, event)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "frames")
        layout.prop(self, "attached")
        if os.path.splitext(self.filepath)[1].lower() in ("", ".fbx"):
            layout.prop(self, "plain_scale")

    def execute(self, context: bpy.types.Context) -> set[str]:
        from ..export import Choices, export_head  # with all that looks at files: enabling the add-on goes without

        outcome: set[str] = set()
        with reported(self, outcome):
            scene = context.scene
            frames = (scene.frame_start, scene.frame_end) if self.frames == "SCENE" else None
            choices = Choices(frames, self.attached, self.plain_scale)
            path = export_head(context, scene.blendshape_talker.target, self.filepath, choices)
            self.report({"INFO"}, translated("Exported {}").format(path))
        return outcome


def proposed_path(last: str, name: str, suffix: str) -> str:
    """The file that an export dialog opens with: the last one, or the head's name, with the button's suffix."""
    if not last:
        return bpy.path.clean_name(name) + suffix
    stem, old = os.path.splitext(last)
    return (stem if old.lower() in FORMATS else last) + suffix


CLASSES = (ExportHead,)
