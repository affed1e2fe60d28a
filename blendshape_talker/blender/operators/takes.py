"""Takes of a line: another performance of the same recording, which need not be heard again."""

import bpy

from .. import animation, bake
from ..lines.marks import Line
from .common import idle


def shown(context: bpy.types.Context) -> Line | None:
    """The line that the buttons concern: the one at the playhead, else the nearest."""
    return animation.line_at(context.scene.blendshape_talker.target, context.scene.frame_current)


def take_number(line: Line) -> int:
    """The take that a line was baked as."""
    seed = line.record.get("seed")
    return seed if isinstance(seed, int) else 0


def take_problem(context: bpy.types.Context) -> str | None:
    """Why the line at the playhead cannot be taken again; None when it can."""
    settings, line = context.scene.blendshape_talker, shown(context)
    problem = animation.target_problem(settings.target)
    if problem or line is None:
        return problem or "the chosen head has no line yet; press Bake first"
    audio = bake.absolute_path(settings.audio)
    again = animation.find_line(settings.target, audio, settings.start_frame)
    if again is None or again.uid != line.uid or line.record.get("recording") != audio:
        return f"choose the recording of {line.name} above, and start frame {line.start}, to take it again"
    return None


class NextTake(bpy.types.Operator):
    """Bake the line at the playhead again as another performance; the recording is not heard again"""

    bl_idname = "blendshape_talker.next_take"
    bl_label = "Next Take"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not idle(cls, context):
            return False
        problem = take_problem(context)
        if problem:
            cls.poll_message_set(problem)
        return problem is None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self._take(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._take(context, "EXEC_DEFAULT")

    def _take(self, context: bpy.types.Context, how: str) -> set[str]:
        settings = context.scene.blendshape_talker
        former, settings.take = settings.take, take_number(shown(context)) % 9999 + 1
        try:
            outcome = bpy.ops.blendshape_talker.bake(how)
        except RuntimeError as error:  # how an operator's report reaches its caller
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            outcome = {"CANCELLED"}
        if outcome == {"CANCELLED"}:
            settings.take = former
        return {"CANCELLED"} if outcome == {"CANCELLED"} else {"FINISHED"}


CLASSES = (NextTake,)
