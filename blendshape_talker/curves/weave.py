"""Another performance woven into a stretch of a curve, with seams that cannot be seen and keys of hands kept."""

from collections.abc import Mapping

import numpy as np

from ..expression.motion import smooth_step
from .keep import offset

SEAM = 0.2  # s in which the one goes over into the other, within the stretch
_SPREAD = 0.1  # s around a key of hands in which its neighbours go along


def share_at(frames: np.ndarray, first: float, last: float, rate: float) -> np.ndarray:
    """(T,) 0 … 1: how much of the new performance plays at ``frames`` (T,): none up to ``first`` and from ``last`` on.

    It comes and goes by minimum jerk within a fifth of a second, less where the stretch is short.
    """
    seam = max(min(SEAM * rate, (last - first) / 2.0), 1e-6)
    frames = np.asarray(frames, np.float64)
    share: np.ndarray = smooth_step((frames - first) / seam) * smooth_step((last - frames) / seam)
    return share


def weave(
    old: np.ndarray, new: np.ndarray, share: np.ndarray, hands: Mapping[int, float], rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """(T,) the woven curve, and (T,) what of it hands have no part in.

    old, new (T,): both performances, without hands; share (T,): of the new; hands: row -> value that it must have.
    """
    woven: np.ndarray = old + share * (new - old)
    missing = {row: value - float(woven[row]) for row, value in hands.items()}
    curve: np.ndarray = woven + offset(len(woven), missing, max(round(_SPREAD * rate), 1))
    for row, value in hands.items():
        curve[row] = value
    baked = curve.copy()
    for row in hands:
        baked[row] = woven[row]
    return curve, baked
