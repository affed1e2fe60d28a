"""A panel below Bake that is there only while sound and face are out of step."""

import bpy

from .operators.step import BringInStep, lines_out_of_step
from .panels import PanelBelowBake, explain


class StepPanel(PanelBelowBake, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_step"
    bl_label = "Out of Step"
    bl_options = set()  # a warning that must be seen

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(lines_out_of_step(context.scene))

    def draw(self, context: bpy.types.Context) -> None:
        for _, said in lines_out_of_step(context.scene)[:2]:
            explain(self.layout, context, said, icon="ERROR")
        self.layout.operator(BringInStep.bl_idname, icon="UV_SYNC_SELECT")


CLASSES = (StepPanel,)
