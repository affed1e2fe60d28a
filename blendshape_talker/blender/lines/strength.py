"""How strong a line's speech and expression play: the keys themselves are scaled and the factor is remembered.

The shapes are linear, so this is exact; fades, mute, solo and influence of the strips stay the animator's. What the
lips hold back and blinks are layers of their own (:mod:`derived`), computed anew with either strength.
"""

import bpy
import numpy as np

from . import actions, derived
from .layers import own_action
from .marks import STRENGTH, Line, in_library, lines_of, read_action, write_mark
from .shapes import SLIDER_LIMIT

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

    Keys that hands changed are scaled like all others. Lips and blinks follow, unless hands changed them.
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
    derived.refresh(target, next((item for item in lines_of(keys) if item.uid == line.uid), line))
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


def _is_linked(line: Line, layer: str) -> bool:
    return any(in_library(track) for track, _ in line.strips.get(layer, ()))


def _factor(action: bpy.types.Action) -> float:
    value = action.get(STRENGTH, 1.0)
    return float(value) if isinstance(value, int | float) else 1.0
