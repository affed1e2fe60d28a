"""Takes of a line: another performance of the same recording, which need not be heard again."""

import dataclasses

import bpy

from ...errors import TalkerError
from ...job import Job
from .. import animation, bake
from ..languages.translations import error_said, translated
from ..lines.marks import Line
from ..outcome import style_name
from .baking import performance_of, style_of
from .common import gone, idle
from .running import Running


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
    problem = animation.target_problem(settings.target) or gone(settings)
    if problem or line is None:
        return problem or "the chosen head has no line yet; press Bake first"
    audio = bake.absolute_path(settings.audio)
    again = animation.find_line(settings.target, audio, settings.start_frame)
    if again is None or again.uid != line.uid or line.record.get("recording") != audio:
        words = translated("choose the recording of {} above, and start frame {}, to take it again")
        return words.format(line.name, line.start)
    return _style_problem(context, line)


def _style_problem(context: bpy.types.Context, line: Line) -> str | None:
    """One line, one manner: where the panel's style, which mostly lies folded away, is another than the line's."""
    spoken = line.record.get("style")
    try:
        if spoken is None or style_of(context.scene.blendshape_talker) == spoken:
            return None
    except TalkerError as error:
        return str(error)
    words = translated("{} was baked with style {}; choose it under Options to take it again, or press Bake")
    return words.format(line.name, style_name(str(spoken)))


class NextTake(bpy.types.Operator):
    """Bake the line at the playhead again as another performance; the recording is not heard again"""

    bl_idname = "blendshape_talker.next_take"
    bl_label = "Next Take"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: take_problem(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self._take(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._take(context, "EXEC_DEFAULT")

    def _take(self, context: bpy.types.Context, how: str) -> set[str]:
        take = take_number(shown(context)) % 9999 + 1
        try:
            outcome = bpy.ops.blendshape_talker.bake(how, take=take)
        except RuntimeError as error:  # how an operator's report reaches its caller
            self.report({"ERROR"}, error_said(str(error)))
            outcome = {"CANCELLED"}
        return {"CANCELLED"} if outcome == {"CANCELLED"} else {"FINISHED"}


class BakeRange(bpy.types.Operator):
    """Bake only some frames of the line at the playhead as another take; the seams cannot be seen"""

    bl_idname = "blendshape_talker.bake_range"
    bl_label = "Bake Range"
    bl_options = {"UNDO"}

    first: bpy.props.IntProperty(name="First Frame", options={"SKIP_SAVE"})
    last: bpy.props.IntProperty(name="Last Frame", options={"SKIP_SAVE"})
    take: bpy.props.IntProperty(name="Take", description="The performance to put there", min=0, max=9999)
    keep: bpy.props.BoolProperty(
        name="Keep My Keys", description="Keys that you set between the frames stay as they are", default=True
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: take_problem(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        line, scene = shown(context), context.scene
        low, high = line.frames
        second = round(bake.frame_rate_of(scene))
        wanted = scene.frame_current - second, scene.frame_current + second
        if scene.use_preview_range:
            wanted = scene.frame_preview_start, scene.frame_preview_end
        self.first, self.last = max(wanted[0], low), min(wanted[1], high)
        self.take = take_number(line) % 9999 + 1
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        how = "EXEC_DEFAULT" if bpy.app.background or context.window is None else "INVOKE_DEFAULT"
        try:
            return bpy.ops.blendshape_talker.weave_range(
                how, first=self.first, last=self.last, take=self.take, keep=self.keep
            ) - {"RUNNING_MODAL"} or {"FINISHED"}
        except RuntimeError as error:  # how an operator's report reaches its caller
            self.report({"ERROR"}, error_said(str(error)))
            return {"CANCELLED"}


class WeaveRange(Running, bpy.types.Operator):
    """Let some frames of the line at the playhead play another take"""

    bl_idname = "blendshape_talker.weave_range"
    bl_label = "Bake Range"
    bl_options = {"UNDO", "INTERNAL"}

    first: bpy.props.IntProperty(options={"SKIP_SAVE"})
    last: bpy.props.IntProperty(options={"SKIP_SAVE"})
    take: bpy.props.IntProperty(options={"SKIP_SAVE"})
    keep: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE"})

    def _begin(self, context: bpy.types.Context) -> Job:
        from .. import bake_range  # with all that weaves curves: enabling the add-on goes without

        settings, line = context.scene.blendshape_talker, shown(context)
        problem = take_problem(context)
        if problem:
            raise TalkerError(problem)
        bake_range.check_range(line, self.first, self.last)
        self._line = line.uid
        performance = dataclasses.replace(performance_of(context), seed=self.take)
        # nothing of the line is replaced: what hands made outside the frames stays, and inside as they ask
        self._pending = request = bake.make_request(
            context.scene, settings.target, performance, settings.start_frame, replace=True
        )
        return Job(lambda progress, cancelled: bake.compute(request, progress, cancelled)).start()

    def _end(self, context: bpy.types.Context, take: animation.Take, shown: bool) -> None:
        from .. import bake_range

        target = bake.still_there(self._pending)[1]
        line = next((item for item in animation.lines(target) if item.uid == self._line), None)
        if line is None:
            raise TalkerError("that line is no longer there")
        woven = bake_range.weave_range(target, line, take, self.first, self.last, self.keep)
        words = translated("{}, frames {} to {} are take {} now: {}")
        self.report({"INFO"}, words.format(line.name, self.first, self.last, self.take, woven))


CLASSES = (NextTake, BakeRange, WeaveRange)
