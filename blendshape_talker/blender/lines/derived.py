"""Layers of a line that follow from its others: what the controls correct, what the lips hold back, and the blinks.

All are functions of what plays (:mod:`evaluate`), so they are computed again, without the networks, whenever a cue was
moved, muted, faded or changed, or a strength or control was: first the corrections of speech and cues, then the lips
for both, then the lids for cues, lips and gaze.
"""

import logging
import zlib
from collections.abc import Callable

import bpy
import numpy as np

from ...errors import TalkerError
from ...expression.aperture import lip_layer
from ...expression.controls import corrected_expression, corrected_speech
from ...expression.lids import blink_layer
from ...face import meshes
from . import actions, controls, evaluate, gaze, layers
from .hands import is_edited, retire
from .layers import own_action
from .marks import CLOSURE, SEEN, Line, key_names, read_action, write_mark
from .shapes import rest_vertices, shape_deltas, value_path

logger = logging.getLogger(__name__)

_Compute = Callable[[bpy.types.Action, bpy.types.NlaStrip, np.ndarray, np.ndarray], np.ndarray]


def refresh(target: bpy.types.Object, line: Line) -> None:
    """Compute what follows from all that plays in ``line`` as it stands; Actions that hands changed are left alone."""
    corrected = not _controls_of(target, line).idle
    if not (corrected or any(line.actions(layer) for layer in ("controls", "lips", "blinks"))):
        return
    try:
        face = _Face(target, line)
        if not face.known:
            return
        _keep_controls(target, line, face, corrected)
        for layer, paths, weights_at in (
            ("controls", face.speech_paths + face.paths, face.corrections),
            ("lips", face.paths, face.lips),
            ("blinks", face.paths, face.blinks),
        ):
            for action in line.actions(layer):
                _compute(target.data.shape_keys, line, layer, action, paths, weights_at)
    except (TalkerError, ValueError) as error:
        logger.info("lips and blinks of %s stay as they are: %s", line.name, error)
    remember(target, line)


def is_reduced(line: Line) -> bool:
    """True when Reduce Keys has been at what :func:`refresh` writes, which gives it a key in every frame again."""
    found = (read_action(action) for layer in ("controls", "lips", "blinks") for action in line.actions(layer))
    return any(mark and mark.get("reduced") for mark in found)


def is_corrected(target: bpy.types.Object, line: Line) -> bool:
    """True when the controls of ``target`` change something within ``line``."""
    return not _controls_of(target, line).idle


def remember(target: bpy.types.Object, line: Line) -> None:
    """Note for which strips and controls the layers of ``line`` are right."""
    for action in line.actions("lips"):
        if action.library is None:
            action[SEEN] = _signature(target, line)


def is_stale(target: bpy.types.Object, line: Line) -> bool:
    """True when strips or controls have changed since the layers that follow from them were computed. Cheap."""
    return any(SEEN in action and action[SEEN] != _signature(target, line) for action in line.actions("lips"))


def expression_shapes(line: Line) -> list[str]:
    """Names (K_E,) of the expression's blendshapes in the order of a take."""
    return _shapes_of(line, "lips", "blinks", "expression")


def weights_of(target: bpy.types.Object, line: Line, layer: str, frames: np.ndarray) -> np.ndarray:
    """(F, K_E) what the strips of a layer above the speech add at ``frames`` (F,) of the scene."""
    names = key_names(target.data.shape_keys)
    paths = [value_path(names[name]) for name in expression_shapes(line)]
    return evaluate.values(line.strips.get(layer, ()), paths, frames)


def closure_of(action: bpy.types.Action) -> np.ndarray:
    """(T,) 0 … 1: the lids' closure behind an Action of blinks; empty where it is not known."""
    try:
        closure = np.array(action.get(CLOSURE, ()), np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)
    return closure if closure.ndim == 1 and np.isfinite(closure).all() else np.zeros(0)


def _controls_of(target: bpy.types.Object, line: Line):
    first, last = line.frames
    return controls.sampled(target, np.arange(first, last + 1))


def _signature(target: bpy.types.Object, line: Line) -> str:
    told = [controls.signature(target)]
    for layer in ("speech", "expression"):
        for track, strip in line.strips.get(layer, ()):
            told.append(f"{layer} {evaluate.signature(track, strip)}")
    told += gaze.signature(target, line)
    return f"{zlib.crc32(repr(sorted(told)).encode()):08x}"


def _keep_controls(target: bpy.types.Object, line: Line, face: "_Face", wanted: bool) -> None:
    """A strip for the corrections while there are any, and none otherwise."""
    strips = line.strips.get("controls", [])
    if wanted and not strips:
        mark = {**line.record, "line": line.uid, "layer": "controls", "shapes": [*face.speech, *face.expression]}
        action = actions.new_action(f"{target.name[:24]} | controls | {line.name[:24]}", target.name)
        first, count = int(mark["first"]), int(mark["count"])
        frames = first + np.arange(count)
        actions.write_moving(action, "Controls", face.speech_paths[:1], frames, np.zeros((count, 1)))
        write_mark(action, {**mark, "checksum": actions.checksum(action)})
        data, name = target.data.shape_keys.animation_data, f"{line.name} controls"
        strip = layers.place(data, "controls", name, action, line.frames[0])
        line.strips["controls"] = [(track, strip) for track in data.nla_tracks if strip in list(track.strips)]
    elif strips and not wanted:
        former = {strip.action for _, strip in strips if not is_edited(strip.action)}
        for track, strip in strips:
            if strip.action in former:
                track.strips.remove(strip)
        retire(former)
        line.strips["controls"] = []


