"""From settings to an animated head in three steps: ask Blender, compute without Blender, write to Blender."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..errors import TalkerError
from ..expression.cues import Cue, CueTake, rows_of, scaled
from ..expression.library import emotion_names
from ..face import meshes, neutral
from ..files import plain_text
from ..job import CancelTest, Progress
from ..settings import AUTO, check_settings, voice_share
from ..speech import style
from . import animation, keep_keys, motion, networks, step, viewing
from .animation import Take
from .languages.translations import translated
from .lines import checks, gaze, hand_keys, legacy, sound
from .lines.cues import Asked
from .pace import FIRST_CALL, LOADING, PIECE, Loading, Pace, by_the_clock, recording_seconds, rising

if TYPE_CHECKING:
    from .. import pipeline

logger = logging.getLogger(__name__)

_WRITTEN_FROM = 0.97  # of the bar: the rest is for writing
_pace = Pace()


@dataclass(frozen=True)
class Performance:
    """What is spoken and how: the settings of :meth:`pipeline.Talker.animate` and the device it runs on."""

    audio: str
    emotion: str = "neutral"
    intensity: float = 1.0
    blinks: bool = True
    seed: int = 0
    device: str = "auto"
    cues: tuple[Cue, ...] | None = None
    heard: float | None = None
    style: str = style.AVERAGE

    def asked(self, frame_rate: float) -> Asked:
        """What tells this performance's emotions from another's."""
        chosen = self.cues if self.cues is not None else (Cue(0.0, 0.0, self.emotion),)
        voice = (Cue(0.0, 0.0, AUTO, self.voice_share),) if self.voice_share else ()
        return Asked.for_cues([*scaled(chosen, self.intensity), *voice], frame_rate)

    @property
    def voice_share(self) -> float:
        """How much of the emotion the voice says, 0 … 1."""
        return voice_share(self.emotion, self.heard)


@dataclass(frozen=True)
class Request:
    """All that a bake needs from Blender. No Blender objects: those may be gone, or renamed, when the result is there.

    scene, target: their ``session_uid``; name: the head's, for messages; rest (V, 3): its vertices; looks: its eyes
    move, so lids follow.
    """

    performance: Performance
    scene: int
    target: int
    name: str
    rest: np.ndarray
    frame_rate: float
    start_frame: int
    looks: bool = False


def make_request(
    scene: bpy.types.Scene,
    target: bpy.types.Object | None,
    performance: Performance,
    start_frame: int = 1,
    replace: bool = False,
) -> Request:
    """Read what the bake needs; :class:`TalkerError` for what can be known beforehand to fail.

    ``replace`` allows what :func:`hand_made` names: edited keys of this line stop playing.
    """
    problem = animation.target_problem(target)
    if problem:
        raise TalkerError(problem)
    if not os.path.isfile(performance.audio):
        raise TalkerError(f"{performance.audio or 'no recording chosen'}: file not found; choose a recording")
    frames = max(1, round(recording_seconds(performance.audio) * frame_rate_of(scene)))
    line = animation.find_line(target, performance.audio, start_frame)
    problem = checks.frames_problem(start_frame, start_frame + frames - 1) or (
        checks.line_problem(line) if line else None
    )
    if problem:
        raise TalkerError(problem)
    asked = performance.asked(frame_rate_of(scene))
    lost = hand_made(scene, target, performance.audio, start_frame, asked)
    if lost and not replace:
        words = "{} has hand-made animation ({}); confirm that the bake may replace it"
        raise TalkerError(translated(words).format(target.name, lost))
    check_settings(
        performance.emotion, performance.intensity, frame_rate_of(scene), emotion_names(), performance.cues,
        performance.heard,
    )  # fmt: skip
    style.check(performance.style)
    rest = animation.rest_vertices(target)
    return Request(
        performance, scene.session_uid, target.session_uid, target.name, rest, frame_rate_of(scene), start_frame,
        gaze.joints_of(target) is not None,
    )  # fmt: skip


def compute(request: Request, progress: Progress, cancelled: CancelTest) -> Take:
    """Run the networks; touches no Blender data, so a thread may do it. :class:`TalkerError`, :class:`Cancelled`."""
    fit = meshes.fit_to_canonical(request.rest)
    performance = request.performance
    progress = rising(progress)
    _pace.loaded = _pace.loaded or networks.ready(performance.device)
    seconds, loaded = recording_seconds(performance.audio), _pace.loaded
    loading, heard = _pace.shares(seconds)
    units = LOADING if not loaded else 0.0
    began = time.perf_counter()
    with by_the_clock(progress, 0.0, loading, units * _pace.unit_seconds, "loading the networks", Loading().share):
        talker = _talker(performance.device)
    _pace.learn(units, time.perf_counter() - began)
    units, began = min(seconds, PIECE) + (0.0 if loaded else FIRST_CALL), time.perf_counter()
    with by_the_clock(progress, loading, heard, units * _pace.unit_seconds, "listening"):
        result = talker.animate(
            performance.audio, performance.emotion, performance.intensity, request.frame_rate,
            blinks=performance.blinks, seed=performance.seed, cues=performance.cues, heard=performance.heard,
            style=talker.listener.style(performance.style, cancelled=cancelled), gaze=request.looks,
            cancelled=cancelled,
            progress=lambda fraction, message="": progress(loading + (_WRITTEN_FROM - loading) * fraction, message),
        )  # fmt: skip
    if not result.recalled:
        _pace.learn(1.1 * seconds + units - min(seconds, PIECE), time.perf_counter() - began)
    progress(_WRITTEN_FROM, "writing to Blender")
    deltas = meshes.transform_deltas(result.blendshapes, fit)
    expression = neutral.expression_warning(neutral.expression_of(request.rest, fit))
    warnings = [*result.warnings, *([expression] if expression else [])]
    asked = performance.asked(request.frame_rate)
    told = len(performance.cues or ())
    if performance.voice_share:
        told = sum(cue.emotion != "neutral" for cue in result.cues)
    about = {
        "recording": performance.audio, "name": plain_text(Path(performance.audio).stem),
        "emotion": performance.emotion, "intensity": performance.intensity, "seed": performance.seed,
        "style": performance.style, "fps": request.frame_rate,
        "cues": told, "warnings": warnings, "strips": len(result.cues),
        "asked": [asked.times, asked.emotions],
        "closures": result.closures_heard,
        "lost": [float(second) for second in result.closures_lost],
        "open": viewing.speaking_row(deltas, result.speech_weights),
    }  # fmt: skip
    return Take(
        result.names, result.speech_count, deltas, result.weights, request.start_frame,
        result.blink_weights, result.blink_closure, about, result.cue_takes, result.aperture_weights,
        result.head_rotation, result.eye_rotation,
    )  # fmt: skip


def begin_writing(request: Request, take: Take) -> animation.Drafts:
    """What of :func:`apply` can be done beforehand, a little at a time: nothing of it can be seen in the scene."""
    _, target = still_there(request)
    return animation.Drafts(target, take)


def apply(
    request: Request, take: Take, replace: bool = False, drafts: animation.Drafts | None = None
) -> bpy.types.Object:
    """Write the result: shape keys, the line's strips, frame range, sound strip; nothing when something does not fit.

    drafts: what :func:`begin_writing` began. The scene's range grows where the line lies outside; it never shrinks.
    """
    scene, target = still_there(request)
    lost = hand_made(scene, target, take.recording, take.start_frame, Asked.of(take.about))
    if lost and not replace:
        raise TalkerError(translated("{} got hand-made animation meanwhile ({}); bake again").format(target.name, lost))
    started = time.perf_counter()
    old = legacy.old_frames(target.data.shape_keys) if legacy.is_old_bake(target.data.shape_keys) else None
    written = animation.write_take(target, take, drafts)
    for line in animation.lines(target):
        if line.uid == written.uid:
            hand_keys.remember(line)
    keep_keys.refresh(target, frame_rate_of(scene))
    logger.info("wrote %d curves of %d keys in %.3f s", *reversed(take.weights.shape), time.perf_counter() - started)
    for line in animation.lines(target) if old else []:
        if line.start == old[0]:
            sound.adopt_old_sound(scene, line.uid, old[0])
    first, last = written.frames
    scene.frame_start = min(scene.frame_start, max(first, 0))
    scene.frame_end = max(scene.frame_end, last)
    sound.lay_sound(scene, written.uid, request.performance.audio, first, written.moved, written.former)
    line = next(line for line in animation.lines(target) if line.uid == written.uid)
    if take.head_rotation is not None and take.eye_rotation is not None:
        motion.write(target, line, motion.Motion(take.head_rotation, take.eye_rotation, int(take.about["seed"])))
        animation.lids_follow(target, line, take.eye_rotation[:, 0] * request.looks, known=not written.refreshed)
    motion.follow(target)
    step.remember(scene, target)
    return target


def hand_made(
    scene: bpy.types.Scene, target: bpy.types.Object, recording: str, start: int, asked: Asked | None = None
) -> str | None:
    """What a bake of ``recording`` at frame ``start`` could not keep of what hands made, in animation and sound.

    asked: the emotions that the bake asks for.
    """
    lost = [animation.hand_made_animation(target, recording, start, asked)]
    line = animation.find_line(target, recording, start)
    if line is not None:
        lost.append(sound.lost_cuts(scene, line.uid, recording))
    return ", ".join(filter(None, lost)) or None


def still_there(request: Request) -> tuple[bpy.types.Scene, bpy.types.Object]:
    """Scene and head of the request as they are now, whatever their names are; :class:`TalkerError` in one line."""
    scene = next((item for item in bpy.data.scenes if item.session_uid == request.scene), None)
    target = next((item for item in bpy.data.objects if item.session_uid == request.target), None)
    if scene is None or target is None or not checks.is_in(scene, target):
        raise TalkerError(translated("{} is no longer in the scene; choose a head and bake again").format(request.name))
    problem = animation.target_problem(target)
    if problem:
        raise TalkerError(problem)
    if not np.array_equal(animation.rest_vertices(target), request.rest):
        raise TalkerError(translated("{} got another shape meanwhile; bake again").format(target.name))
    return scene, target


def take_cue(cue: Cue, names: Sequence[str], rate: float, seed: int, device: str) -> CueTake:
    """The weights of one emotion at ``rate`` frames a second, without hearing anything.

    names: the expression's blendshapes on the head. Raises :class:`TalkerError` where those are of another model.
    """
    expressions = _expressions(device)
    if tuple(names) != expressions.names:
        raise TalkerError("the head was baked by another version; bake again, then its emotions can be changed")
    rows = rows_of(cue, rate)
    return CueTake(cue, int(rows[0]), expressions.cue_weights(cue, rows / rate, seed))


def frame_rate_of(scene: bpy.types.Scene) -> float:
    """Frames a second of the scene (29.97 is 30 over a base of 1.001)."""
    return scene.render.fps / scene.render.fps_base


def absolute_path(path: str) -> str:
    """A path as Blender's file fields hold it ('//' = beside the .blend) as an absolute one; empty stays empty."""
    return str(Path(bpy.path.abspath(path)).resolve()) if path else ""


def _talker(device: str) -> "pipeline.Talker":
    return networks.talker(device)


def _expressions(device: str) -> "pipeline.Expressions":
    return networks.expressions(device)
