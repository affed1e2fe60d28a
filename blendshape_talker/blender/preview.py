"""A picture or a video of the talking head: its own scene with camera and lights, gone again afterwards."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

from ..errors import TalkerError
from ..job import Progress
from . import appearance
from .joints import joints_of
from .lines import sound
from .lines.marks import own_strips
from .lines.versions import denoise_fast, write_video
from .motion import TURNS, resting_matrix
from .mouth import mouths_of
from .outputs import whole_outputs
from .scene_io import UPRIGHT, place_on_canonical

logger = logging.getLogger(__name__)

# Where the camera looks, m, Blender's axes, and its lens, mm; the head stands at the origin and looks along -y
_HEAD = (Vector((0.013, -0.016, -0.012)), 112.0)
_FACE = (Vector((0.012, -0.06, -0.008)), 185.0)
_DISTANCE, _YAW, _HEIGHT = 0.95, math.radians(16.0), 0.015
# Area lights: place, power in W, size in m, colour. Key from the front left, soft fill, two rims that cut the outline
_LIGHTS = (
    ((-0.50, -0.75, 0.55), 11.0, 0.50, (1.0, 0.94, 0.87)),
    ((0.85, -0.65, 0.05), 3.2, 0.90, (0.88, 0.94, 1.0)),
    ((0.45, 0.65, 0.45), 11.0, 0.35, (1.0, 0.97, 0.93)),
    ((-0.60, 0.55, 0.25), 5.0, 0.40, (0.85, 0.92, 1.0)),
)
_BACKGROUND = (0.115, 0.13, 0.15, 1.0)


def render_still(
    target: bpy.types.Object, path: str | os.PathLike[str], frame: int, resolution: int = 512, samples: int = 24
) -> Path:
    """Write a PNG of ``target`` at ``frame`` of its animation, ``resolution`` pixels square."""
    with whole_outputs([path]) as (temporary,):
        (made,) = render_stills(target, temporary.parent, (frame, frame), resolution, samples)
        made.rename(temporary)
    return Path(path)


def render_stills(
    target: bpy.types.Object,
    folder: str | os.PathLike[str],
    frames: tuple[int, int],
    resolution: int = 512,
    samples: int = 24,
    close: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write a PNG of ``target`` for every frame, first to last, into ``folder``; ``close``: the face fills it."""
    with _studio(target, resolution, samples, _FACE if close else _HEAD) as scene:
        # an animation even of one frame: a still render of a scene that is not the active one ignores its animation
        scene.frame_start, scene.frame_end = frames
        scene.render.image_settings.file_format = "PNG"
        scene.render.filepath = str(Path(folder) / "frame_######")
        with _reported(scene, "rendering the pictures", progress):
            bpy.ops.render.render(animation=True, scene=scene.name)
    return sorted(Path(folder).glob("frame_*.png"))


def render_preview(
    target: bpy.types.Object,
    path: str | os.PathLike[str],
    frames: tuple[int, int],
    frame_rate: tuple[int, float],
    audio: str | os.PathLike[str] | None = None,
    audio_frame: int | None = None,
    resolution: int = 400,
    samples: int = 4,
    progress: Progress | None = None,
) -> Path:
    """Write an MP4 (H.264; AAC sound where the build can) of ``target``; complete or not at all.

    frames: first and last; frame_rate: Blender's (fps, fps_base); audio: the recording, which starts at
    ``audio_frame`` (the first frame unless given); resolution: pixels, square; samples: Cycles' per pixel.
    Thirty frames of the default size cost 42 s of one core.
    """
    if Path(path).suffix.lower() != ".mp4":
        raise TalkerError(f"{Path(path).name}: a preview is an .mp4; name it so")
    if not bpy.app.build_options.codec_ffmpeg:
        raise TalkerError("this Blender cannot write video; use a build from blender.org or leave the preview out")
    first, last = frames
    with whole_outputs([path]) as (temporary,), _studio(target, resolution, samples) as scene:
        scene.frame_start, scene.frame_end = first, last
        scene.render.fps, scene.render.fps_base = frame_rate
        if audio is not None:
            sound.add_sound(scene, audio, first if audio_frame is None else audio_frame)
        _as_video(scene)
        scene.render.filepath = str(temporary)
        with _reported(scene, "rendering the preview", progress):
            bpy.ops.render.render(animation=True, scene=scene.name)
    return Path(path)


def _as_video(scene: bpy.types.Scene) -> None:
    write_video(scene.render.image_settings)
    video = scene.render.ffmpeg
    video.format, video.codec = "MPEG4", "H264"
    video.constant_rate_factor, video.ffmpeg_preset = "HIGH", "GOOD"
    video.audio_codec, video.audio_bitrate = "AAC", 160


