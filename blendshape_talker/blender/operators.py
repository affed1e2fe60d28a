"""What the buttons do. Each reads settings, makes one call, reports; errors are one line and leave the scene alone."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..errors import Cancelled, TalkerError
from ..job import Job
from . import animation, bake, scene_io
from .export import FORMATS, export_head
from .properties import chosen_device

_POLL_SECONDS = 0.1
_WHILE_RUNNING = "A bake is running; press Esc to stop it"


@contextmanager
def _reported(operator: bpy.types.Operator, outcome: set[str]) -> Iterator[None]:
    """Turn a :class:`TalkerError` or a cancel into one line of report and a CANCELLED in ``outcome``."""
    try:
        yield
        outcome.add("FINISHED")
    except TalkerError as error:
        operator.report({"ERROR"}, str(error))
        outcome.add("CANCELLED")
    except Cancelled:
        operator.report({"INFO"}, "Stopped; nothing was changed")
        outcome.add("CANCELLED")


def bake_problem(context: bpy.types.Context) -> str | None:
    """Why Bake cannot run now, None when it can; cheap enough for every redraw."""
    settings = context.scene.blendshape_talker
    if context.window_manager.blendshape_talker.running:
        return _WHILE_RUNNING
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


class ImportHead(bpy.types.Operator, ImportHelper):
    """Import a FLAME mesh: OBJ, PLY, NPZ or FLAME's model file"""

    bl_idname = "blendshape_talker.import_head"
    bl_label = "Import FLAME Mesh"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: bpy.props.StringProperty(default="*.obj;*.ply;*.npz;*.pkl", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _idle_in_object_mode(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with _reported(self, outcome):
            target, note = scene_io.import_head(context, self.filepath)
            context.scene.blendshape_talker.target = target
            if note:
                self.report({"INFO"}, f"{target.name}: {note}")
        return outcome


class AddDemoHead(bpy.types.Operator):
    """Add the bundled head, which has FLAME's vertices and faces of our own"""

    bl_idname = "blendshape_talker.add_demo_head"
    bl_label = "Add Demo Head"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _idle_in_object_mode(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with _reported(self, outcome):
            context.scene.blendshape_talker.target = scene_io.add_demo_head(context)
        return outcome


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
        with _reported(self, outcome):
            request = self._request(context)
            job = self._job(request)
            self._finish(request, job.result())
        return outcome

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Run on a thread while the interface stays alive."""
        target = context.scene.blendshape_talker.target
        if not self.replace and animation.hand_made_animation(target):
            return bpy.ops.blendshape_talker.bake_replacing("INVOKE_DEFAULT")
        outcome: set[str] = set()
        with _reported(self, outcome):
            self._pending = self._request(context)
        if "CANCELLED" in outcome:
            return outcome
        self._running = self._job(self._pending)
        state = context.window_manager.blendshape_talker
        state.running, state.cancel, state.fraction, state.message = True, False, 0.0, "starting"
        self._timer = context.window_manager.event_timer_add(_POLL_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        _redraw(context)
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
            _redraw(context)
            return {"PASS_THROUGH"}
        self._stop_showing(context)
        outcome: set[str] = set()
        with _reported(self, outcome):
            self._finish(self._pending, self._running.result())
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

    def _finish(self, request: bake.Request, take: animation.Take) -> None:
        target = bake.apply(request, take, self.replace)
        frames = f"frames {take.start_frame} to {take.end_frame}"
        self.report({"INFO"}, f"Baked {len(take.names)} shape keys onto {target.name}, {frames}")

    def _stop_showing(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.blendshape_talker.running = False
        _redraw(context)
        # panels that changed their height find their places only in a later redraw
        bpy.app.timers.register(lambda: _redraw(bpy.context), first_interval=0.3)


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


class ExportHead(bpy.types.Operator, ExportHelper):
    """Export the animated head over the scene's frame range"""

    bl_idname = "blendshape_talker.export"
    bl_label = "Export Head"

    filename_ext: bpy.props.StringProperty(default=".fbx", options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=";".join(f"*{suffix}" for suffix in FORMATS), options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not _idle_in_object_mode(cls, context):
            return False
        if not animation.is_baked(context.scene.blendshape_talker.target):
            cls.poll_message_set("the chosen head has no bake yet; press Bake first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.check_extension = None  # a typed suffix decides the format
        # Blender remembers the last file, which may be of another format
        self.filepath = proposed_path(self.filepath, context.scene.blendshape_talker.target.name, self.filename_ext)
        return ExportHelper.invoke(self, context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with _reported(self, outcome):
            path = export_head(context, context.scene.blendshape_talker.target, self.filepath)
            self.report({"INFO"}, f"Exported {path}")
        return outcome


def proposed_path(last: str, name: str, suffix: str) -> str:
    """The file that an export dialog opens with: the last one, or the head's name, with the button's suffix."""
    if not last:
        return bpy.path.clean_name(name) + suffix
    stem, old = os.path.splitext(last)
    return (stem if old.lower() in FORMATS else last) + suffix


def _idle_in_object_mode(operator: Callable, context: bpy.types.Context) -> bool:
    if context.window_manager.blendshape_talker.running:
        operator.poll_message_set(_WHILE_RUNNING)
        return False
    if context.mode != "OBJECT":
        operator.poll_message_set("go back to Object Mode first")
        return False
    return True


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


CLASSES = (ImportHead, AddDemoHead, Bake, BakeReplacing, CancelBake, ExportHead)
