"""Keys set by hand on a curve that is already there: it passes through them, keeps its detail and comes back.

What hands want is met by an offset: zero but near their keys, through each of them, and with the least acceleration
between: one linear solve a curve. The wish is 3DiFACE's (Thambiraja et al. 2023), the means are a spline's.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from .reduce import closed_rows

_ROUNDS = 8  # of holding lips: what is held in one frame may lean on its neighbour in the next
_PARTED = 0.02  # mm
_STILL = 1e-14  # pull to 0: of one key alone any slope is bent as little


def offset(count: int, wanted: Mapping[int, float], reach: int, held: Sequence[int] = ()) -> np.ndarray:
    """(count,) what to add to a curve: ``wanted`` in its rows, 0 in rows ``held`` and ``reach`` rows from any key.

    The sum of the squared second differences is the least there is; value and slope are 0 where the
    offset ends, but at the curve's own ends.
    """
    result = np.zeros(count)
    rows = np.array(sorted(row for row in wanted if 0 <= row < count), int)
    result[rows] = [wanted[row] for row in rows.tolist()]
    if not len(rows) or count < 3:
        return result
    free = np.zeros(count, bool)
    for row in rows.tolist():
        free[max(row - reach + 1, 0) : row + reach] = True
    free[[row for row in held if 0 <= row < count]] = False
    free[rows] = False
    # rows that are apart by more than the second difference reaches do not know of each other
    index = np.flatnonzero(free)
    for group in np.split(index, np.flatnonzero(np.diff(index) > 2) + 1) if len(index) else ():
        low, high = max(int(group[0]) - 2, 0), min(int(group[-1]) + 3, count)
        result[low:high] = _least_bent(result[low:high], free[low:high])
    return result


def offsets(wanted: Sequence[Mapping[int, float]], gap: np.ndarray, lip_gap: np.ndarray, reach: int) -> np.ndarray:
    """(T, K) what to add to K curves: see :func:`offset`. Lips that were closed stay so, unless a key says otherwise.

    wanted: for each curve row -> what its key adds there; gap (K,): mm by which each curve parts the lips; lip_gap
    (T,): mm by which they are parted now. A closure in which a key moves the lips is the animator's.
    """
    count = len(lip_gap)
    held: list[set[int]] = [set() for _ in wanted]
    result: np.ndarray = np.stack([offset(count, rows, reach) for rows in wanted], axis=1)
    guarded = closed_rows(lip_gap)
    for rows, parts in zip(wanted, gap, strict=True):
        for row in rows if abs(parts) > 1e-6 else ():
            if 0 <= row < count and guarded[row]:
                _let_go(guarded, row)
    for _ in range(_ROUNDS):
        parted = lip_gap + result @ gap > np.maximum(lip_gap, 0.0) + _PARTED
        opened = np.flatnonzero(guarded & parted)
        if not len(opened):
            break
        for column, still in enumerate(held):
            fresh = [int(row) for row in opened if result[row, column] * gap[column] > 0.0]
            if fresh:
                still.update(fresh)
                result[:, column] = offset(count, wanted[column], reach, sorted(still))
    return result


def _let_go(guarded: np.ndarray, row: int) -> None:
    """Take the whole closure around ``row`` out of what is guarded."""
    first = last = row
    while first > 0 and guarded[first - 1]:
        first -= 1
    while last + 1 < len(guarded) and guarded[last + 1]:
        last += 1
    guarded[first : last + 1] = False


def _least_bent(curve: np.ndarray, free: np.ndarray) -> np.ndarray:
    """``curve`` (N,), N >= 3, with its ``free`` rows where the sum of its squared second differences is least.

    The normal equations join each row to two on either side: L D L' row by row, where a dense solve costs N cubed.
    """
    count, rows = len(curve), np.ones(len(curve) - 2)
    known = np.where(free, 0.0, curve)
    right = np.where(free, -np.convolve(np.diff(known, 2), [1, -2, 1]), curve).tolist()
    main = np.where(free, np.convolve(rows, [1, 4, 1]) + _STILL, 1.0).tolist()
    beside = [*np.where(free[1:] & free[:-1], np.convolve(rows, [-2, -2]), 0.0).tolist(), 0.0]
    beyond = [*np.where(free[2:] & free[:-2], rows, 0.0).tolist(), 0.0, 0.0]
    for row in range(count):
        for after, joined in ((1, beside[row]), (2, beyond[row])):
            if joined:
                main[row + after] -= joined * joined / main[row]
                right[row + after] -= joined * right[row] / main[row]
        if beside[row]:
            beside[row + 1] -= beside[row] * beyond[row] / main[row]
    for row in range(count - 1, -1, -1):
        for after, joined in ((1, beside[row]), (2, beyond[row])):
            if joined:
                right[row] -= joined * right[row + after]
        right[row] /= main[row]
    return np.array(right)
