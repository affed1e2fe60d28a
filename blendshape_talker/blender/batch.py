"""A bake without a screen: a recording in, a .blend and exports out; what ``bake`` of the command line calls."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
from mathutils import Quaternion

from ..errors import TalkerError
from ..expression.cues import Cue
from ..expression.library import emotion_names
from ..files import check_input
from ..job import Progress
from ..settings import check_settings
from ..speech.style import AVERAGE
from . import animation, bake, fewer_keys, motion, scene_io
from .export import export_head
from .export_formats import format_of
from .joints import add_joints
from .outputs import blender_at_work, whole_outputs
from .preview import render_preview

_PREVIEW_SECONDS = 5.0


def bake_to_files(
    audio: str | os.PathLike[str],
    out: str | os.PathLike[str],
    mesh: str | os.PathLike[str] | None = None,
    emotion: str = "neutral",
    intensity: float = 1.0,
    fps: float = 30.0,
    blinks: bool = True,
    seed: int = 0,
    device: str = "auto",
    exports: Sequence[str | os.PathLike[str]] = (),
    preview: str | os.PathLike[str] | None = None,
    preview_seconds: float = _PREVIEW_SECONDS,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
    cues: Sequence[Cue] | None = None,
    neutralise: bool = False,
    reduce: float | None = None,
    joints: bool = False,
    turn: bool = False,
    heard: float | None = None,
    style: str = AVERAGE,
) -> list[Path]:
    """Bake ``audio`` onto ``mesh`` (the demo head if None) in an empty file and write all outputs, or none of them.

    out: a .blend; exports: .fbx, .abc, .glb, .usdc …; preview: an .mp4 of the first ``preview_seconds``.
    ``notify`` gets a line on what was understood and handled, such as a mesh in millimetres, and on what is doubtful.
    neutralise: take the mesh's own expression out; reduce: mm by which few Bézier keys may be off; joints: give the
    head an armature, so that it moves; turn: turn it as an object instead; heard: the voice's share in the
    emotion; style: a name or file of :func:`speech.style.named`. Returns the paths written. Closes whatever file is
    open. Raises :class:`TalkerError`.
    """
    report = progress or (lambda fraction, message: None)
    if Path(out).suffix.lower() != ".blend":
        raise TalkerError(f"{Path(out).name}: a bake is a .blend; name it so")
    if preview and Path(preview).suffix.lower() != ".mp4":
        raise TalkerError(f"{Path(preview).name}: a preview is an .mp4; name it so")
    for path in exports:
        format_of(path)
    check_settings(emotion, intensity, fps, emotion_names(), cues, heard)
    if reduce is not None:
        fewer_keys.check_bound(reduce)
    check_input(audio, "a recording")
    if mesh:
        check_input(mesh, "a FLAME mesh")
    performance = bake.Performance(
        str(Path(audio).absolute()), emotion, intensity, blinks, seed, device,
        tuple(cues) if cues is not None else None, heard, style,
    )  # fmt: skip
    targets = [out, *exports, *([preview] if preview else [])]
    share = 0.25 if preview else 0.9  # of the bar for the networks; rendering takes the most of it
    with whole_outputs(targets, [audio, mesh]) as temporary, blender_at_work():
        context = bpy.context
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        context.scene.render.fps = max(1, round(fps))
        context.scene.render.fps_base = context.scene.render.fps / fps
        if mesh:
            head, note = scene_io.import_head(context, mesh, neutralise)
            if note and notify:
                notify(f"{mesh}: {note}")
        else:
            head, note = scene_io.add_demo_head(context), ""
        context.scene.frame_start = context.scene.frame_end = 1  # grows to hold the line
        if joints:
            add_joints(context, head)
        elif turn:
            head[motion.TURNS] = True
        request = bake.make_request(context.scene, head, performance)
        take = bake.compute(request, lambda fraction, message="": report(share * fraction, message), lambda: False)
        for warning in (take.about or {}).get("warnings", ()):
            if notify and warning not in note:
                notify(f"{audio}: {warning}")
        report(share, "writing shape keys and curves")
        bake.apply(request, take)
        if reduce is not None:
            report(share, "reducing keys")
            reduced = fewer_keys.reduce_line(head, animation.lines(head)[0], reduce)
            if notify:
                notify(f"{audio}: {reduced}")
        _prepare_for_viewing(context.scene)
        for path in temporary[1 : 1 + len(exports)]:
            report(share, f"exporting {path.suffix}")
            export_head(context, head, path)
        if preview:
            last = min(take.end_frame, take.start_frame + max(1, round(preview_seconds * request.frame_rate)) - 1)
            render_preview(
                head, temporary[-1], (take.start_frame, last),
                (context.scene.render.fps, context.scene.render.fps_base), audio=performance.audio,
                progress=lambda fraction, message="": report(share + (0.98 - share) * fraction, message),
            )  # fmt: skip
        report(0.98, "saving")
        _refer_to_sound_from(Path(out).absolute().parent)
        bpy.ops.wm.save_as_mainfile(
            filepath=str(temporary[0]), check_existing=False, copy=True, compress=True, relative_remap=False
        )
    report(1.0, "done")
    return [Path(path) for path in targets]


def _prepare_for_viewing(scene: bpy.types.Scene) -> None:
    """Whoever opens the file looks the head in the face, and playback keeps step with the sound."""
    scene.sync_mode = "AUDIO_SYNC"
    scene.frame_set(scene.frame_start)
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                view = area.spaces.active.region_3d
                view.view_location = (0.0, 0.0, -0.02)
                view.view_rotation = Quaternion((0.68, 0.68, 0.19, 0.19))
                view.view_distance = 0.75
                area.spaces.active.shading.type = "MATERIAL"
                area.spaces.active.clip_start = 0.01


def _refer_to_sound_from(folder: Path) -> None:
    """Name sounds relative to the .blend's folder, so that both can move together."""
    for sound in bpy.data.sounds:
        try:
            sound.filepath = "//" + os.path.relpath(bpy.path.abspath(sound.filepath), folder).replace(os.sep, "/")
        except ValueError:  # another drive: stays absolute
            continue
