"""Bake: a job on a thread while the interface lives, then one write, then the animator sees that it worked."""

import os
from pathlib import Path

import bpy

from ...job import Job
from .. import animation, bake, emotions, viewing
from ..properties import chosen_device
from .common import WHILE_RUNNING, redraw, reported

_POLL_SECONDS = 0.1


def bake_problem(context: bpy.types.Context) -> str | None:
    """Why Bake cannot run now, None when it can; cheap enough for every redraw."""
    settings = context.scene.blendshape_talker
    if context.window_manager.blendshape_talker.running:
        return WHILE_RUNNING
    problem = animation.target_problem(settings.target)
    if problem:
        return problem
    if settings.target.name not in context.scene.objects:
        # a deleted object lives on in whatever points to it
        return f"{settings.target.name} is no longer in this scene; pick or add a head"
    if not settings.audio:
        return "no recording chosen; pick a WAV, FLAC, OGG or MP3 file"
    if not os.path.isfile(bake.absolute_path(settings.audio)):
        return f"{settings.audio}: file not found; pick another recording"
    return None


class Bake(bpy.types.Operator):
    """Animate the head from the recording: shape keys, keyframes, frame range and sound strip"""

    bl_idname = "blendshape_talker.bake"
    bl_label = "Bake"
    bl_options = {"UNDO"}

    replace: bpy.props.BoolProperty(
        name="Replace Hand-made Animation",
        description="Push animation made by hand aside; it is kept as an NLA strip or an Action",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = bake_problem(context)
        if problem:
            cls.poll_message_set(problem)
        return problem is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run to the end without showing anything: for scripts and the background."""
        outcome: set[str] = set()
        with reported(self, outcome):
            request = self._request(context)
            job = self._job(request)
            self._finish(context, request, job.result())
        return outcome

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Run on a thread while the interface stays alive."""
        target = context.scene.blendshape_talker.target
        if not self.replace and animation.hand_made_animation(target):
            return bpy.ops.blendshape_talker.bake_replacing("INVOKE_DEFAULT")
        outcome: set[str] = set()
        with reported(self, outcome):
            self._pending = self._request(context)
        if "CANCELLED" in outcome:
            return outcome
        self._running = self._job(self._pending)
        state = context.window_manager.blendshape_talker
        state.running, state.cancel, state.fraction, state.message = True, False, 0.0, "starting"
        self._timer = context.window_manager.event_timer_add(_POLL_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        state = context.window_manager.blendshape_talker
        if event.type == "ESC" and event.value == "PRESS":
            state.cancel = True
        if state.cancel:
            self._running.cancel()
            state.message = "stopping"
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not self._running.done:
            if not state.cancel:
                state.fraction, state.message = self._running.progress
            redraw(context)
            return {"PASS_THROUGH"}
        self._stop_showing(context)
        outcome: set[str] = set()
        with reported(self, outcome):
            was_baked = animation.is_baked(context.scene.blendshape_talker.target)
            take = self._running.result()
            self._finish(context, self._pending, take)
            _lead_to_speech(context.scene, take, was_baked)
        return outcome

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself, for instance because another file is opened."""
        self._running.cancel()
        self._stop_showing(context)

    def _request(self, context: bpy.types.Context) -> bake.Request:
        settings = context.scene.blendshape_talker
        performance = bake.Performance(
            audio=bake.absolute_path(settings.audio), emotion=settings.emotion, intensity=settings.intensity,
            blinks=settings.blinks, device=chosen_device(context),
        )  # fmt: skip
        return bake.make_request(context.scene, settings.target, performance, settings.start_frame, self.replace)

    def _job(self, request: bake.Request) -> Job:
        return Job(lambda progress, cancelled: bake.compute(request, progress, cancelled)).start()

    def _finish(self, context: bpy.types.Context, request: bake.Request, take: animation.Take) -> None:
        target = bake.apply(request, take, self.replace)
        performance = request.performance
        words = [f"{target.name} speaks {Path(performance.audio).stem}, {emotions.label(performance.emotion).lower()},"]
        words.append(f"frames {take.start_frame} to {take.end_frame}")
        if viewing.play_in_step(context.scene):
            words.append("; playback now follows the sound, and scrubbing is heard")
        self.report({"INFO"}, " ".join(words).replace(" ;", ";"))

    def _stop_showing(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.blendshape_talker.running = False
        redraw(context)
        # panels that changed their height find their places only in a later redraw
        bpy.app.timers.register(lambda: redraw(bpy.context), first_interval=0.3)


def _lead_to_speech(scene: bpy.types.Scene, take: animation.Take, was_baked: bool) -> None:
    """Put the playhead where the mouth is open, unless it stands in a take that is baked again, to be compared."""
    if was_baked and take.start_frame <= scene.frame_current <= take.end_frame:
        return
    row = viewing.speaking_frame(take.deltas[: take.speech_count], take.weights[:, : take.speech_count])
    scene.frame_set(take.start_frame + row)


class BakeReplacing(bpy.types.Operator):
    """The head has animation made by hand. Bake all the same; it is kept as an NLA strip or an Action"""

    bl_idname = "blendshape_talker.bake_replacing"
    bl_label = "Bake over hand-made animation"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self, event, title="Replace the hand-made animation?",
            message="It is kept as an NLA strip or an Action.", confirm_text="Bake",
        )  # fmt: skip

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.blendshape_talker.bake("INVOKE_DEFAULT", replace=True)


class CancelBake(bpy.types.Operator):
    """Stop the bake; the scene stays as it is"""

    bl_idname = "blendshape_talker.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.window_manager.blendshape_talker.running

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.blendshape_talker.cancel = True
        return {"FINISHED"}


CLASSES = (Bake, BakeReplacing, CancelBake)
