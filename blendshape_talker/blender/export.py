"""FBX, Alembic, glTF and USD of one animated head, its whole take; the scene is afterwards as it was."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ..errors import TalkerError
from . import animation, appearance
from .export_check import check_export
from .export_formats import ALEMBIC, FBX, Format, format_of
from .frame_shift import shifted
from .joints import joints_of
from .languages.translations import error_said, translated
from .lines import checks
from .mouth import mouths_of
from .outputs import whole_outputs, without_tracebacks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choices:
    """What a person may choose of an export.

    frames: first and last, the head's whole take (:func:`take_range`) if None; attached: the meshes that hang on the
    head and are seen go with it; plain_scale: an FBX whose objects have a scale of 1, for Unity and Unreal, which show
    Blender's own as 100.
    """

    frames: tuple[int, int] | None = None
    attached: bool = True
    plain_scale: bool = False


def export_head(
    context: bpy.types.Context, target: bpy.types.Object, path: str | os.PathLike[str], choices: Choices = Choices()
) -> Path:
    """Write ``target`` with its animation to ``path``; complete, looked at afterwards, or not at all.

    The frames are the head's own, whatever the scene's range is, unless chosen otherwise; frames before 0 begin at 0 in
    the file, which is as far as the formats reach. A head that is hidden by eye, monitor, camera or collection is
    exported all the same.
    """
    chosen = format_of(path)
    if choices.plain_scale and chosen is FBX:
        chosen = replace(chosen, options={**chosen.options, "apply_scale_options": "FBX_SCALE_ALL"})
    holders = _holders(target)
    armature = joints_of(target)
    _check_that_it_plays(target, [holder for holder in holders if holder != armature])
    if animation.is_stale(target):
        animation.refresh(target)
    first, last = choices.frames or take_range(context.scene, target)
    shift = max(0, -first)  # a take that begins before frame 0 begins at 0 in the file
    keys = target.data.shape_keys
    with whole_outputs([path]) as (temporary,):
        with (
            _only(context, target, [armature] if armature else [], _attached(target) if choices.attached else []),
            _shown(context, _hidden_mouths(target) if choices.attached else []),
            appearance.plain(target),
            shifted(holders, shift),
            _frames(context.scene, first + shift, last + shift),
        ):
            _run(context.scene, chosen, temporary)
        if temporary.is_file():
            shapes = len(keys.key_blocks) - 1 if keys else 0
            check_export(temporary, len(target.data.vertices), shapes, last - first + 1)
    logger.info("exported frames %d to %d to %s", first, last, path)
    return Path(path)


def take_range(scene: bpy.types.Scene, target: bpy.types.Object) -> tuple[int, int]:
    """First and last frame in which ``target`` or its shape keys are animated; the scene's range where nothing is."""
    spans: list[tuple[float, float]] = []
    for data in (holder.animation_data for holder in _holders(target)):
        if data is None:
            continue
        if data.action is not None:
            spans.append(tuple(data.action.frame_range))
        for track in data.nla_tracks:
            spans += [(strip.frame_start, strip.frame_end) for strip in track.strips if not _is_rest(strip)]
    if not spans:
        return scene.frame_start, scene.frame_end
    return int(np.floor(min(start for start, _ in spans))), int(np.ceil(max(end for _, end in spans)))


def _holders(target: bpy.types.Object) -> list[bpy.types.ID]:
    """What of a head can be animated."""
    holders = (target, target.data, target.data.shape_keys, joints_of(target))
    return [holder for holder in holders if holder is not None]


def _check_that_it_plays(target: bpy.types.Object, holders: list[bpy.types.ID]) -> None:
    """Raise :class:`TalkerError` where a take is there and none of it would reach the file."""
    animated = [holder.animation_data for holder in holders if holder.animation_data is not None]
    if any(data.use_tweak_mode for data in animated):
        words = "a strip of {} is being tweaked; press Tab in the NLA editor first"
        raise TalkerError(translated(words).format(target.name))
    tracks = [(data, track) for data in animated for track in data.nla_tracks if len(track.strips)]
    plays = any(data.use_nla and not track.mute for data, track in tracks)
    if tracks and not plays and not any(data.action for data in animated):
        words = "the animation of {} is muted; switch its NLA tracks on first"
        raise TalkerError(translated(words).format(target.name))


def _is_rest(strip: bpy.types.NlaStrip) -> bool:
    """True for the strip of ours that only holds the face at rest below the others."""
    return animation.is_rest(strip)


def _attached(target: bpy.types.Object) -> list[bpy.types.Object]:
    armature = joints_of(target)
    hanging = {*target.children_recursive, *(armature.children_recursive if armature else ())} - {target}
    return [item for item in hanging if item.type == "MESH" and item.visible_get()]


