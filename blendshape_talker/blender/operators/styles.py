"""A speaking style of one's own for the bakes that follow: from a line that hands have shaped, or from a capture."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...errors import TalkerError
from ...files import check_input, check_outputs
from ...job import Job
from ...speech.style import SUFFIX, Style
from .. import animation, networks
from ..addon_page import chosen_device
from ..bake import absolute_path
from ..languages.translations import translated
from .common import idle
from .curves import line_problem
from .running import Running


class _AfterDialog(Running):
    """Asks for a file first; then the work goes on a thread, for scripts, which name the file, to the end."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """What Blender calls when the file dialog ends, and for scripts."""
        return Running.invoke(self, context, None) if getattr(self, "_asks", False) else Running.execute(self, context)


class SaveStyle(_AfterDialog, bpy.types.Operator, ExportHelper):
    """Save how this line moves the mouth, with your keys in it, as a speaking style for other recordings"""

    bl_idname = "blendshape_talker.save_style"
    bl_label = "Save as Style"
    bl_options = {"UNDO"}

    filename_ext = SUFFIX
    filter_glob: bpy.props.StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})
    choose: bpy.props.BoolProperty(
        name="Use for Next Bake", description="Choose this style for the next bake, under Options", default=True
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return idle(cls, context, lambda: line_problem(context))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._asks = True
        line = animation.line_at(context.scene.blendshape_talker.target, context.scene.frame_current)
        self.filepath = self.filepath or bpy.path.clean_name(line.name) + SUFFIX
        return ExportHelper.invoke(self, context, event)

    def _begin(self, context: bpy.types.Context) -> Job:
        from ..style_of_line import mouth_of  # with all that looks at curves: enabling the add-on goes without

        settings = context.scene.blendshape_talker
        line = animation.line_at(settings.target, context.scene.frame_current)
        recording = str(line.record.get("recording"))
        check_input(recording, "the recording that was baked: bake it again from where it lies now")
        self._path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), SUFFIX)
        if Path(self._path).stem in ("", SUFFIX):
            raise TalkerError("no file named; choose one for the style")
        check_outputs([self._path], [recording])
        self._scene = context.scene.session_uid
        seen, device, name = mouth_of(settings.target, line), chosen_device(context), Path(self._path).stem
        fps = float(line.record["fps"])

        def work(progress, cancelled):
            progress(0.0, "loading the networks")
            listener = networks.talker(device).listener
            return listener.fit_style(name, recording, seen, progress, cancelled, fps)

        return Job(work).start()

    def _end(self, context: bpy.types.Context, made, shown: bool) -> None:
        path = made.save(self._path)
        said = _gains_of(path.name, made)
        if self.choose:
            _choose(self._scene, path)
            said += "; " + translated("chosen for the next bake")
        self.report({"INFO"}, said)


class StyleFromMotion(_AfterDialog, bpy.types.Operator, ImportHelper):
    """Make a speaking style of the chosen recording and its captured motion: curves of Live Link Face, weights of
    animate, or vertices. It is written beside the motion"""

    bl_idname = "blendshape_talker.style_from_motion"
    bl_label = "Make from Motion"
    bl_options = {"UNDO"}

    filter_glob: bpy.props.StringProperty(default="*.csv;*.npz;*.npy", options={"HIDDEN"})
    fps: bpy.props.FloatProperty(
        name="Frame Rate", description="Frames a second of the motion where its file does not tell", default=60.0,
        min=5.0, max=240.0, precision=2,
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        unheard = "choose the recording that goes with the motion first"
        return idle(cls, context, lambda: None if context.scene.blendshape_talker.audio else unheard)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._asks = True
        return ImportHelper.invoke(self, context, event)

    def _begin(self, context: bpy.types.Context) -> Job:
        settings = context.scene.blendshape_talker
        recording, motion = absolute_path(settings.audio), bpy.path.abspath(self.filepath)
        check_input(recording, "a recording")
        check_input(motion, "a file of motion")
        self._path = Path(motion).with_suffix(SUFFIX)
        if self._path.exists():
            Style.load(self._path)  # what is no style is not replaced
        check_outputs([self._path], [recording, motion])
        self._scene, self._notes, name = context.scene.session_uid, [], self._path.stem
        device, fps, notes = chosen_device(context), self.fps, self._notes

        def work(progress, cancelled):
            progress(0.0, "loading the networks")
            listener = networks.talker(device).listener
            return listener.style_of(name, recording, motion, fps, notes.append, progress, cancelled)

        return Job(work).start()

    def _end(self, context: bpy.types.Context, made, shown: bool) -> None:
        path = made.save(self._path)
        _choose(self._scene, path)
        notes = [note.removeprefix(f"{bpy.path.abspath(self.filepath)}: ") for note in self._notes]
        self.report({"INFO"}, "; ".join([_gains_of(path.name, made), *notes]))


def _gains_of(name: str, made: Style) -> str:
    words = translated("{}: the mouth opens {} times as far as the average, its corners move {} times")
    return words.format(name, *(f"{gain:.2f}" for gain in made.gains))


def _choose(scene_uid: int, path: Path) -> None:
    """Let the scene, if it is still there, speak in the style of a file from the next bake on."""
    scene = next((item for item in bpy.data.scenes if item.session_uid == scene_uid), None)
    if scene is not None:
        scene.blendshape_talker.style, scene.blendshape_talker.style_file = "file", str(path)


CLASSES = (SaveStyle, StyleFromMotion)
