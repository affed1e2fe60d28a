"""Sub-panel "Curves" of the tab: what can be done to a line's keys after the bake; draws only."""

import bpy

from .fewer_keys import BOUNDS
from .operators.curves import ReduceKeys, line_problem
from .panels import BakePanel, explain


class CurvesPanel(bpy.types.Panel):
    bl_space_type, bl_region_type, bl_category = "VIEW_3D", "UI", BakePanel.bl_category
    bl_idname = "VIEW3D_PT_blendshape_talker_curves"
    bl_parent_id = BakePanel.bl_idname
    bl_label = "Curves"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.enabled = not context.window_manager.blendshape_talker.running
        problem = line_problem(context)
        column = layout.column(align=True)
        column.label(text=ReduceKeys.bl_label)
        row = column.row(align=True)
        for bound in BOUNDS:
            row.operator(ReduceKeys.bl_idname, text=f"{bound:g} mm", translate=False).error = f"{bound:g}"
        if problem:
            explain(layout, context, problem)


CLASSES = (CurvesPanel,)