def _hidden_mouths(target: bpy.types.Object) -> list[bpy.types.Object]:
    """The head's mouths that are hidden with it, by a collection, and not by a switch of their own."""
    own = [item for item in mouths_of(target) if not (item.hide_get() or item.hide_viewport)]
    return [item for item in own if not item.visible_get()]


def _run(scene: bpy.types.Scene, chosen: Format, path: Path) -> None:
    """Call the operator for what is selected; :class:`TalkerError` when it refuses."""
    options = dict(chosen.options)
    if chosen is ALEMBIC:
        options.update(start=scene.frame_start, end=scene.frame_end)
    operator = getattr(getattr(bpy.ops, chosen.module), chosen.name)
    known = operator.get_rna_type().properties.keys()
    try:
        with without_tracebacks():
            outcome = operator(filepath=str(path), **{name: value for name, value in options.items() if name in known})
    except RuntimeError as error:  # an operator's ERROR report
        raise TalkerError(translated("{} export failed: {}").format(chosen.label, _one_line(error))) from error
    if "FINISHED" not in outcome:
        raise TalkerError(translated("{} export stopped; see Blender's console for the reason").format(chosen.label))


@contextmanager
def _frames(scene: bpy.types.Scene, first: int, last: int) -> Iterator[None]:
    """The scene's range is ``first`` to ``last`` (>= 0) inside; range, preview range and step as before after."""
    kept = scene.frame_start, scene.frame_end, scene.use_preview_range, scene.frame_step
    try:
        scene.use_preview_range, scene.frame_step = False, 1
        # either bound pushes the other one along
        scene.frame_start, scene.frame_end = first, last
        yield
    finally:
        scene.frame_start, scene.frame_end = kept[0], kept[1]
        scene.use_preview_range, scene.frame_step = kept[2:]


@contextmanager
def _only(
    context: bpy.types.Context,
    target: bpy.types.Object,
    joints: Sequence[bpy.types.Object],
    attached: Sequence[bpy.types.Object],
) -> Iterator[None]:
    """Only ``target``, active, and its ``joints``, all visible, and what is ``attached`` selected inside; selection,
    active object and frame as before afterwards."""
    scene, layer = context.scene, context.view_layer
    if not checks.is_in(scene, target):
        raise TalkerError(translated("{} is not in this scene; switch to its scene").format(target.name))
    if target.mode != "OBJECT":
        raise TalkerError(checks.mode_problem(target))
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        with ExitStack() as stack:
            for item in (target, *joints):
                stack.enter_context(_seen(context, item))
            selected = [item for item in layer.objects if item.select_get(view_layer=layer)]
            active = layer.objects.active
            try:
                for item in layer.objects:
                    item.select_set(item == target or item in joints or item in attached, view_layer=layer)
                layer.objects.active = target
                yield
            finally:
                for item in layer.objects:
                    item.select_set(item in selected, view_layer=layer)
                layer.objects.active = active
    finally:
        layer.update()
        scene.frame_set(frame, subframe=subframe)


@contextmanager
def _seen(context: bpy.types.Context, item: bpy.types.Object) -> Iterator[None]:
    """``item`` listed, visible and selectable inside, whatever hides it; as before afterwards."""
    scene, layer = context.scene, context.view_layer
    # the scene's own collection cannot be excluded or hidden: what is linked there shows, whatever hides its others
    linked = item.name not in scene.collection.objects
    hidden, eye = (item.hide_viewport, item.hide_render, item.hide_select), False
    try:
        if linked:
            scene.collection.objects.link(item)
        item.hide_viewport = item.hide_render = item.hide_select = False
        layer.update()  # an object linked a moment ago is not listed yet
        eye = item.hide_get(view_layer=layer)
        item.hide_set(False, view_layer=layer)
        yield
    finally:
        if item.name in layer.objects:
            item.hide_set(eye, view_layer=layer)
        item.hide_viewport, item.hide_render, item.hide_select = hidden
        if linked:
            scene.collection.objects.unlink(item)


@contextmanager
def _shown(context: bpy.types.Context, others: Sequence[bpy.types.Object]) -> Iterator[None]:
    """``others``, hidden by their collections, visible and selected inside; their places as before afterwards."""
    scene, layer = context.scene, context.view_layer
    linked = [item for item in others if item.name not in scene.collection.objects]
    try:
        for item in linked:
            scene.collection.objects.link(item)
        layer.update()
        for item in others:
            item.select_set(True, view_layer=layer)
        yield
    finally:
        for item in linked:
            scene.collection.objects.unlink(item)
        layer.update()


def _one_line(error: Exception) -> str:
    """The last line that says something: the message after a Python traceback, which Blender ends with a location."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Location:")]
    full = re.fullmatch(r"OSError: \[Errno \d+\] ([^:]+).*", lines[-1]) if lines else None
    if full:
        return translated("{}; free some space or name another file").format(full[1])
    return error_said(lines[-1]) if lines else type(error).__name__
