"""Emotions on the timeline after the bake: one more, another one, and what follows when strips were moved by hand."""

from dataclasses import replace

import bpy

from ...errors import TalkerError
from ...expression.cues import INTENSITY_RANGE, Cue, CueTake, arrange
from ...expression.library import ExpressionLibrary
from .. import animation, bake, controls, emotions, motion, timeline_view
from ..addon_page import chosen_device
from ..languages.translations import CONTEXT, translated
from ..lines import checks, cues, derived
from ..lines.marks import Line
from ..properties import STRIP_SECONDS, TalkerSettings, shown_line
from .common import allowed, gone, idle, redraw, reported


def strips_problem(settings: TalkerSettings) -> str | None:
    """Why emotions on the timeline cannot be changed now, None when they can."""
    problem = animation.target_problem(settings.target) or gone(settings)
    if problem:
        return problem
    line = shown_line(settings)
    return cues.problem(line) or (checks.line_problem(line) if line else None)


def playing_line(settings: TalkerSettings) -> Line | None:
    """The line that speaks at the playhead; None between lines."""
    line, frame = shown_line(settings), settings.id_data.frame_current
    return line if line is not None and line.frames[0] <= frame <= line.frames[1] else None


def chosen_strips(settings: TalkerSettings) -> list[tuple[Line, bpy.types.NlaStrip]]:
    """The selected emotion strips of the head; without any, the one at the playhead that began last."""
    every = [(line, strip) for line in animation.lines(settings.target) for _, strip in cues.cue_strips(line)]
    selected = [item for item in every if item[1].select]
    frame = settings.id_data.frame_current
    here = [item for item in every if item[1].frame_start <= frame <= item[1].frame_end]
    return selected or here[-1:]


