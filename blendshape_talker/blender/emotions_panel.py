"""Sub-panels "Emotions on the Timeline" and "Adjust over Time": what plays in a line, and how; they draw only."""

import bpy

from . import animation
from .languages.translations import translated
from .operators.emotions import (
    AddEmotion,
    RefreshFace,
    ResetControls,
    ShowStrips,
    SwapEmotion,
    chosen_strips,
    strips_problem,
)
from .panels import PanelBelowBake, explain, fields


class _StripsPanel(PanelBelowBake):
    """What both are: there once a head is baked, and a reason in place of the fields where they could do nothing."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return animation.is_baked(context.scene.blendshape_talker.target)

    def fields_or_reason(self, context: bpy.types.Context) -> bpy.types.UILayout | None:
        """Where to draw the fields; None, and the reason is drawn, where they could do nothing."""
        layout = fields(self.layout, context)
        problem = strips_problem(context.scene.blendshape_talker)
        if problem:
            explain(layout, context, problem)
            return None
        return layout


class EmotionStripsPanel(_StripsPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_emotions"
    bl_label = "Emotions on the Timeline"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.blendshape_talker, self.fields_or_reason(context)
        if layout is None:
            return
        layout.prop(settings, "strip_emotion")
        layout.prop(settings, "strip_intensity", slider=True)
        layout.prop(settings, "strip_seconds")
        row = layout.row(align=True)
        row.operator(AddEmotion.bl_idname, icon="ADD")
        row.operator(SwapEmotion.bl_idname, icon="UV_SYNC_SELECT")
        row.operator(RefreshFace.bl_idname, text="", icon="FILE_REFRESH")
        row.operator(ShowStrips.bl_idname, text="", icon="NLA")
        chosen = chosen_strips(settings)
        if chosen:
            names = ", ".join(strip.name for _, strip in chosen[:3]) + (" …" if len(chosen) > 3 else "")
            layout.label(text=translated("Swap changes: {}").format(names), icon="NLA", translate=False)


class ControlsPanel(_StripsPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_controls"
    bl_label = "Adjust over Time"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.fields_or_reason(context)
        if layout is None:
            return
        layout.use_property_decorate = True  # a click on the dot sets a key
        group = context.scene.blendshape_talker.target.blendshape_talker
        column = layout.column(align=True)
        for name in ("speech", "upper_face", "lower_face", "blinks"):
            column.prop(group, name, slider=True)
        column = layout.column(align=True)
        for name in ("smoothing", "delay", "lip_close", "lid_close"):
            column.prop(group, name)
        layout.operator(ResetControls.bl_idname, icon="LOOP_BACK")


CLASSES = (EmotionStripsPanel, ControlsPanel)
