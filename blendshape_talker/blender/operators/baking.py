"""Bake: a job on a thread while the interface lives, then one write, then the animator sees that it worked."""

import os
from dataclasses import replace

import bpy

from ...errors import TalkerError
from ...expression.cues import read_cues
from ...expression.library import emotion_names
from ...job import Job
from ...settings import AUTO
from .. import animation, bake, emotions, timeline_view, viewing
from ..addon_page import chosen_device
from ..languages.translations import translated
from ..lines import sound
from ..outcome import came_out, doubt
from .common import WHILE_RUNNING, allowed, gone, idle, reported
from .running import Running

_AS_THE_PANEL_SAYS = -1


def _take_property() -> bpy.props.IntProperty:
    return bpy.props.IntProperty(
        name="Take", description="The performance to bake, which the panel then shows; -1: the one that it shows",
        default=_AS_THE_PANEL_SAYS, min=_AS_THE_PANEL_SAYS, max=9999, options={"HIDDEN", "SKIP_SAVE"},
    )  # fmt: skip


def bake_problem(context: bpy.types.Context) -> str | None:
    """Why Bake cannot run now, None when it can; cheap enough for every redraw."""
    settings = context.scene.blendshape_talker
    if context.window_manager.blendshape_talker.running:
        return WHILE_RUNNING
    problem = animation.target_problem(settings.target) or gone(settings)
    if problem:
        return problem
    if not settings.audio:
        return "no recording chosen; pick a WAV, FLAC, OGG or MP3 file"
    if not os.path.isfile(bake.absolute_path(settings.audio)):
        return translated("{}: file not found; pick another recording").format(settings.audio)
    return None


def what_hands_made(context: bpy.types.Context) -> str | None:
    """What Bake, as the panel is set, could not keep of what hands made; None when it keeps all."""
    settings = context.scene.blendshape_talker
    try:
        asked = performance_of(context).asked(bake.frame_rate_of(context.scene))
    except TalkerError:  # cues that cannot be read: the bake says so
        asked = None
    recording = bake.absolute_path(settings.audio)
    return bake.hand_made(context.scene, settings.target, recording, settings.start_frame, asked)


def style_of(settings) -> str:
    """A name or a path; :class:`TalkerError` when the file is still to be chosen."""
    if settings.style != "file":
        return settings.style
    if not settings.style_file:
        raise TalkerError("no style file chosen; pick one, or another style")
    return bake.absolute_path(settings.style_file)


def performance_of(context: bpy.types.Context) -> bake.Performance:
    """What the panel asks for; reads the file of cues, which stand in the emotion's place."""
    settings = context.scene.blendshape_talker
    cues = bake.absolute_path(settings.cues)
    return bake.Performance(
        audio=bake.absolute_path(settings.audio),
        emotion="neutral" if cues else settings.emotion, intensity=settings.intensity,
        blinks=settings.blinks, seed=settings.take, device=chosen_device(context),
        style=style_of(settings),
        heard=settings.heard if settings.cues or settings.emotion != AUTO else None,
        cues=tuple(read_cues(cues, emotion_names())) if cues else None,
    )  # fmt: skip