def _compute(
    keys: bpy.types.Key, line: Line, layer: str, action: bpy.types.Action, paths: list[str], weights_at: _Compute
) -> None:
    """Write into ``action`` what ``weights_at`` gives for the frames of the scene where its strips show its frames."""
    mark = read_action(action)
    if mark is None or actions.checksum(action) != mark.get("checksum"):
        return
    frames = mark["first"] + np.arange(mark["count"])
    weights = np.zeros((len(frames), len(paths)))
    for _, strip in line.strips[layer]:
        if strip.action == action:
            shown, places = evaluate.scene_frames(strip, frames)
            if len(shown):
                weights[shown] = weights_at(action, strip, shown, places)
    own = own_action(keys, action)
    actions.write_moving(own, layer.capitalize(), paths, frames, weights)
    write_mark(own, {**mark, "checksum": actions.checksum(own), "reduced": None})
    own.update_tag()


class _Face:
    """The shapes of a line on the canonical head, and what plays on them.

    known: whether the line tells which these are, and all are there; speech, expression: their names; paths: of the
    expression's shape keys.
    """

    def __init__(self, target: bpy.types.Object, line: Line) -> None:
        self.target, self.line = target, line
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        names = key_names(target.data.shape_keys)
        self.speech, self.expression = _shapes_of(line, "speech"), expression_shapes(line)
        self.known = bool(self.expression) and all(name in names for name in (*self.speech, *self.expression))
        if not self.known:
            return
        self.paths = [value_path(names[name]) for name in self.expression]
        self.speech_paths = [value_path(names[name]) for name in self.speech]
        both = on_canonical_head(target, [names[name] for name in (*self.speech, *self.expression)])
        self.speech_shapes, self.shapes = both[: len(self.speech)], both[len(self.speech) :]

    def corrections(
        self, action: bpy.types.Action, strip: bpy.types.NlaStrip, rows: np.ndarray, frames: np.ndarray
    ) -> np.ndarray:
        """(F, K_A + K_E) what the controls add to speech and cues at ``frames`` of the scene."""
        here = controls.sampled(self.target, frames)
        speech, cues = self._speech(frames), self._cues(frames)
        both = (
            corrected_speech(self.speech_shapes, speech, here, self._rate(strip)) - speech,
            corrected_expression(self.shapes, cues, here) - cues,
        )
        return np.concatenate(both, axis=1)

    def lips(
        self, action: bpy.types.Action, strip: bpy.types.NlaStrip, rows: np.ndarray, frames: np.ndarray
    ) -> np.ndarray:
        """(F, K_E) what the lips hold back at ``frames`` of the scene."""
        speech = self._speech(frames) + self._corrections(self.speech_paths, frames)
        cues = self._cues(frames) + self._corrections(self.paths, frames)
        return lip_layer(self.speech_shapes, speech, self.shapes, cues, self._rate(strip))

    def blinks(
        self, action: bpy.types.Action, strip: bpy.types.NlaStrip, rows: np.ndarray, frames: np.ndarray
    ) -> np.ndarray:
        """(F, K_E) what brings the lids from where the emotion holds them to shut, and lets them go with the eyes."""
        closure, here = closure_of(action), controls.sampled(self.target, frames)
        if len(closure) <= rows.max(initial=0):
            raise ValueError("the closure of the lids is not known")
        emotion = self._cues(frames) + self._corrections(self.paths, frames)
        emotion += evaluate.values(self.line.strips.get("lips", ()), self.paths, frames)
        pitch = gaze.pitch_of(self.target, self.line, frames)
        return blink_layer(self.shapes, emotion, np.clip(closure[rows] * here.blinks, 0.0, 1.0), here.lid_close, pitch)

    def _rate(self, strip: bpy.types.NlaStrip) -> float:
        rate = float(self.line.record.get("fps") or 0.0) / (strip.scale or 1.0)
        if not rate:
            raise ValueError("the frame rate of the bake is not known")
        return rate

    def _speech(self, frames: np.ndarray) -> np.ndarray:
        return evaluate.values(self.line.strips.get("speech", ()), self.speech_paths, frames)

    def _corrections(self, paths: list[str], frames: np.ndarray) -> np.ndarray:
        return evaluate.values(self.line.strips.get("controls", ()), paths, frames)

    def _cues(self, frames: np.ndarray) -> np.ndarray:
        near = [
            (track, strip)
            for track, strip in self.line.strips.get("expression", ())
            if strip.extrapolation != "NOTHING"
            or (strip.frame_end >= frames.min() and strip.frame_start <= frames.max())
        ]
        if self._last is None or not np.array_equal(self._last[0], frames):  # lips and lids ask for the same
            self._last = frames, evaluate.values(near, self.paths, frames)
        return self._last[1]


def _shapes_of(line: Line, *layers: str) -> list[str]:
    """Names of the blendshapes that the Actions of a layer know of."""
    for layer in layers:
        for action in line.actions(layer):
            names = (read_action(action) or {}).get("shapes")
            if isinstance(names, list):
                return names
    return []


def on_canonical_head(target: bpy.types.Object, names: list[str]) -> np.ndarray:
    """(names, 5023, 3) what shape keys add, in metres along the canonical head's axes."""
    fit = meshes.fit_to_canonical(rest_vertices(target))
    deltas = fit.scale * shape_deltas(target.data.shape_keys, names) @ np.asarray(fit.rotation, np.float32).T
    if fit.order is None:
        return deltas
    _, first = np.unique(fit.order, return_index=True)
    return deltas[:, first]
