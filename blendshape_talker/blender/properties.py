"""What the panel sets: per scene, for the running job, and the add-on's preferences."""

import bpy

from .. import devices, own_torch
from ..expression.cues import INTENSITY_RANGE
from . import animation, emotions, networks
from .addon_page import ADDON, own_torch_folder
from .languages.translations import CONTEXT, translated
from .lines.versions import PROPERTY_CALLBACKS

STRIP_SECONDS = (0.1, 600.0)
_DEVICES = {
    "auto": ("Automatic", "The fastest device that PyTorch finds"),
    "cpu": ("CPU", "Works everywhere"),
    "cuda": ("CUDA", "An NVIDIA graphics card"),
    "mps": ("Metal", "An Apple graphics processor"),
}


def shown_line(settings: "TalkerSettings") -> animation.Line | None:
    """The line of the chosen head that the sliders turn: the one at the playhead, else the nearest."""
    return animation.line_at(settings.target, settings.id_data.frame_current)


def _expression(settings: "TalkerSettings") -> float:
    if not animation.is_baked(settings.target):
        return 0.0
    return animation.expression_strength(settings.target, shown_line(settings)) or 0.0


def _set_expression(settings: "TalkerSettings", value: float) -> None:
    if animation.is_baked(settings.target):
        animation.set_expression_strength(settings.target, value, shown_line(settings))


def _speech(settings: "TalkerSettings") -> float:
    if not animation.is_baked(settings.target):
        return 0.0
    return animation.speech_strength(settings.target, shown_line(settings)) or 0.0


def _set_speech(settings: "TalkerSettings", value: float) -> None:
    if animation.is_baked(settings.target):
        animation.set_speech_strength(settings.target, value, shown_line(settings))


class TalkerSettings(bpy.types.PropertyGroup):
    """The scene's bake settings."""

    target: bpy.props.PointerProperty(
        name="Head", description="The FLAME head to animate", type=bpy.types.Object,
        **({"poll": lambda settings, item: item.type == "MESH"} if PROPERTY_CALLBACKS else {}),
    )  # fmt: skip
    audio: bpy.props.StringProperty(
        name="Recording", description="Path of the speech to animate: WAV, FLAC, OGG or MP3"
    )
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="The face that goes with the words",
        items=emotions.menu_with_auto(),
        translation_context=CONTEXT,
    )
    cues: bpy.props.StringProperty(
        name="Cues", description="Path of a table (CSV) or transcript (SRT, VTT) that says which emotion is felt when"
    )
    intensity: bpy.props.FloatProperty(
        name="Intensity", description="How much of the emotion, or of all cues, to bake; 1 is plain to see",
        default=1.0, min=INTENSITY_RANGE[0], max=INTENSITY_RANGE[1], subtype="FACTOR",
    )  # fmt: skip
    heard: bpy.props.FloatProperty(
        name="From Voice", default=0.0, min=0.0, max=1.0, subtype="FACTOR",
        description="The voice's own share in the emotion: 0 as chosen above, 1 as heard in the recording",
    )  # fmt: skip
    style: bpy.props.EnumProperty(
        name="Style", description="How the mouth is used: how far it opens and how far its corners go",
        translation_context=CONTEXT,
        items=[
            ("average", "Average", "As people do on average", 0),
            ("clear", "Clear", "Opens and widens more", 1),
            ("subdued", "Subdued", "Opens and widens less", 2),
            ("mumbling", "Mumbling", "Hardly opens; lips that meet still meet", 3),
            ("file", "From File", "A person's own: a file of the command 'style', or 5 s and more of that voice", 4),
        ],
    )  # fmt: skip
    style_file: bpy.props.StringProperty(
        name="Style File", subtype="FILE_PATH",
        description="Path of a person's speaking style (NAME.style), or of a recording of that person",
    )  # fmt: skip
    start_frame: bpy.props.IntProperty(name="Start Frame", description="Frame at which the recording starts", default=1)
    blinks: bpy.props.BoolProperty(name="Blinks", description="Let the eyes blink now and then", default=True)
    take: bpy.props.IntProperty(
        name="Take", default=0, min=0, max=9999,
        description="Another number is another performance of the same recording, in the mouth and in the face",
    )  # fmt: skip
    strip_emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="The emotion of the next strip",
        items=emotions.menu(),
        default=emotions.felt(),
        translation_context=CONTEXT,
    )
    strip_intensity: bpy.props.FloatProperty(
        name="Intensity", description="How much of the emotion the next strip shows",
        default=1.0, min=INTENSITY_RANGE[0], max=INTENSITY_RANGE[1], subtype="FACTOR",
    )  # fmt: skip
    strip_seconds: bpy.props.FloatProperty(
        name="Length", description="How long the next strip is",
        default=2.0, min=STRIP_SECONDS[0], max=STRIP_SECONDS[1], subtype="TIME_ABSOLUTE",
    )  # fmt: skip
    strips_shown: bpy.props.BoolProperty(
        name="Strips Shown", description="A bake has shown this scene's NLA strips", options={"HIDDEN"}
    )
    sound_in_step: bpy.props.BoolProperty(
        name="Sound in Step", description="A bake has let this scene's playback follow the sound", options={"HIDDEN"}
    )
    strength: bpy.props.FloatProperty(
        name="Expression Strength",
        description="How strong the expression plays in the line at the playhead: 1 as baked, 0 speech and blinks. "
        "Fade it over time with the influence of its strip in the NLA editor",
        min=0.0, max=animation.MAXIMUM_STRENGTH, subtype="FACTOR", options=set(),
        **({"get": _expression, "set": _set_expression} if PROPERTY_CALLBACKS else {}),
    )  # fmt: skip
    speech_strength: bpy.props.FloatProperty(
        name="Speech Strength",
        description="How far the mouth moves in the line at the playhead: 1 as baked, less mumbles, more exaggerates",
        min=0.0, max=animation.MAXIMUM_STRENGTH, subtype="FACTOR", options=set(),
        **({"get": _speech, "set": _set_speech} if PROPERTY_CALLBACKS else {}),
    )  # fmt: skip


