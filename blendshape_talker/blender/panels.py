"""Tab "Talker" in the 3D View's sidebar; draws only. What a first bake needs is in sight, the rest is folded away."""

import os

import bpy

from ..settings import AUTO
from . import animation, emotions, networks
from .addon_page import preferences
from .bake import absolute_path
from .export_formats import FORMATS
from .languages.translations import CONTEXT, translated
from .operators.baking import Bake, CancelBake, NewLine, ShowLine, bake_problem
from .operators.exporting import ExportHead
from .operators.heads import AddDemoHead, AddMouth, ImportHead
from .operators.recording import ClearCues, OpenCues, OpenRecording
from .operators.styles import StyleFromMotion
from .outcome import came_out, doubt
from .properties import TalkerSettings, shown_line

_LETTERS = 38  # that fit beside an icon at the sidebar's default width
_EXPORTS = (".fbx", ".abc", ".glb", ".usdc")


class TalkerPanel:
    """A panel of the tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Talker"


class HeadPanel(TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_head"
    bl_label = "Head"

    def draw(self, context: bpy.types.Context) -> None:
        networks.expect_bake(picked=context.scene.blendshape_talker.target is not None)
        column = self.layout.column()
        column.prop(context.scene.blendshape_talker, "target", text="", icon="USER")
        row = column.row(align=True)
        row.operator(ImportHead.bl_idname, text="Import", icon="IMPORT")
        row.operator(AddDemoHead.bl_idname, text="Demo Head", icon="ADD")
        column.operator(AddMouth.bl_idname, icon="ADD")


class SpeechPanel(TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_speech"
    bl_label = "Performance"
    bl_translation_context = CONTEXT

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.blendshape_talker
        layout = fields(self.layout, context)
        text = _file_name(settings.audio) or translated("Choose…")
        _named_button(layout, "Recording").operator(
            OpenRecording.bl_idname, text=text, icon="FILE_FOLDER", translate=False
        )
        if settings.cues:
            row = _named_button(layout, "Emotion")
            row.operator(OpenCues.bl_idname, text=_file_name(settings.cues), icon="TEXT", translate=False)
            row.operator(ClearCues.bl_idname, text="", icon="X")
        else:
            layout.prop(settings, "emotion")
        layout.prop(settings, "intensity", slider=True)


class SpeechOptionsPanel(TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_options"
    bl_parent_id = SpeechPanel.bl_idname
    bl_label = "Options"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.blendshape_talker
        layout = fields(self.layout, context)
        layout.prop(settings, "audio", text="File")
        row = layout.row(align=True)
        row.prop(settings, "start_frame")
        row.operator(NewLine.bl_idname, text="", icon="FORWARD")
        if settings.cues or settings.emotion != AUTO:
            layout.prop(settings, "heard", slider=True)
        layout.prop(settings, "style")
        if settings.style == "file":
            layout.prop(settings, "style_file")
            text = f"{translated(StyleFromMotion.bl_label)}…"
            layout.operator(StyleFromMotion.bl_idname, text=text, icon="FILE_NEW", translate=False)
        layout.prop(settings, "blinks")
        layout.prop(settings, "take")
        text = _file_name(settings.cues) or translated("None")
        _named_button(layout, "Cues").operator(OpenCues.bl_idname, text=text, icon="TEXT", translate=False)
        page = preferences(context)
        if page is not None:
            layout.prop(page, "device")


class BakePanel(TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_bake"
    bl_label = "Bake"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.blendshape_talker
        state = context.window_manager.blendshape_talker
        layout = self.layout
        row = layout.row(align=True)
        row.scale_y = 1.4
        if state.running:  # in the button's place, as high as it: nothing below has to move
            text = translated("{} (Esc stops)").format(translated(state.message[:1].upper() + state.message[1:]))
            row.progress(factor=state.fraction, text=text, type="BAR", translate=False)
            row.operator(CancelBake.bl_idname, text="", icon="X")
        else:
            problem = bake_problem(context)
            label, plan = ("Bake", "") if problem else bake_plan(settings)
            # Blender 4.3 takes the first text below for the bar that lay under the pointer, and fills it like one
            row.separator(factor=0.0)
            row.operator(Bake.bl_idname, text=label, icon="PLAY")
            if problem or plan:
                explain(layout, context, problem or plan)
        if animation.is_baked(settings.target):
            _draw_result(layout, context)


class PanelBelowBake(TalkerPanel):
    """A folded part of panel Bake: what can be done with a line that is there."""

    bl_parent_id = BakePanel.bl_idname
    bl_options = {"DEFAULT_CLOSED"}


def bake_plan(settings: TalkerSettings) -> tuple[str, str]:
    """What the Bake button would do to the lines that are there: its label, and a word where that may surprise."""
    audio = absolute_path(settings.audio)
    line = animation.find_line(settings.target, audio, settings.start_frame)
    if line is None:
        plan = animation.plan(settings.target, audio, settings.start_frame)
        return ("Bake Another Line", plan if plan != translated("adds a line") else "") if plan else ("Bake", "")
    if line.record.get("recording") == audio:
        return "Bake Again", ""
    return "Bake", translated("takes the place of {}; choose another start frame to keep both").format(line.name)


def _draw_result(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the head speaks, what keeps it from being seen, and how strong it plays."""
    settings = context.scene.blendshape_talker
    lines, shown = animation.lines(settings.target), shown_line(settings)
    layout = layout.column()
    layout.enabled = not context.window_manager.blendshape_talker.running
    column = layout.column(align=True)
    for line in lines:
        text = f"{line.name}, {emotions.spoken(line)}"
        icon = "LAYER_ACTIVE" if line.uid == shown.uid and len(lines) > 1 else "SPEAKER"
        column.operator(ShowLine.bl_idname, text=text, icon=icon, translate=False).line = line.uid
        words = came_out(line)
        for part in [words] if len(words) <= _LETTERS else words.split(", "):
            column.label(text=part[0].upper() + part[1:], icon="BLANK1", translate=False)
    for hint in animation.unseen(settings.target, context.scene)[:2]:
        explain(layout, context, hint, icon="ERROR")
    warnings = [*(shown.record.get("warnings") or []), doubt(shown)] if shown else []
    for warning in [str(warning) for warning in warnings if warning][:2]:
        explain(layout, context, warning, icon="ERROR")
    column = layout.column(align=True)
    for name, value in (
        ("strength", animation.expression_strength(settings.target, shown)),
        ("speech_strength", animation.speech_strength(settings.target, shown)),
    ):
        if value is not None:
            column.prop(settings, name, slider=True)


