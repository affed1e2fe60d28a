"""How strong a line's speech and expression play: the keys themselves are scaled and the factor is remembered.

The shapes are linear, so this is exact; fades, mute, solo and influence of the strips stay the animator's. Blinks are
a layer of their own, computed anew with the expression's strength: lids stop at the eye at any.
"""

import logging

import bpy
import numpy as np

from ...errors import TalkerError
from ...expression import lids
from ...face import meshes
from . import actions
from .marks import CLOSURE, STRENGTH, Line, in_library, key_names, lines_of, own_strips, read_action, write_mark
from .shapes import SLIDER_LIMIT, rest_vertices, shape_deltas, value_path

logger = logging.getLogger(__name__)

MAXIMUM_STRENGTH = 2.0
_FLOOR = 1e-6  # what 0 multiplies keys by: neutral to a thousandth of a hair, and yet it can be undone


def strength_of(line: Line, layer: str) -> float | None:
    """The factor at which ``layer`` of ``line`` plays, 0 … 2; None where there is not one that could be set."""
    if _is_linked(line, layer):
        return None
    factors = {_factor(action) for action in line.actions(layer)}
    return factors.pop() if len(factors) == 1 else None


def set_strength(target: bpy.types.Object, line: Line, layer: str, value: float) -> None:
    """Play ``layer`` (speech, expression) of ``line`` ``value`` times as strong as baked, 0 … 2.

    Keys that hands changed are scaled like all others. Blinks follow, unless hands changed them.
    """
    if _is_linked(line, layer):
        return
    keys = target.data.shape_keys
    value = float(np.clip(value, 0.0, MAXIMUM_STRENGTH))
    for action in line.actions(layer):
        if _factor(action) == value:
            continue
        own = own_action(keys, action)
        scale_action(own, value)
    if layer == "expression":
        fresh = next((item for item in lines_of(keys) if item.uid == line.uid), line)
        refresh_blinks(target, fresh)
    keys.update_tag(refresh={"TIME"})


def scale_action(action: bpy.types.Action, value: float) -> None:
    """Scale the keys of ``action`` from its present factor to ``value``; whether hands edited it stays known."""
    mark, old = read_action(action), _factor(action)
    # a key set while the layer slept at 0 is meant as it stands
    keep_above = 2 * SLIDER_LIMIT * _FLOOR if old < _FLOOR else None
    before, after = actions.scale_keys(action, max(value, _FLOOR) / max(old, _FLOOR), keep_above)
    action[STRENGTH] = value
    if mark is not None and before == mark.get("checksum"):
        write_mark(action, {**mark, "checksum": after})
    action.update_tag()


def own_action(keys: bpy.types.Key, action: bpy.types.Action) -> bpy.types.Action:
    """``action`` itself when ``keys`` alone play it; else a copy in its place there (Shift-D shares Actions)."""
    strips = [strip for _, strip, _ in own_strips(keys) if strip.action == action]
    tweaked = keys.animation_data.use_tweak_mode  # the active Action is a strip's then, and strips are read-only
    uses = len(strips) + (keys.animation_data.action == action)
    if tweaked or (action.users - action.use_fake_user <= uses and action.library is None):
        return action
    copy = action.copy()
    for strip in strips:
        actions.use_in_strip(strip, copy)
    return copy


def refresh_blinks(target: bpy.types.Object, line: Line) -> None:
    """Compute the blinks of ``line`` for its expression as it stands; those that hands changed are left alone."""
    keys, names = target.data.shape_keys, key_names(target.data.shape_keys)
    for action in line.actions("blinks"):
        mark, closure = read_action(action), _closure(action)
        if not len(closure) or actions.checksum(action) != mark.get("checksum"):
            continue
        expression = mark.get("shapes")
        if not isinstance(expression, list) or not all(name in names for name in expression):
            continue
        paths = [value_path(names[name]) for name in expression]
        frames = mark["first"] + np.arange(len(closure))
        emotion = sum(actions.sample(item, paths, frames) for item in line.actions("expression"))
        try:
            shapes = _on_canonical_head(target, [names[name] for name in expression])
            layer = lids.blink_layer(shapes, emotion, closure)
        except (TalkerError, ValueError) as error:
            logger.info("blinks of %s stay as they are: %s", line.name, error)
            continue
        own = own_action(keys, action)
        write_blinks(own, paths, frames, layer)
        write_mark(own, {**mark, "checksum": actions.checksum(own)})
        own.update_tag()


def write_blinks(action: bpy.types.Action, paths: list[str], frames: np.ndarray, layer: np.ndarray) -> None:
    """Replace the F-curves of a blinks Action; shapes that the lids do not need get none."""
    actions.clear_curves(action)
    moving = [column for column in range(layer.shape[1]) if np.abs(layer[:, column]).max(initial=0.0) > 1e-6]
    moving = moving or [0]  # the strip is as long as its keys
    actions.write_curves(action, "Blinks", [paths[column] for column in moving], frames, layer[:, moving])


def _is_linked(line: Line, layer: str) -> bool:
    return any(in_library(track) for track, _ in line.strips.get(layer, ()))


def _closure(action: bpy.types.Action) -> np.ndarray:
    try:
        closure = np.array(action.get(CLOSURE, ()), np.float64)
    except (TypeError, ValueError):
        return np.zeros(0)
    return closure if closure.ndim == 1 and np.isfinite(closure).all() else np.zeros(0)


def _factor(action: bpy.types.Action) -> float:
    value = action.get(STRENGTH, 1.0)
    return float(value) if isinstance(value, int | float) else 1.0


def _on_canonical_head(target: bpy.types.Object, names: list[str]) -> np.ndarray:
    """(names, 5023, 3) what shape keys add, in metres along the canonical head's axes."""
    fit = meshes.fit_to_canonical(rest_vertices(target))
    deltas = fit.scale * shape_deltas(target.data.shape_keys, names) @ np.asarray(fit.rotation, np.float32).T
    if fit.order is None:
        return deltas
    _, first = np.unique(fit.order, return_index=True)
    return deltas[:, first]
