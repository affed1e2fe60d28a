"""Curves after a bake: fewer keys, and keys set by hand that the curves pass through."""

import bpy

from ...errors import TalkerError
from ...job import Job
from .. import animation, bake, keep_keys
from ..languages.translations import translated_tip
from .common import gone, idle, reported
from .running import Running

BOUNDS = (0.1, 0.25, 0.5)  # mm that the menu offers


def line_problem(context: bpy.types.Context) -> str | None:
    """Why nothing can be done to the curves of the line at the playhead; None when it can."""
    settings = context.scene.blendshape_talker
    if not animation.lines(settings.target):
        return "the chosen head has no line yet; press Bake first"
    return animation.target_problem(settings.target) or gone(settings)


class ReduceKeys(Running, bpy.types.Operator):
    """Replace the line's keys on every frame by few Bézier keys, none of which moves a vertex by more than the error"""

    bl_idname = "blendshape_talker.reduce_keys"
    bl_label = "Reduce Keys"
    bl_options = {"UNDO"}

    error: bpy.props.EnumProperty(
        name="Error",
        description="How far the farthest vertex may leave its place",
        items=[(f"{bound:g}", f"{bound:g} mm", "") for bound in BOUNDS],
        default="0.25",
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return f"{translated_tip(cls.__doc__)}: {properties.error} mm"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: line_problem(context))

    def _begin(self, context: bpy.types.Context) -> Job:
        from .. import fewer_keys  # with all that fits curves: enabling the add-on goes without

        settings = context.scene.blendshape_talker
        self._target = settings.target.session_uid
        line = animation.line_at(settings.target, context.scene.frame_current)
        self._line = line.uid
        self._task = task = fewer_keys.prepare(settings.target, line, float(self.error))

        def work(progress, cancelled):
            return task.fit(lambda fraction: progress(fraction, "reducing keys"), cancelled)

        return Job(work).start()

    def _end(self, context: bpy.types.Context, fitted: list, shown: bool) -> None:
        from .. import fewer_keys

        target = next((item for item in bpy.data.objects if item.session_uid == self._target), None)
        line = next((item for item in animation.lines(target) if item.uid == self._line), None)
        if line is None:
            raise TalkerError("that line is no longer there")
        self.report({"INFO"}, f"{line.name}: {fewer_keys.write(target, line, self._task, fitted)}")


class KeepKeys(bpy.types.Operator):
    """Let the curves pass through the keys that you set on single frames, keep their detail and come back. Closed lips
    stay closed"""

    bl_idname = "blendshape_talker.keep_keys"
    bl_label = "Keep My Keys"
    bl_options = {"REGISTER", "UNDO"}

    seconds: bpy.props.FloatProperty(
        name="Come Back In", description="Time from a key until the curve is what it was",
        default=0.3, min=keep_keys.SECONDS[0], max=keep_keys.SECONDS[1], unit="TIME_ABSOLUTE",
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: line_problem(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            target = context.scene.blendshape_talker.target
            kept = keep_keys.keep(target, bake.frame_rate_of(context.scene), self.seconds)
            self.report({"INFO"}, str(kept))
        return outcome


CLASSES = (ReduceKeys, KeepKeys)