class ExportPanel(TalkerPanel, bpy.types.Panel):
    bl_idname = "VIEW3D_PT_blendshape_talker_export"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        grid = layout.grid_flow(columns=2, even_columns=True, align=True)
        missing = []
        for suffix in _EXPORTS:
            cell = grid.row(align=True)
            cell.enabled = FORMATS[suffix].available
            if not cell.enabled:
                missing.append(FORMATS[suffix].label)
            cell.operator(ExportHead.bl_idname, text=FORMATS[suffix].label).filename_ext = suffix
        if missing:
            formats = translated(" and no ").join(missing)
            explain(layout, context, translated("this Blender has no {} export").format(formats))
        if not animation.is_baked(context.scene.blendshape_talker.target):
            explain(layout, context, "bake first; then the head can be exported")


def fields(layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.UILayout:
    """A column of named fields, grey while a bake runs."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.enabled = not context.window_manager.blendshape_talker.running
    return layout.column()


def _named_button(layout: bpy.types.UILayout, name: str) -> bpy.types.UILayout:
    """A row for a button that stands under the fields like one of them."""
    row = layout.split(factor=0.4)
    left = row.row()
    left.alignment = "RIGHT"
    left.label(text=name)
    return row.row(align=True)


def _file_name(path: str) -> str:
    return os.path.basename(path.replace("\\", "/"))


def _sentence(settings: TalkerSettings, text: str) -> str:
    """The text with a capital letter; a name of head or recording that it begins with stays as it is spelled."""
    names = [settings.audio, *(line.name for line in animation.lines(settings.target))]
    names += [settings.target.name] if settings.target else []
    named = any(name and text.startswith((f"{name} ", f"{name}:")) for name in names)
    return text if named else text[:1].upper() + text[1:]


def explain(layout: bpy.types.UILayout, context: bpy.types.Context, reason: str, icon: str = "INFO") -> None:
    """Say why something is grey, in as many short lines as the sidebar's width asks for."""
    width = max(20, int(context.region.width / (7.5 * context.preferences.system.ui_scale)))
    column = layout.column(align=True)
    column.scale_y = 0.8
    line = ""
    for word in _sentence(context.scene.blendshape_talker, translated(reason)).split():
        if line and len(line) + len(word) + 1 > width - 6:
            column.label(text=line, icon=icon, translate=False)
            line, icon = "", "BLANK1"
        line = f"{line} {word}".strip()
    column.label(text=line, icon=icon, translate=False)


CLASSES = (HeadPanel, SpeechPanel, SpeechOptionsPanel, BakePanel, ExportPanel)