@contextmanager
def _studio(
    target: bpy.types.Object, resolution: int, samples: int, view: tuple[Vector, float] = _HEAD
) -> Iterator[bpy.types.Scene]:
    """A scene with a copy of ``target`` standing upright in metres, camera and lights on its face; removed on exit."""
    scene = bpy.data.scenes.new("Talker preview")
    made: list[bpy.types.ID] = []
    world = bpy.data.worlds.new("Talker preview")
    try:
        place = UPRIGHT @ place_on_canonical(target)
        head = target.copy()  # shares mesh and shape keys, so it plays the same animation
        made.append(head)
        head.parent = None
        head.constraints.clear()
        if target.get(TURNS):
            made.append(_turning(scene, head, place))
        else:
            head.animation_data_clear()
            head.matrix_world = place
        head.hide_render = False
        scene.collection.objects.link(head)
        if not any(slot.material for slot in target.material_slots):
            skin = appearance.plain_skin("Talker preview skin")
            made.append(skin)
            scene.view_layers[0].material_override = skin
        made += _camera_and_lights(scene, *view)
        made += _mouths(scene, target, head)
        skins = [item for item in made if isinstance(item, bpy.types.Object) and item.type == "MESH"]
        made += _joints(scene, target, skins, place)
        scene.world = world
        _background(world)
        _cycles(scene, resolution, samples)
        yield scene
    finally:
        sound.clear(scene)
        bpy.data.scenes.remove(scene)
        armature = joints_of(target)
        shared = {target.data, *(item.data for item in mouths_of(target)), *([armature.data] if armature else [])}
        equipment = [item for item in made if isinstance(item, bpy.types.Object) and item.data not in shared]
        materials = [material for item in equipment if item.type == "MESH" for material in item.data.materials]
        bpy.data.batch_remove({*made, *materials, *(item.data for item in equipment if item.data), world})


def _camera_and_lights(scene: bpy.types.Scene, look_at: Vector, lens: float) -> list[bpy.types.Object]:
    camera = bpy.data.cameras.new("Talker preview")
    camera.lens, camera.clip_start = lens, 0.01
    made = [bpy.data.objects.new("Talker preview camera", camera)]
    made[0].location = (_DISTANCE * math.sin(_YAW), -_DISTANCE * math.cos(_YAW), _HEIGHT)
    for place, power, size, colour in _LIGHTS:
        light = bpy.data.lights.new("Talker preview", "AREA")
        light.energy, light.size, light.color = power, size, colour
        made.append(bpy.data.objects.new("Talker preview light", light))
        made[-1].location = place
    for item in made:
        direction = (look_at if item is made[0] else _HEAD[0]) - item.location
        item.matrix_world = Matrix.Translation(item.location) @ direction.to_track_quat("-Z", "Y").to_matrix().to_4x4()
        scene.collection.objects.link(item)
    scene.camera = made[0]
    return made


def _mouths(scene: bpy.types.Scene, target: bpy.types.Object, head: bpy.types.Object) -> list[bpy.types.Object]:
    """Copies of the target's mouths on its copy ``head``; they follow the target's shape keys, which it shares."""
    made = []
    for item in mouths_of(target):
        made.append(item.copy())
        made[-1].parent = head
        made[-1].hide_render = False
        scene.collection.objects.link(made[-1])
    return made


def _joints(
    scene: bpy.types.Scene, target: bpy.types.Object, skins: list[bpy.types.Object], place: Matrix
) -> list[bpy.types.Object]:
    """A copy of the target's armature at ``place`` that plays the same animation and moves ``skins``."""
    armature = joints_of(target)
    if armature is None:
        return []
    made = []
    made.append(armature.copy())
    made[0].parent = None
    made[0].matrix_world = place
    scene.collection.objects.link(made[0])
    for modifier in (modifier for item in skins for modifier in item.modifiers if modifier.type == "ARMATURE"):
        modifier.object = made[0]
    return made


def _turning(scene: bpy.types.Scene, head: bpy.types.Object, place: Matrix) -> bpy.types.Object:
    """An empty that brings ``head`` to ``place`` and lets it turn there as it speaks; what else moves it is dropped."""
    data = head.animation_data
    if data is not None:
        data.action = None
        ours = [track for track, _, _ in own_strips(head)]
        for track in [track for track in data.nla_tracks if track not in ours]:
            data.nla_tracks.remove(track)
        for driver in list(data.drivers):
            data.drivers.remove(driver)
    empty = bpy.data.objects.new("Talker preview", None)
    scene.collection.objects.link(empty)
    empty.matrix_world = place @ resting_matrix(head).inverted()
    head.parent, head.matrix_parent_inverse = empty, Matrix()
    return empty


def _background(world: bpy.types.World) -> None:
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = _BACKGROUND
    background.inputs["Strength"].default_value = 0.7


def _cycles(scene: bpy.types.Scene, resolution: int, samples: int) -> None:
    # Cycles and not EEVEE or Workbench: those need a GPU context, and 4.2 as a module crashes at exit after them
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x = render.resolution_y = resolution + resolution % 2  # H.264 wants even sides
    render.resolution_percentage = 100
    cycles.device, cycles.samples, cycles.max_bounces = "CPU", samples, 3
    cycles.use_denoising = True
    # guides without a pass of their own: a third of the time, no difference to see on a face
    cycles.denoising_prefilter = "NONE"
    denoise_fast(cycles)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"


@contextmanager
def _reported(scene: bpy.types.Scene, message: str, progress: Progress | None) -> Iterator[None]:
    total = scene.frame_end - scene.frame_start + 1

    def after_frame(rendered: bpy.types.Scene, *_) -> None:
        done = rendered.frame_current - scene.frame_start + 1
        progress(done / total, message)

    if progress is None:
        yield
        return
    bpy.app.handlers.render_write.append(after_frame)
    try:
        yield
    finally:
        bpy.app.handlers.render_write.remove(after_frame)
