"""The recording, and the cues that go with it, are chosen in file browsers that show nothing else."""

import os

import bpy
from bpy_extras.io_utils import ImportHelper

from ...expression.cues import read_cues
from ...expression.library import emotion_names
from ...files import check_input
from ...speech.audio import SUFFIXES
from .. import bake
from ..languages.translations import translated
from .common import idle, reported


class OpenRecording(bpy.types.Operator, ImportHelper):
    """Choose the recording that the head speaks: WAV, FLAC, OGG or MP3"""

    bl_idname = "blendshape_talker.open_recording"
    bl_label = "Open Recording"
    bl_options = {"UNDO"}

    filter_glob: bpy.props.StringProperty(default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        chosen = context.scene.blendshape_talker.audio
        if chosen:
            self.filepath = bake.absolute_path(chosen)
        return ImportHelper.invoke(self, context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            check_input(self.filepath, "a WAV, FLAC, OGG or MP3 recording")
            context.scene.blendshape_talker.audio = self.filepath
            self.report({"INFO"}, translated("Recording: {}").format(os.path.basename(self.filepath)))
        return outcome


class OpenCues(bpy.types.Operator, ImportHelper):
    """Let emotions come and go: a table (CSV: start,end,emotion) or a transcript (SRT, VTT) with [angry] in it"""

    bl_idname = "blendshape_talker.open_cues"
    bl_label = "Open Cues"
    bl_options = {"UNDO"}

    filter_glob: bpy.props.StringProperty(default="*.csv;*.srt;*.vtt", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            found = read_cues(self.filepath, emotion_names())
            context.scene.blendshape_talker.cues = self.filepath
            words = translated("{} cues in {}").format(len(found), os.path.basename(self.filepath))
            self.report({"INFO"}, words)
        return outcome


class ClearCues(bpy.types.Operator):
    """Go back to one emotion for the whole recording"""

    bl_idname = "blendshape_talker.clear_cues"
    bl_label = "Clear Cues"
    bl_options = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.blendshape_talker.cues = ""
        return {"FINISHED"}


CLASSES = (OpenRecording, OpenCues, ClearCues)
