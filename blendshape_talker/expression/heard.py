"""From what a voice sounds like over time to cues that an animator edits: few, steady, cut where the voice pauses.

numpy only. What :mod:`blendshape_talker.speech.emotion` hears comes in as plain arrays.
"""

from collections.abc import Sequence

import numpy as np

from .cues import Cue

NEUTRAL = "neutral"
# Chosen on acted voices and on people who read: how sure a class must be, and how much surer than before to take over.
SURE = 0.5
_SWITCH_COST = 2.0  # nats; a class must be better by that much, summed over windows, to be worth a change
_WEAKEST = 0.4  # intensity of a cue that is only just believed
_PAUSE_REACH = 0.75  # s around a change within which a pause takes it
_SHORTEST = 1.0  # s of a cue


def heard_path(probabilities: np.ndarray, neutral: int, sure: float = SURE) -> np.ndarray:
    """(W,) class of each window of probabilities (W, C): the best path that pays for every change (Viterbi).

    A class that is less than ``sure`` counts no more than ``neutral``: who is unsure hears nothing.
    """
    if not len(probabilities):
        return np.zeros(0, int)
    score = np.log(np.maximum(probabilities, 1e-4))
    score[:, neutral] = np.maximum(score[:, neutral], np.log(sure))
    best, back = score[0].copy(), np.zeros(score.shape, int)
    for row in range(1, len(score)):
        leader = int(best.argmax())
        stay = best >= best[leader] - _SWITCH_COST
        back[row] = np.where(stay, np.arange(len(best)), leader)
        best = np.where(stay, best, best[leader] - _SWITCH_COST) + score[row]
    path = np.empty(len(score), int)
    path[-1] = best.argmax()
    for row in range(len(score) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    return path


def heard_cues(
    classes: Sequence[str],
    times: np.ndarray,
    probabilities: np.ndarray,
    seconds: float,
    pauses: Sequence[tuple[float, float]] = (),
) -> list[Cue]:
    """Cues of the emotions in windows around ``times`` (W,), seconds, with probabilities (W, C) of ``classes``.

    Equal neighbours are one cue; neutral is none. A change lies in the middle of a pause, (start, end) in seconds,
    where one is near, and cues reach from the first to the last moment of the recording. Intensity, 0.4 … 1, is how
    sure the voice is. Blends are left to :func:`cues.arrange`, so touching cues cross-fade.
    """
    path = heard_path(probabilities, list(classes).index(NEUTRAL))
    if not len(path):
        return []
    changes = np.flatnonzero(np.diff(path)) + 1
    first, last = [0, *changes.tolist()], [*changes.tolist(), len(path)]
    edges = [0.0, *(_in_pause(0.5 * (times[k - 1] + times[k]), pauses) for k in changes), seconds]
    cues = []
    for start, stop, begin, end in zip(first, last, edges[:-1], edges[1:], strict=True):
        name = classes[path[start]]
        if name == NEUTRAL or end - begin < min(_SHORTEST, 0.5 * seconds):
            continue
        sure = float(probabilities[start:stop, path[start]].mean())
        strength = _WEAKEST + (1 - _WEAKEST) * np.clip((sure - SURE) / (0.95 - SURE), 0.0, 1.0)
        cues.append(Cue(round(begin, 2), round(end, 2), name, round(float(strength), 2)))
    return cues


def _in_pause(moment: float, pauses: Sequence[tuple[float, float]]) -> float:
    """The middle of the nearest pause within reach of a moment, else the moment."""
    middles = [0.5 * (start + end) for start, end in pauses]
    near = min(middles, key=lambda middle: abs(middle - moment), default=moment)
    return near if abs(near - moment) <= _PAUSE_REACH else moment
