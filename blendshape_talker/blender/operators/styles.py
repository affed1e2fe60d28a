"""A speaking style of one's own from a line that hands have shaped, for the bakes that follow."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ...errors import TalkerError
from ...files import check_input, check_outputs
from ...job import Job
from ...speech.style import SUFFIX
from .. import animation, networks
from ..addon_page import chosen_device
from ..languages.translations import translated
from .common import idle
from .curves import line_problem
from .running import Running


class SaveStyle(Running, bpy.types.Operator, ExportHelper):
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

    def execute(self, context: bpy.types.Context) -> set[str]:
        """After the file dialog on a thread, as other long work; for scripts to the end."""
        if getattr(self, "_asks", False):
            return Running.invoke(self, context, None)
        return Running.execute(self, context)

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
        opening, width = made.gains
        words = translated("{}: the mouth opens {} times as far as the average, its corners move {} times")
        said = words.format(path.name, f"{opening:.2f}", f"{width:.2f}")
        scene = next((item for item in bpy.data.scenes if item.session_uid == self._scene), None)
        if self.choose and scene is not None:
            scene.blendshape_talker.style, scene.blendshape_talker.style_file = "file", str(path)
            said += "; " + translated("chosen for the next bake")
        self.report({"INFO"}, said)


CLASSES = (SaveStyle,)
