"""Joints, and what head and eyes do with them."""

import bpy

from ...errors import TalkerError
from .. import animation, joints, motion
from ..languages.translations import translated
from ..presence import shown
from ..properties import TalkerSettings
from .common import gone, idle, idle_in_object_mode, reported
from .takes import take_number


class AddJoints(bpy.types.Operator):
    """Give the chosen head an armature, so that head and eyes move with each recording. Shape keys stay as they are"""

    bl_idname = "blendshape_talker.add_joints"
    bl_label = "Add Joints"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.blendshape_talker
        return idle_in_object_mode(cls, context, lambda: joints.joints_problem(settings.target) or gone(settings))

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            head = context.scene.blendshape_talker.target
            if head.get(motion.TURNS):
                motion.stop_turning(head)
                context.view_layer.update()
            made = joints.add_joints(context, head)
            self.report({"INFO"}, translated("{} hangs on {}").format(head.name, made.name) + _perform_lines(head))
        return outcome


class TurnObject(bpy.types.Operator):
    """Let the chosen head turn as an object with each recording; eyes stay still. For heads that take no joints"""

    bl_idname = "blendshape_talker.turn_object"
    bl_label = "Turn as Object"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: _turn_problem(context.scene.blendshape_talker))

    def execute(self, context: bpy.types.Context) -> set[str]:
        head = context.scene.blendshape_talker.target
        if head.get(motion.TURNS):
            motion.stop_turning(head)
            self.report({"INFO"}, translated("{} stands still").format(head.name))
            return {"FINISHED"}
        head[motion.TURNS] = True
        self.report({"INFO"}, translated("{} turns as an object").format(head.name) + _perform_lines(head))
        return {"FINISHED"}


class MoveAgain(bpy.types.Operator):
    """Another performance of head and eyes for the line at the playhead, from its recording alone: mouth and face stay.
    Keys that hands changed make room; their Actions stay in the file"""

    bl_idname = "blendshape_talker.move_again"
    bl_label = "Another Motion"
    bl_options = {"REGISTER", "UNDO"}

    seed: bpy.props.IntProperty(name="Take", description="Its number; -1 is the next one", default=-1, min=-1, max=9999)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: _move_problem(context.scene))

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            head, line = shown(context.scene)
            former = motion.seed_of(head, line)
            seed = self.seed if self.seed >= 0 else 0 if former is None else former + 1
            motion.write(head, line, motion.perform(line, seed, chosen=True))
            motion.follow(head)
            words = translated("{} moves as in take {} of its motion")
            self.report({"INFO"}, words.format(head.name, seed))
        return outcome


def _turn_problem(settings: TalkerSettings) -> str | None:
    """Why the chosen head cannot turn as an object; None when it can."""
    head = settings.target
    problem = animation.target_problem(head) or gone(settings)
    if not problem and joints.joints_of(head) is not None:
        return translated("{} has joints, which turn it").format(head.name)
    return problem


def _move_problem(scene: bpy.types.Scene) -> str | None:
    """Why the line at the playhead cannot get another motion; None when it can."""
    head, line = shown(scene)
    if line is None:
        return "bake first"
    if motion.holder_of(head) is None:
        return translated("{} has no joints; add them first").format(head.name)
    return gone(scene.blendshape_talker)


def _perform_lines(head: bpy.types.Object) -> str:
    """Motion for the lines that ``head`` speaks already; what to say of it."""
    done, missing = 0, ""
    for line in animation.lines(head):
        try:
            motion.write(head, line, motion.perform(line, take_number(line)))
            done += 1
        except TalkerError as error:
            missing = translated("; {} stays still: {}").format(line.name, translated(str(error)))
    motion.follow(head)
    words = translated(" and moves with {} lines" if done > 1 else " and moves with {} line").format(done)
    return (words if done else "") + missing


CLASSES = (AddJoints, TurnObject, MoveAgain)
