"""How a line moves the mouth, with what hands did to it: what a speaking style is made of.

The line's speech counts, and the keys of *My Keys*; emotions and the head's sliders do not: they come on top of the
next bake again.
"""

import bpy
import numpy as np

from ..errors import TalkerError
from ..settings import MODEL_FPS
from ..speech.style import mouth_measures
from . import keep_keys, step
from .languages.translations import translated
from .lines import actions, evaluate
from .lines.derived import on_canonical_head
from .lines.marks import Line
from .lines.shapes import value_path


def mouth_of(target: bpy.types.Object, line: Line) -> np.ndarray:
    """(T, 2) mm of lip gap and mouth width from rest, 60 a second from the recording's start, NaN where the line is cut
    off: what :func:`speech.style.fit` takes. :class:`TalkerError` where hands changed the line's speed.
    """
    place, rate = step.place_of_face(line), line.record.get("fps")
    if place is None or rate is None:
        words = "{} was cut into pieces, changed in speed or baked by an older version; bake it again"
        raise TalkerError(translated(words).format(line.name))
    keys = target.data.shape_keys
    hands = keep_keys.place_of(keys)
    strips = [*line.strips["speech"], *([hands] if hands else [])]
    paths = {curve.data_path for _, strip in strips for curve in actions.curves_of(strip.action)}
    names = [block.name for block in keys.key_blocks[1:] if value_path(block.name) in paths]
    first, last = line.frames
    frames = np.arange(first, last + 1)
    weights = evaluate.values(strips, [value_path(name) for name in names], frames)
    mouth = weights @ mouth_measures(on_canonical_head(target, names))
    seconds = (frames - place.zero) / rate
    times = np.arange(round(int(line.record["count"]) / rate * MODEL_FPS)) / MODEL_FPS
    return np.stack([np.interp(times, seconds, measure, np.nan, np.nan) for measure in mouth.T], axis=1)