class Bake(Running, bpy.types.Operator):
    """Let the head speak the recording: shape keys, NLA strips and a sound strip. Other lines and keys stay"""

    bl_idname = "blendshape_talker.bake"
    bl_label = "Bake"
    bl_options = {"UNDO"}

    replace: bpy.props.BoolProperty(
        name="Replace Hand-made Animation",
        description="Let keys that were edited by hand make room; their Actions stay in the file",
        options={"SKIP_SAVE"},
    )
    take: _take_property()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return allowed(cls, bake_problem(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first where hands' work would no longer play."""
        if not self.replace and what_hands_made(context):
            return bpy.ops.blendshape_talker.bake_replacing("INVOKE_DEFAULT", take=self.take)
        return super().invoke(context, event)

    def _begin(self, context: bpy.types.Context) -> Job:
        self._was_baked = animation.is_baked(context.scene.blendshape_talker.target)
        self._pending = request = self._request(context)
        self._drafts: animation.Drafts | None = None
        return Job(lambda progress, cancelled: bake.compute(request, progress, cancelled)).start()

    def _write_ahead(self, context: bpy.types.Context, take: animation.Take, seconds: float) -> float:
        if self._drafts is None:
            self._drafts = bake.begin_writing(self._pending, take)
        return self._drafts.write(seconds)

    def _undo_ahead(self) -> None:
        if self._drafts is not None:
            self._drafts.discard()

    def _end(self, context: bpy.types.Context, take: animation.Take, shown: bool) -> None:
        scene, _ = bake.still_there(self._pending)  # the window may show another one by now
        line = self._finish(scene, self._pending, take)
        lowest, highest = line.frames
        # a line that is baked again is compared where the playhead stands
        if shown and not (self._was_baked and lowest <= scene.frame_current <= highest):
            scene.frame_set(viewing.speaking_frame(line))
        if shown and not self._was_baked and not scene.blendshape_talker.strips_shown and scene == context.scene:
            scene.blendshape_talker.strips_shown = True  # once a scene: whoever closes it keeps it closed
            timeline_view.open_beside(context.window, timeline_view.ROOMY)

    def _request(self, context: bpy.types.Context) -> bake.Request:
        settings = context.scene.blendshape_talker
        performance = performance_of(context)
        if self.take != _AS_THE_PANEL_SAYS:
            performance = replace(performance, seed=self.take)
        return bake.make_request(context.scene, settings.target, performance, settings.start_frame, self.replace)

    def _finish(self, scene: bpy.types.Scene, request: bake.Request, take: animation.Take) -> animation.Line:
        target = bake.apply(request, take, self.replace, self._drafts)
        if self.take != _AS_THE_PANEL_SAYS:
            scene.blendshape_talker.take = self.take
        line = animation.find_line(target, take.recording, take.start_frame)
        told = target.name, line.name, emotions.spoken(line), came_out(line)
        words = translated("{} speaks {}, {}, {}").format(*told)
        if viewing.play_in_step(scene):
            words += translated("; playback now follows the sound, and scrubbing is heard")
        self.report({"INFO"}, words)
        doubts = [
            *take.about.get("warnings", ()),
            *filter(None, [doubt(line), sound.unheard(scene, line.uid)]),
            *animation.unseen(target, scene),
        ]
        if doubts:
            self.report({"WARNING"}, "; ".join(dict.fromkeys(doubts)))
        return line


class BakeReplacing(bpy.types.Operator):
    """The line was edited by hand. Bake it all the same; the edited Actions stay in the file"""

    bl_idname = "blendshape_talker.bake_replacing"
    bl_label = "Bake over hand-made animation"
    bl_options = {"INTERNAL"}

    take: _take_property()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return Bake.poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        words = translated("No longer played: {}. Edited Actions stay in the file.")
        return context.window_manager.invoke_confirm(
            self, event, title="Bake over what was made by hand?",
            message=words.format(what_hands_made(context)),
            confirm_text="Bake",
        )  # fmt: skip

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.blendshape_talker.bake("INVOKE_DEFAULT", replace=True, take=self.take)


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


class ShowLine(bpy.types.Operator):
    """Go to a frame in which this line speaks"""

    bl_idname = "blendshape_talker.show_line"
    bl_label = "Show Line"
    bl_options = {"UNDO", "INTERNAL"}

    line: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            lines = {line.uid: line for line in animation.lines(context.scene.blendshape_talker.target)}
            if self.line not in lines:
                raise TalkerError("that line is no longer there")
            context.scene.frame_set(viewing.speaking_frame(lines[self.line]))
        return outcome


class NewLine(bpy.types.Operator):
    """Set the start frame to where the last line has ended, so that the next bake adds a line"""

    bl_idname = "blendshape_talker.new_line"
    bl_label = "Start After the Last Line"
    bl_options = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        head = context.scene.blendshape_talker.target
        return idle(cls, context, lambda: None if animation.lines(head) else "the head has no line yet")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.blendshape_talker
        settings.start_frame = max(line.frames[1] for line in animation.lines(settings.target)) + 1
        return {"FINISHED"}


CLASSES = (Bake, BakeReplacing, CancelBake, ShowLine, NewLine)
