"""Sound and face in step, by one button, whichever of them was moved."""

import bpy

from .. import animation, step
from .common import gone, idle, redraw, reported


def lines_out_of_step(scene: bpy.types.Scene) -> list[tuple[animation.Line, str]]:
    """The chosen head's lines whose sound and face differ, each with what differs."""
    found = ((line, step.out_of_step(scene, line)) for line in animation.lines(scene.blendshape_talker.target))
    return [(line, said) for line, said in found if said]


def _problem(scene: bpy.types.Scene) -> str | None:
    settings = scene.blendshape_talker
    problem = animation.target_problem(settings.target) or gone(settings)
    return problem or (None if lines_out_of_step(scene) else "sound and face are in step")


class BringInStep(bpy.types.Operator):
    """Let the face follow its sound strip where that was moved or cut, or the sound its face"""

    bl_idname = "blendshape_talker.bring_in_step"
    bl_label = "Bring in Step"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: _problem(context.scene))

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            scene = context.scene
            found = [line for line, _ in lines_out_of_step(scene)]
            for line in found:
                step.plan(scene, line)  # all of them, or none
            said = [step.bring_in_step(scene, scene.blendshape_talker.target, line) for line in found]
            redraw(context)
            self.report({"INFO"}, "; ".join(said))
        return outcome


CLASSES = (BringInStep,)
