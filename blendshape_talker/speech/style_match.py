"""Whether a motion and a recording are of one take, and how far apart they were started. numpy only."""

import numpy as np

from ..errors import TalkerError
from .lip_sync import FPS, correlation

# Seconds. VOCASET's picture leads its sound by 0.095; a telephone is started by hand.
MOST_LAG = 0.5
# Correlation of the lip gap with what the network makes of the sound, at the best lag. 28 clips of 6 s of people of
# GRID beside their own sound: .88 and more, within 0.017 s of lag 0 (people that the network was trained on; others are
# some .1 lower). Beside another clip's sound, sentences of the same words in the same order: .47 in the middle of 756.
# So this lets no take of somebody's own fall through, and refuses half of those mistakes; with other words more.
LEAST_LIKE = 0.5


def in_step(made: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, float]:
    """``seen`` (T, 2), gap first, moved to where it goes with ``made`` (N,), the gap that the sound wants; NaN where
    that leaves nothing, and the seconds by which it came after the sound.

    Both 60 a second. :class:`TalkerError` where they are never alike.
    """
    wanted, gap = np.maximum(made, 0.0), seen[:, 0]
    most = min(round(MOST_LAG * FPS), len(made) // 3, len(gap) // 3)
    likeness = [_alike(wanted, gap, late) for late in range(-most, most + 1)]
    best = int(np.argmax(likeness))
    if likeness[best] < LEAST_LIKE:
        raise TalkerError(
            f"motion and sound hardly agree (correlation {likeness[best]:.2f}, own takes have over {LEAST_LIKE:g}); "
            "name a recording and its own motion"
        )
    late = best - most
    moved = np.full((len(made), seen.shape[1]), np.nan)
    count = min(len(seen) - max(late, 0), len(made) - max(-late, 0))
    moved[max(-late, 0) : max(-late, 0) + count] = seen[max(late, 0) : max(late, 0) + count]
    return moved, late / FPS


def rest_of(made: np.ndarray, seen: np.ndarray) -> float:
    """What ``seen`` (T,) shows, NaN where nothing, when ``made`` (T,) is at rest: the least squares line's."""
    known = np.isfinite(seen)
    slope = np.cov(made[known], seen[known])[0, 1] / max(float(np.var(made[known], ddof=1)), 1e-12)
    return float(seen[known].mean() - slope * made[known].mean())


def _alike(wanted: np.ndarray, gap: np.ndarray, late: int) -> float:
    """Correlation of ``wanted`` (N,) with ``gap`` (T,) of ``late`` frames later, where that is known."""
    first, second = wanted[max(-late, 0) :], gap[max(late, 0) :]
    count = min(len(first), len(second))
    known = np.isfinite(second[:count])
    return correlation(first[:count][known], second[:count][known]) if known.sum() > 1 else 0.0
