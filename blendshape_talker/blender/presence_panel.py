"""The folded panel "Head and Eyes" below Bake: joints, how strong head and gaze move, another take of them."""

import bpy

from . import joints, motion
from .languages.translations import translated
from .operators.presence import AddJoints, MoveAgain, TurnObject
from .panels import PanelBelowBake, explain
from .presence import shown


class PresencePanel(PanelBelowBake, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_presence"
    bl_label = "Head and Eyes"

    def draw(self, context: bpy.types.Context) -> None:
        head, line = shown(context.scene)
        column = self.layout.column(align=True)
        if joints.joints_of(head) is None:
            column.operator(AddJoints.bl_idname, icon="ARMATURE_DATA")
            turns = head is not None and bool(head.get(motion.TURNS))
            column.operator(TurnObject.bl_idname, icon="CHECKBOX_HLT" if turns else "CHECKBOX_DEHLT", depress=turns)
        holder = motion.holder_of(head)
        if holder is not None and line is None:
            explain(self.layout, context, "they move with the next bake")
        if holder is None or line is None:
            return
        column = self.layout.column(align=True)
        for layer in ("head", "gaze"):
            strips = [strip for _, strip, _ in motion.strips_of(holder, line.uid, layer)]
            if strips:
                row = column.row(align=True)
                # a muted strip's eye is shut: there Blender draws the icon that stands before this one
                row.prop(strips[0], "mute", text="", icon="HIDE_OFF", emboss=False)
                slider = row.row(align=True)
                slider.active = not strips[0].mute
                slider.prop(context.scene.blendshape_talker_presence, layer, slider=True)
                row.prop(strips[0], "use_animated_influence", text="", icon="ANIM")
                if strips[0].use_animated_influence:
                    column.prop(strips[0], "influence", text="Keyed", slider=True)
        seed = motion.seed_of(head, line)
        text = translated("Another Motion" if seed is None else "Another Motion (Take {})").format(seed)
        self.layout.operator(MoveAgain.bl_idname, text=text, icon="FILE_REFRESH", translate=False)


CLASSES = (PresencePanel,)
