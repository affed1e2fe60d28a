"""One curve as Bézier keys: where keys are needed, and how steep the curve passes through them. numpy only.

Keys lie on whole frames and on the curve itself. Between two keys the handles stand at a third and two thirds of the
time, so time runs evenly along the segment and what Blender evaluates is the plain cubic that is fitted here.
"""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

_STEPWISE = 20  # frames up to which every length of a segment is tried; longer ones grow by an eighth
_LONGEST = 250  # frames between two keys
_PULL = 1e-3  # toward a straight line, where frames between two keys are too few to tell both slopes


@dataclass(frozen=True)
class BezierKeys:
    """Keys of one curve: rows (M,) ascending; values (M,); slopes into and out of each key, per frame, (M,) each."""

    rows: np.ndarray
    values: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def smooth(self) -> np.ndarray:
        """(M,) bool: keys that the curve passes without a corner."""
        close: np.ndarray = np.abs(self.left - self.right) <= 1e-6 * (1.0 + np.abs(self.left))
        return close

    def evaluate(self, rows: np.ndarray) -> np.ndarray:
        """Values at ``rows`` (N,), constant before the first key and after the last."""
        if len(self.rows) < 2:
            return np.full(len(rows), self.values[0] if len(self.values) else 0.0)
        at = np.clip(rows, self.rows[0], self.rows[-1])
        index = np.clip(np.searchsorted(self.rows, at, side="right") - 1, 0, len(self.rows) - 2)
        length = self.rows[index + 1] - self.rows[index]
        time = (at - self.rows[index]) / length
        rest = 1.0 - time
        result: np.ndarray = (
            self.values[index] * rest * rest * (1.0 + 2.0 * time)
            + self.values[index + 1] * time * time * (3.0 - 2.0 * time)
            + length * time * rest * (self.right[index] * rest - self.left[index + 1] * time)
        )
        return result


def lengths_up_to(frames: int) -> np.ndarray:
    """Lengths of segments that are tried, in frames, ascending; ``frames`` itself is one of them."""
    found = list(range(1, _STEPWISE + 1))
    while found[-1] < _LONGEST:
        found.append(found[-1] + max(1, found[-1] // 8))
    return np.array([length for length in found if length < frames] + [frames][:frames], int)


def segment_errors(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """For each of ``lengths`` (L,) and first row the largest distance (L, T) of a curve (T,) from its best cubic.

    A cubic keeps the curve's values at both ends; infinite where a segment would not end within the curve.
    """
    errors = np.full((len(lengths), len(values)), np.inf, np.float32)
    values = np.asarray(values, np.float64)
    for index, length in enumerate(lengths):
        if length >= len(values):
            break
        windows = np.lib.stride_tricks.sliding_window_view(values, length + 1)
        distance = windows - windows[:, [0, -1]] @ _ends(length).T
        distance -= (distance @ _unbent(length)) @ _bends(length).T
        errors[index, : len(windows)] = np.abs(distance).max(axis=1)
    return errors


def fewest_keys(
    lengths: np.ndarray, errors: np.ndarray, tolerance: float, price: np.ndarray, spans: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """For each curve rows of the cheapest keys whose segments stay within ``tolerance``, by dynamic programming.

    lengths (L,), errors (K, L, T): of :func:`segment_errors`, infinite for segments that must not be; price (T,): of a
    key in each row; spans: first and last row of each curve.
    """
    curves, _, count = errors.shape
    cost, before = np.full((curves, count), np.inf), np.zeros((curves, count), int)
    first = np.array([low for low, _ in spans])
    every = np.arange(curves)
    cost[every, first] = 0.0
    fits = np.where(errors <= tolerance, 0.01 * errors / tolerance, np.inf)
    for row in range(1, count):
        starts = row - lengths[: np.searchsorted(lengths, row, side="right")]
        total = cost[:, starts] + fits[:, np.arange(len(starts)), starts]
        best = total.argmin(axis=1)
        reached = total[every, best] + price[row]
        open_ = first < row
        cost[open_, row], before[open_, row] = reached[open_], starts[best][open_]
    result = []
    for curve, (low, high) in enumerate(spans):
        rows = [high]
        while rows[-1] > low:
            rows.append(int(before[curve, rows[-1]]))
        result.append(rows[::-1])
    return result


class SlopeFit:
    """Finds the slopes with which keys on a curve (T,) follow it best."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values, np.float64)
        self._equations: dict[tuple[int, int], tuple[float, float, float, float, float]] = {}

    def through(self, rows: Sequence[int], corners: Collection[int]) -> BezierKeys:
        """Keys on ``rows``; those in ``corners`` have a slope each way, all others the same on both sides."""
        # the unknown slopes in the order of time: each segment joins two neighbours, so the equations are tridiagonal
        into, out_of, size = [0], [0], 1
        for row in rows[1:]:
            into.append(size)
            out_of.append(size + (row in corners))
            size = out_of[-1] + 1
        main, beside, right = [1e-9] * size, [0.0] * size, [0.0] * size
        for index in range(len(rows) - 1):
            start, end = out_of[index], into[index + 1]
            first, coupled, last, wanted, wanted_last = self._equation(rows[index], rows[index + 1])
            main[start] += first
            main[end] += last
            beside[start] = coupled
            right[start] += wanted
            right[end] += wanted_last
        for index in range(1, size):
            share = beside[index - 1] / main[index - 1]
            main[index] -= share * beside[index - 1]
            right[index] -= share * right[index - 1]
        slopes = [0.0] * size
        for index in range(size - 1, -1, -1):
            after = beside[index] * slopes[index + 1] if index + 1 < size else 0.0
            slopes[index] = (right[index] - after) / main[index]
        found, keys = np.array(slopes), np.array(rows, int)
        return BezierKeys(keys, self.values[keys], found[into], found[out_of])

    def _equation(self, start: int, end: int) -> tuple[float, float, float, float, float]:
        """Normal equations of a segment: its matrix (first, coupled, last) and the right side (first, last)."""
        known = self._equations.get((start, end))
        if known is not None:
            return known
        length = end - start
        bends = length * _bends(length)
        distance = self.values[start : end + 1] - _ends(length) @ self.values[[start, end]]
        matrix, wanted = bends.T @ bends, bends.T @ distance
        if length < 3:
            matrix += _PULL * np.eye(2)
            wanted += _PULL * (self.values[end] - self.values[start]) / length
        (first, coupled), (_, last) = matrix.tolist()
        equation = first, coupled, last, float(wanted[0]), float(wanted[1])
        self._equations[start, end] = equation
        return equation


@functools.lru_cache(maxsize=512)
def _ends(length: int) -> np.ndarray:
    """(length + 1, 2) what both end values give to a cubic that is flat at its ends."""
    time = np.arange(length + 1) / length
    risen = time * time * (3.0 - 2.0 * time)
    return np.stack([1.0 - risen, risen], axis=1)


@functools.lru_cache(maxsize=512)
def _bends(length: int) -> np.ndarray:
    """(length + 1, 2) what both end slopes give, for slopes in values per segment."""
    time = np.arange(length + 1) / length
    return np.stack([time * (1.0 - time) ** 2, time * time * (time - 1.0)], axis=1)


@functools.lru_cache(maxsize=512)
def _unbent(length: int) -> np.ndarray:
    """(length + 1, 2) from distances to the end slopes that fit them best."""
    return np.linalg.pinv(_bends(length)).T
