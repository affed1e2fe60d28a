"""Sub-panels "Takes" and "Curves" of the tab: what can be done to a line after the bake; they draw only."""

import bpy

from . import keep_keys
from .languages.translations import translated
from .operators.curves import BOUNDS, KeepKeys, ReduceKeys, line_problem
from .operators.styles import SaveStyle
from .operators.takes import BakeRange, NextTake, shown, take_number, take_problem
from .panels import PanelBelowBake, explain


class CurvesPanel(PanelBelowBake, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_curves"
    bl_label = "Curves"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.enabled = not context.window_manager.blendshape_talker.running
        problem = line_problem(context)
        found = keep_keys.waiting(context.scene.blendshape_talker.target)
        layout.operator(KeepKeys.bl_idname, icon="KEYFRAME_HLT")
        if found:
            words = "1 key is set on top of the bake" if found == 1 else "{} keys are set on top of the bake"
            layout.label(text=translated(words).format(found), icon="INFO", translate=False)
        column = layout.column(align=True)
        column.label(text=ReduceKeys.bl_label)
        row = column.row(align=True)
        for bound in BOUNDS:
            row.operator(ReduceKeys.bl_idname, text=f"{bound:g} mm", translate=False).error = f"{bound:g}"
        text = f"{translated(SaveStyle.bl_label)}…"
        layout.operator(SaveStyle.bl_idname, text=text, icon="FILE_TICK", translate=False)
        if problem:
            explain(layout, context, problem)


class TakesPanel(PanelBelowBake, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_takes"
    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        layout, line = self.layout, shown(context)
        layout.enabled = not context.window_manager.blendshape_talker.running
        if line is not None:
            row = layout.row(align=True)
            row.label(text=translated("Take {} plays").format(take_number(line)), translate=False)
            row.operator(NextTake.bl_idname, icon="FORWARD")
            text = f"{translated(BakeRange.bl_label)}…"
            layout.operator(BakeRange.bl_idname, text=text, icon="PREVIEW_RANGE", translate=False)
        problem = take_problem(context)
        if problem:
            explain(layout, context, problem)


CLASSES = (TakesPanel, CurvesPanel)
