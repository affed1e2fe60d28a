"""A contact sheet: every blendshape, or every emotion, as a picture of the head with its name below, in one PNG."""

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from .. import pipeline
from ..errors import TalkerError
from ..expression.aperture import opening_only
from ..face import meshes
from ..files import check_input, unfinished
from ..job import Progress
from . import animation, scene_io
from .outputs import blender_at_work, whole_outputs
from .preview import render_stills

SIZE_RANGE = (16, 1024)
_COLUMNS = 8
_SAMPLES = 8
_PAPER, _INK = (0.93, 0.93, 0.92), (0.08, 0.09, 0.10)  # sRGB
# Shares of a picture's side: gap between pictures, room for a heading, height of letters
_GAP, _HEADING, _LETTERS = 0.03, 0.22, 0.09
_LETTER_WIDTH, _LINES = 0.5, 3  # of a letter's height; most lines of a caption


@dataclass(frozen=True)
class Section:
    """A part of the sheet: its heading, captions (N,) and weights (N, K) of the blendshapes, a row for each picture."""

    heading: str
    captions: Sequence[str]
    weights: np.ndarray


@dataclass(frozen=True)
class Box:
    """Text in a rectangle of the sheet: pixels from its left and upper edges."""

    text: str
    left: float
    top: float
    width: float
    height: float
    letters: float
    centred: bool = True