class _OnStrips:
    """What the operators share: when they are grey."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.blendshape_talker
        return idle(cls, context, lambda: strips_problem(settings) or cls._problem(settings))

    @classmethod
    def _problem(cls, settings: TalkerSettings) -> str | None:
        return None


class _OneEmotion(_OnStrips):
    """What those share that lay one emotion; ``SKIP_SAVE``: a button asks the panel, not the last call."""

    emotion: bpy.props.EnumProperty(
        name="Emotion",
        items=emotions.menu(),
        default=emotions.felt(),
        options={"SKIP_SAVE"},
        translation_context=CONTEXT,
    )
    intensity: bpy.props.FloatProperty(
        name="Intensity", default=1.0, min=INTENSITY_RANGE[0], max=INTENSITY_RANGE[1], subtype="FACTOR",
        options={"SKIP_SAVE"},
    )  # fmt: skip

    def _fill(self, context: bpy.types.Context) -> None:
        """What the caller leaves out is as the panel says: a button names nothing, a script what it likes."""
        for name in ("emotion", "intensity", "seconds"):
            if hasattr(self, name) and not self.properties.is_property_set(name):
                setattr(self, name, getattr(context.scene.blendshape_talker, f"strip_{name}"))

    def _take(self, context: bpy.types.Context, line: Line, cue: Cue) -> CueTake:
        seed = line.record.get("seed")
        names = derived.expression_shapes(line)
        rate = float(line.record["fps"])
        return bake.take_cue(cue, names, rate, seed if isinstance(seed, int) else 0, chosen_device(context))


class AddEmotion(_OneEmotion, bpy.types.Operator):
    """Put an emotion at the playhead: a strip in track Expression, to be moved and faded in the NLA editor"""

    bl_idname = "blendshape_talker.add_emotion"
    bl_label = "Add Emotion"
    bl_options = {"REGISTER", "UNDO"}

    seconds: bpy.props.FloatProperty(
        name="Length", default=2.0, min=STRIP_SECONDS[0], max=STRIP_SECONDS[1], subtype="TIME_ABSOLUTE",
        options={"SKIP_SAVE"},
    )  # fmt: skip

    @classmethod
    def _problem(cls, settings: TalkerSettings) -> str | None:
        return None if playing_line(settings) else "the head does not speak here; move the playhead into a line"

    def execute(self, context: bpy.types.Context) -> set[str]:
        self._fill(context)
        outcome: set[str] = set()
        with reported(self, outcome):
            settings = context.scene.blendshape_talker
            line = playing_line(settings)
            frames = cues.Frames.of(line)
            start = max(context.scene.frame_current - frames.place, 0.0) / frames.rate
            last = (line.frames[1] - frames.place + 1) / frames.rate
            asked = Cue(start, start + self.seconds, self.emotion, self.intensity)
            (cue,) = arrange([asked], max(last, start + 1 / frames.rate), ExpressionLibrary.load())
            take = self._take(context, line, cue)
            _select(settings.target, cues.add_to(settings.target, line, take))
            redraw(context)
            felt, seconds = translated(emotions.label(cue.emotion)), f"{cue.seconds:.1f}"
            self.report({"INFO"}, translated("{} for {} s from here on").format(felt, seconds))
        return outcome


class SwapEmotion(_OneEmotion, bpy.types.Operator):
    """Give the selected emotion strips, or the one at the playhead, this emotion; their places and fades stay"""

    bl_idname = "blendshape_talker.swap_emotion"
    bl_label = "Swap"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def _problem(cls, settings: TalkerSettings) -> str | None:
        return None if chosen_strips(settings) else "no emotion strip is selected in the NLA editor or at the playhead"

    def execute(self, context: bpy.types.Context) -> set[str]:
        self._fill(context)
        outcome: set[str] = set()
        with reported(self, outcome):
            target = context.scene.blendshape_talker.target
            chosen = chosen_strips(context.scene.blendshape_talker)
            for problem in filter(None, (cues.problem(line) or checks.line_problem(line) for line, _ in chosen)):
                raise TalkerError(problem)
            changed: dict[str, list] = {}
            for line, strip in chosen:
                cue = replace(cues.baked_cue(strip.action), emotion=self.emotion, intensity=self.intensity)
                (fresh,) = arrange([replace(cue, blend_in=None, blend_out=None)], cue.end, ExpressionLibrary.load())
                changed.setdefault(line.uid, []).append((strip, self._take(context, line, fresh)))
            for line in animation.lines(target):
                if line.uid in changed:
                    cues.swap(target, line, changed[line.uid])
            redraw(context)
            felt = translated(emotions.label(self.emotion)).lower()
            self.report({"INFO"}, translated("{} now {}").format(len(chosen), felt))
        return outcome


class RefreshFace(_OnStrips, bpy.types.Operator):
    """Let lips and blinks follow strips that were moved, faded or muted by hand, so that the lips still meet"""

    bl_idname = "blendshape_talker.refresh"
    bl_label = "Refresh"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            target = context.scene.blendshape_talker.target
            reduced = [line.uid for line in animation.lines(target) if derived.is_reduced(line)]
            animation.refresh(target)
            motion.follow(target)
            redraw(context)
            dense = [
                line.name for line in animation.lines(target) if line.uid in reduced and not derived.is_reduced(line)
            ]
            if dense:
                words = translated("{}: lips and blinks have a key in every frame again; Reduce Keys thins them")
                self.report({"INFO"}, words.format(", ".join(dense)))
        return outcome


class ShowStrips(bpy.types.Operator):
    """Show the strips under the head, in an NLA editor"""

    bl_idname = "blendshape_talker.show_strips"
    bl_label = "Show Strips"
    bl_options = {"UNDO", "INTERNAL"}  # as unfolding by hand is a step: a later undo does not fold them again

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        window = context.window
        is_open = window is not None and timeline_view.is_open(window)
        return allowed(cls, "an NLA editor is open already" if is_open else None) and window is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            if not timeline_view.open_beside(context.window):
                raise TalkerError("the 3D view is too low to share; open an NLA editor in another area")
        return outcome


class ResetControls(bpy.types.Operator):
    """Put all these sliders back to what was baked, and remove their keys"""

    bl_idname = "blendshape_talker.reset_controls"
    bl_label = "Reset"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.blendshape_talker
        return idle(cls, context, lambda: animation.target_problem(settings.target) or gone(settings))

    def execute(self, context: bpy.types.Context) -> set[str]:
        controls.reset(context.scene.blendshape_talker.target)
        redraw(context)
        return {"FINISHED"}


def _select(target: bpy.types.Object, chosen: bpy.types.NlaStrip) -> None:
    """Select one strip and no other, so that G moves it at once."""
    for track in target.data.shape_keys.animation_data.nla_tracks:
        for strip in track.strips:
            strip.select = strip == chosen


CLASSES = (AddEmotion, SwapEmotion, RefreshFace, ShowStrips, ResetControls)