class TalkerProgress(bpy.types.PropertyGroup):
    """How far the running job is; lives in the window manager and is never saved."""

    running: bpy.props.BoolProperty()
    cancel: bpy.props.BoolProperty()
    fraction: bpy.props.FloatProperty(min=0.0, max=1.0)
    message: bpy.props.StringProperty()
    testing: bpy.props.StringProperty(description="What a test of the preferences does now; empty while none runs")
    devices: bpy.props.StringProperty(description="What the last test of the devices found, line by line")


def _folder_changed(page: "TalkerPreferences", _context: bpy.types.Context) -> None:
    page.torch_found, page.torch_state = "", ""


class TalkerPreferences(bpy.types.AddonPreferences):
    """The add-on's page in Blender's preferences."""

    bl_idname = ADDON

    device: bpy.props.EnumProperty(
        name="Device",
        description="Where the networks run",
        items=[(name, *_DEVICES[name]) for name in devices.DEVICES],
        translation_context=CONTEXT,
    )

    torch_folder: bpy.props.StringProperty(
        name="PyTorch Folder", subtype="DIR_PATH", update=_folder_changed,
        description="Folder of your own with a CUDA build of PyTorch; empty for the one that the extension brings",
    )  # fmt: skip
    torch_found: bpy.props.StringProperty(options={"HIDDEN"}, description="What the check of the folder was good for")
    torch_state: bpy.props.StringProperty(options={"HIDDEN"}, description="What the check of the folder said")

    def draw(self, context: bpy.types.Context) -> None:
        state = context.window_manager.blendshape_talker
        column = self.layout.column()
        row = column.row()
        row.prop(self, "device")
        row.operator("blendshape_talker.test_devices")
        running = networks.found()
        if running and not state.devices:
            column.label(text=translated("In use: {}").format(running), icon="BLANK1", translate=False)
        for line in state.devices.splitlines():
            column.label(text=line, icon="BLANK1", translate=False)
        row = column.row()
        row.prop(self, "torch_folder")
        row.operator("blendshape_talker.check_torch")
        if self.torch_folder:
            good = bool(self.torch_found) and self.torch_found == own_torch.fingerprint(own_torch_folder(self))
            other = translated("Another PyTorch or Python than was checked")
            line = self.torch_state if good or not self.torch_found else other
            text = line or translated("Not checked yet, so not used")
            column.label(text=text, icon="CHECKMARK" if good else "ERROR", translate=False)
        if state.testing:
            column.label(text=f"{state.testing[0].upper()}{state.testing[1:]}…", icon="TIME", translate=False)
        column.label(text=versions())


def versions() -> str:
    """One line on what is installed and whether the networks are in memory; loads nothing."""
    import importlib.metadata
    import sys

    try:
        torch = own_torch.version_in_use() or importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = "missing"
    state = "loaded" if "torch" in sys.modules else "loads with the first bake"
    return f"Blender {bpy.app.version_string}, PyTorch {torch} ({state})"


CLASSES = (TalkerSettings, TalkerProgress, TalkerPreferences)
