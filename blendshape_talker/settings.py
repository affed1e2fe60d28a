"""What may be asked of a performance: its settings, and the ranges they must lie in."""

from collections.abc import Sequence

import numpy as np

from .errors import TalkerError
from .expression.cues import INTENSITY_RANGE, Cue, check_cues

MODEL_FPS = 60.0
AUTO = "auto"  # in place of an emotion: what the voice sounds like


def check_settings(
    emotion: str,
    intensity: float,
    fps: float,
    names: tuple[str, ...],
    cues: Sequence[Cue] | None = None,
    heard: float | None = None,
) -> None:
    """Raise a :class:`TalkerError` for settings outside their range."""
    if cues is not None:
        if emotion == AUTO:
            raise TalkerError("auto and cues were given; mix the voice in by its share (heard) instead")
        if emotion != "neutral":
            raise TalkerError("an emotion and cues were given; put the emotion among the cues")
        check_cues(cues, names)
    if emotion not in (*names, AUTO):
        raise TalkerError(f"no emotion {emotion!r}; choose one of {', '.join((*names, AUTO))}")
    if heard is not None and not 0.0 <= heard <= 1.0:
        raise TalkerError(f"a voice's share of {heard:g} is out of range; choose 0 (as chosen) to 1 (as heard)")
    low, high = INTENSITY_RANGE
    if not low <= intensity <= high:  # also refuses NaN
        raise TalkerError(f"intensity {intensity:g} is out of range; choose {low:g} to {high:g}")
    if not 1.0 <= fps <= 240.0:
        raise TalkerError(f"{fps:g} frames a second is out of range; choose 1 to 240")


def exact_rate(fps: float) -> float:
    """23.976, 29.97 or 59.94 frames a second as film and television mean them: 24, 30 or 60 times 1000 / 1001.

    Taken at their word, they would be a frame off after twelve hours; other rates come back as they are.
    """
    if not np.isfinite(fps):
        return float(fps)
    whole = 1000 / 1001 * np.round(fps * 1.001)
    return float(whole) if abs(fps - whole) < 0.005 and abs(fps - round(fps)) > 0.01 else float(fps)


def voice_share(emotion: str, heard: float | None) -> float:
    """How much of the emotion the voice says, 0 … 1: as given, else all of it where no emotion was chosen."""
    return (1.0 if emotion == AUTO else 0.0) if heard is None else heard