def write_contact_sheet(
    path: str | os.PathLike[str],
    mesh: str | os.PathLike[str] | None = None,
    emotions: bool = False,
    size: int = 176,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> Path:
    """Write a PNG with every bundled blendshape at weight 1, or every emotion at its apex, on ``mesh`` (the demo head).

    size: pixels a picture; ``notify`` gets a line on what was understood of the mesh. Closes whatever file is open.
    Raises :class:`TalkerError`.
    """
    if Path(path).suffix.lower() != ".png":
        raise TalkerError(f"{Path(path).name}: a contact sheet is a .png; name it so")
    low, high = SIZE_RANGE
    if not low <= size <= high:
        raise TalkerError(f"{size} pixels a picture are out of range; choose {low} to {high}")
    report = progress or (lambda fraction, message: None)
    if mesh:
        check_input(mesh, "a FLAME mesh")
    with whole_outputs([path], [mesh]) as (temporary,), blender_at_work():
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        if mesh:
            target, note = scene_io.import_head(bpy.context, mesh)
            if note and notify:
                notify(f"{mesh}: {note}")
        else:
            target = scene_io.add_demo_head(bpy.context)
        report(0.0, "loading the networks")
        networks = pipeline.Expressions.load("cpu")
        sections = emotion_sections(networks) if emotions else shape_sections(networks)
        render_sheet(target, networks.fusion_model.blendshapes, sections, temporary, size, progress=progress)
    report(1.0, "done")
    return Path(path)


def shape_sections(networks: pipeline.Expressions) -> list[Section]:
    """The neutral head and the speech shapes; the expression shapes. Each at weight 1."""
    names, count = networks.fusion_model.names, networks.fusion_model.speech_count
    alone = np.eye(len(names), dtype=np.float32)
    speech = np.concatenate([np.zeros_like(alone[:1]), alone[:count]])
    return [
        Section("speech", ["neutral", *(name.removeprefix("speech ") for name in names[:count])], speech),
        Section("expression", [name.removeprefix("expression ") for name in names[count:]], alone[count:]),
    ]


def emotion_sections(networks: pipeline.Expressions) -> list[Section]:
    """The bundled emotions at intensity 1 as a bake shows them with nothing said: through the fusion module."""
    library, fusion = networks.library, networks.fusion_model
    apexes = np.stack([emotion.apex for emotion in library.emotions.values()])
    shapes = fusion.blendshapes[fusion.speech_count :]
    expression = opening_only(shapes, fusion.weights(apexes, library.basis, "expression"))
    silence = np.zeros((len(expression), fusion.speech_count), np.float32)
    return [Section("emotions", library.names, np.concatenate([silence, expression], axis=1))]


def render_sheet(
    target: bpy.types.Object,
    blendshapes: np.ndarray,
    sections: Sequence[Section],
    path: str | os.PathLike[str],
    size: int,
    samples: int = _SAMPLES,
    progress: Progress | None = None,
) -> None:
    """Write the sheet of ``sections`` to ``path``; ``target`` keeps the pictures as frames of its animation.

    blendshapes (K, 5023, 3): metres, FLAME's order; size: pixels a picture; samples: Cycles' per pixel.
    """
    report = progress or (lambda fraction, message: None)
    weights = np.concatenate([section.weights for section in sections])
    fit = meshes.fit_to_canonical(animation.rest_vertices(target))
    names = [f"shape {index}" for index in range(len(blendshapes))]
    deltas = meshes.transform_deltas(blendshapes, fit)
    animation.write_take(target, animation.Take(names, len(names), deltas, weights))
    places, boxes, shape = _layout(sections, size)
    with unfinished(Path(tempfile.gettempdir())) as folder:
        made = render_stills(
            target, folder, (1, len(weights)), size, samples, close=True,
            progress=lambda fraction, message: report(0.02 + 0.93 * fraction, message),
        )  # fmt: skip
        report(0.95, "lettering")
        sheet = _paper(boxes, shape, Path(folder) / "paper.png")
        for picture, (left, top) in zip(made, places, strict=True):
            sheet[top : top + size, left : left + size] = _read_pixels(picture)[:size, :size]
    _write_pixels(sheet, path)


def _layout(sections: Sequence[Section], size: int) -> tuple[list[tuple[int, int]], list[Box], tuple[int, int]]:
    """(left, top) of every picture, the texts, (height, width) of the sheet; pixels from its upper left corner."""
    gap, heading = math.ceil(_GAP * size), math.ceil(_HEADING * size)
    letters = _LETTERS * size
    columns = min(_COLUMNS, max(len(section.captions) for section in sections))
    places, boxes, top = [], [], gap
    width = gap + columns * (size + gap)
    for section in sections:
        boxes.append(Box(section.heading, gap, top, width - 2 * gap, heading, 1.6 * letters, centred=False))
        top += heading
        longest = max(len(text) for text in section.captions)
        lines = min(_LINES, math.ceil(longest * _LETTER_WIDTH * letters / size))
        caption = math.ceil((1.1 * lines + 0.9) * letters)
        for index, text in enumerate(section.captions):
            row, column = divmod(index, columns)
            place = (gap + column * (size + gap), top + row * (size + caption))
            places.append(place)
            below = place[1] + size + 0.3 * letters
            boxes.append(Box(text, place[0], below, size, caption - 0.6 * letters, letters))
        top += math.ceil(len(section.captions) / columns) * (size + caption)
    return places, boxes, (top + gap, width)


def _paper(boxes: Iterable[Box], shape: tuple[int, int], path: Path) -> np.ndarray:
    """(height, width, 4): the sheet without its pictures. Blender's own letters: the extension carries no others."""
    with _drawing_board(shape) as (scene, ink):
        for box in boxes:
            _letter(scene, ink, box)
        scene.render.image_settings.file_format = "PNG"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    return _read_pixels(path)


@contextmanager
def _drawing_board(shape: tuple[int, int]) -> Iterator[tuple[bpy.types.Scene, bpy.types.Material]]:
    """A scene seen from above, a unit a pixel, its upper left corner at the origin; removed on exit with all in it."""
    scene = bpy.data.scenes.new("Talker sheet")
    made: list[bpy.types.ID] = []
    try:
        world, camera = bpy.data.worlds.new("Talker sheet"), bpy.data.cameras.new("Talker sheet")
        view, ink = bpy.data.objects.new("Talker sheet", camera), bpy.data.materials.new("Talker sheet")
        made += [world, camera, view, ink]
        height, width = scene.render.resolution_y, scene.render.resolution_x = shape
        camera.type, camera.ortho_scale, camera.clip_end = "ORTHO", max(shape), 100.0
        view.location = (0.5 * width, -0.5 * height, 10.0)
        scene.collection.objects.link(view)
        scene.camera, scene.world = view, world
        for holder, kind, colour in ((world, "ShaderNodeBackground", _PAPER), (ink, "ShaderNodeEmission", _INK)):
            _of_one_colour(holder, kind, colour)
        scene.render.engine, scene.render.resolution_percentage = "CYCLES", 100
        scene.cycles.device, scene.cycles.samples, scene.cycles.max_bounces = "CPU", 16, 0
        scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
        scene.view_settings.view_transform = "Standard"
        yield scene, ink
    finally:
        letters = [item for item in scene.objects if item.type == "FONT"]
        made += letters + [item.data for item in letters]
        bpy.data.scenes.remove(scene)
        bpy.data.batch_remove(made)


def _of_one_colour(holder: bpy.types.World | bpy.types.Material, kind: str, colour: Sequence[float]) -> None:
    if holder.node_tree is None:
        holder.use_nodes = True
    nodes = holder.node_tree.nodes
    output = next(node for node in nodes if node.type.startswith("OUTPUT"))
    shader = nodes.new(kind)
    linear = [((value + 0.055) / 1.055) ** 2.4 for value in colour]
    shader.inputs["Color"].default_value = (*linear, 1.0)
    holder.node_tree.links.new(shader.outputs[0], output.inputs["Surface"])


def _letter(scene: bpy.types.Scene, ink: bpy.types.Material, box: Box) -> None:
    text = bpy.data.curves.new("Talker sheet", "FONT")
    text.body, text.size = box.text, box.letters
    text.align_x, text.align_y = "CENTER" if box.centred else "LEFT", "TOP_BASELINE"
    text.overflow = "SCALE"  # smaller letters where a name needs more room
    text.text_boxes[0].width, text.text_boxes[0].height = box.width, box.height
    text.materials.append(ink)
    item = bpy.data.objects.new("Talker sheet", text)
    item.location = (box.left, -box.top - 0.8 * box.letters, 0.0)
    scene.collection.objects.link(item)


def _read_pixels(path: str | os.PathLike[str]) -> np.ndarray:
    """(height, width, 4) float32, sRGB, upper row first."""
    image = bpy.data.images.load(str(path))
    try:
        values = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(values)
        return values.reshape(image.size[1], image.size[0], 4)[::-1]
    finally:
        bpy.data.images.remove(image)


def _write_pixels(pixels: np.ndarray, path: str | os.PathLike[str]) -> None:
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Talker sheet", width, height)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1], np.float32).ravel())
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    finally:
        bpy.data.images.remove(image)
