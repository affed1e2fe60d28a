"""Tab "Talker" in the 3D View's sidebar; draws only."""

import bpy

from . import animation
from .export import FORMATS
from .operators import AddDemoHead, Bake, CancelBake, ExportHead, ImportHead, bake_problem
from .properties import preferences

_EXPORTS = (".fbx", ".abc", ".glb", ".usdc")


class _TalkerPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Talker"


class HeadPanel(_TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_head"
    bl_label = "Head"

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.prop(context.scene.blendshape_talker, "target", text="", icon="USER")
        row = column.row(align=True)
        row.operator(ImportHead.bl_idname, text="Import", icon="IMPORT")
        row.operator(AddDemoHead.bl_idname, text="Demo Head", icon="ADD")


class SpeechPanel(_TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_speech"
    bl_label = "Performance"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.blendshape_talker
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not context.window_manager.blendshape_talker.running
        column = layout.column()
        column.prop(settings, "audio")
        column.prop(settings, "emotion")
        column.prop(settings, "intensity", slider=True)
        column.separator()
        column.prop(settings, "start_frame")
        column.prop(settings, "blinks")
        page = preferences(context)
        if page is not None:
            column.prop(page, "device")


class BakePanel(_TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_bake"
    bl_label = "Bake"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.blendshape_talker
        state = context.window_manager.blendshape_talker
        layout = self.layout
        if state.running:
            row = layout.row(align=True)
            row.progress(factor=state.fraction, text=state.message.capitalize(), type="BAR")
            row.operator(CancelBake.bl_idname, text="", icon="X")
            layout.label(text="Esc stops it", icon="INFO")
            return
        row = layout.row()
        row.scale_y = 1.4
        row.operator(Bake.bl_idname, icon="PLAY")
        problem = bake_problem(context)
        if problem:
            _explain(layout, context, problem)
        if animation.is_baked(settings.target):
            if animation.expression_strength(settings.target) is None:
                layout.label(text="Expression fades in the NLA editor", icon="NLA")
            else:
                layout.prop(settings, "strength", slider=True)


class ExportPanel(_TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_export"
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        grid = layout.grid_flow(columns=2, even_columns=True, align=True)
        missing = []
        for suffix in _EXPORTS:
            cell = grid.row(align=True)
            cell.enabled = FORMATS[suffix].available
            if not cell.enabled:
                missing.append(FORMATS[suffix].label)
            cell.operator(ExportHead.bl_idname, text=FORMATS[suffix].label).filename_ext = suffix
        if missing:
            _explain(layout, context, f"this Blender has no {' and no '.join(missing)} export")
        if not animation.is_baked(context.scene.blendshape_talker.target):
            _explain(layout, context, "bake first; then the head can be exported")


def _explain(layout: bpy.types.UILayout, context: bpy.types.Context, reason: str) -> None:
    """Say why something is grey, in as many short lines as the sidebar's width asks for."""
    width = max(20, int(context.region.width / (7.5 * context.preferences.system.ui_scale)))
    column = layout.column(align=True)
    column.scale_y = 0.8
    line, icon = "", "INFO"
    for word in (reason[0].upper() + reason[1:]).split():
        if line and len(line) + len(word) + 1 > width - 6:
            column.label(text=line, icon=icon)
            line, icon = "", "BLANK1"
        line = f"{line} {word}".strip()
    column.label(text=line, icon=icon)


CLASSES = (HeadPanel, SpeechPanel, BakePanel, ExportPanel)
