"""A face that is present: head and eyes together over a recording, and the moments at which it likes to blink."""

from dataclasses import dataclass

import numpy as np

from .gaze import eye_angles, head_share, plan_fixations
from .head_motion import head_angles


@dataclass(frozen=True)
class Presence:
    """head (T, 3) and eyes (T, 2): radians as :mod:`head_motion` and :mod:`gaze` define them; blinks (B,): seconds,
    ascending, where a phrase ends or the gaze leaps."""

    head: np.ndarray
    eyes: np.ndarray
    blinks: np.ndarray


def presence(times: np.ndarray, duration: float, phrases: np.ndarray, accents: np.ndarray, seed: int = 0) -> Presence:
    """Head and eyes at ``times`` (T,), seconds, ascending, of a voice of ``duration`` with these phrases and accents.

    What moves lies in seconds, not frames: another frame rate samples the same performance.
    """
    times = np.asarray(times, float)
    fixations = plan_fixations(duration, phrases, seed)
    head = head_angles(times, duration, phrases, accents, seed) + head_share(times, fixations)
    eyes = eye_angles(times, fixations, head)
    moments = np.concatenate([phrases[:, 1] + 0.05, fixations.large])
    return Presence(head.astype(np.float32), eyes.astype(np.float32), np.sort(moments))
