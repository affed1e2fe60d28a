"""Layers of a line that follow from its others: what the lips hold back of the emotions, and the blinks.

Both are functions of what plays (:mod:`evaluate`), so they are computed again, without the networks, whenever a cue was
moved, muted, faded or changed, or a strength was: first the lips for speech and cues, then the lids for cues and lips.
"""

import logging

import bpy
import numpy as np

from ...errors import TalkerError
from ...expression.aperture import lip_layer
from ...expression.lids import blink_layer
from ...face import meshes
from . import actions, evaluate
from .layers import own_action
from .marks import CLOSURE, Line, key_names, read_action, write_mark
from .shapes import rest_vertices, shape_deltas, value_path

logger = logging.getLogger(__name__)


def refresh(target: bpy.types.Object, line: Line) -> None:
    """Compute lips and blinks of ``line`` for what plays as it stands; Actions that hands changed are left alone."""
    if not line.actions("lips") and not line.actions("blinks"):
        return
    try:
        face = _Face(target, line)
        for layer, weights_at in (("lips", face.lips), ("blinks", face.blinks)):
            for action in line.actions(layer):
                _compute(target.data.shape_keys, line, layer, action, face, weights_at)
    except (TalkerError, ValueError) as error:
        logger.info("lips and blinks of %s stay as they are: %s", line.name, error)


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


def _compute(keys: bpy.types.Key, line: Line, layer: str, action: bpy.types.Action, face: "_Face", weights_at) -> None:
    """Write into ``action`` what ``weights_at`` gives for the frames of the scene where its strips show its frames."""
    mark = read_action(action)
    if mark is None or not face.known or actions.checksum(action) != mark.get("checksum"):
        return
    frames = mark["first"] + np.arange(mark["count"])
    weights = np.zeros((len(frames), len(face.paths)))
    for _, strip in line.strips[layer]:
        if strip.action == action:
            shown, places = evaluate.scene_frames(strip, frames)
            if len(shown):
                weights[shown] = weights_at(action, strip, shown, places)
    own = own_action(keys, action)
    actions.write_moving(own, layer.capitalize(), face.paths, frames, weights)
    write_mark(own, {**mark, "checksum": actions.checksum(own)})
    own.update_tag()


class _Face:
    """The shapes of a line on the canonical head, and what plays on them.

    paths: of the expression's shape keys; known: whether the line tells which these are, and all are there.
    """

    def __init__(self, target: bpy.types.Object, line: Line) -> None:
        self.line = line
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        names = key_names(target.data.shape_keys)
        speech, expression = (_shapes_of(line, *layers) for layers in (("speech",), ("lips", "blinks")))
        self.known = bool(expression) and all(name in names for name in (*speech, *expression))
        if not self.known:
            return
        self.paths = [value_path(names[name]) for name in expression]
        self.speech_paths = [value_path(names[name]) for name in speech]
        both = on_canonical_head(target, [names[name] for name in (*speech, *expression)])
        self.speech_shapes, self.shapes = both[: len(speech)], both[len(speech) :]

    def lips(self, action: bpy.types.Action, strip: bpy.types.NlaStrip, rows: np.ndarray, frames: np.ndarray):
        """(F, K_E) what the lips hold back at ``frames`` of the scene."""
        rate = float(self.line.record.get("fps") or 0.0) / (strip.scale or 1.0)
        if not rate:
            raise ValueError("the frame rate of the bake is not known")
        speech = evaluate.values(self.line.strips.get("speech", ()), self.speech_paths, frames)
        return lip_layer(self.speech_shapes, speech, self.shapes, self._cues(frames), rate)

    def blinks(self, action: bpy.types.Action, strip: bpy.types.NlaStrip, rows: np.ndarray, frames: np.ndarray):
        """(F, K_E) what brings the lids from where the emotion holds them to shut."""
        closure = closure_of(action)
        if len(closure) <= rows.max(initial=0):
            raise ValueError("the closure of the lids is not known")
        emotion = self._cues(frames) + evaluate.values(self.line.strips.get("lips", ()), self.paths, frames)
        return blink_layer(self.shapes, emotion, closure[rows])

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
