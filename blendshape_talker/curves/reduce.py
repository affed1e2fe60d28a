"""Fewer keys for the same motion: the frames that tell are kept, and no vertex leaves its place by more than a bound.

Which frames tell is seen in the motion itself, after the idea of salient keyframes (KSDiff, arXiv 2509.20128): where
the lips meet and part, where an opening or an expression is at its height, where a movement turns. A key costs less
there, and in closed lips the gap has a bound of its own. All curves of a head are fitted together, since what counts is
their sum: each curve by itself first, then corners and keys where the sum still lies outside.
"""

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import Cancelled
from ..job import CancelTest
from ..speech.lip_sync import CLOSED, closed_below
from .bezier import BezierKeys, SlopeFit, fewest_keys, lengths_up_to, segment_errors

_SHARES = (0.5, 0.4)  # of the bound for each curve by itself; what is best depends on how many move together
_SALIENT_PRICE = 0.8  # of a key in a frame that tells, against 1 elsewhere
_PROMINENT = 4.0  # bounds by which a movement must turn to tell
_CHUNK = 500  # frames that are fitted at a time
_GUARDED = 1.08  # of the gap below which lips are closed
_WATCHED = 12  # vertices of each shape
_BLOCK = 128  # frames whose vertices are laid out at a time


@dataclass(frozen=True)
class Curves:
    """What moves a head: values (T, K) of every frame, and per weight what it moves.

    spans: first and last row of each curve, which has keys only there and is constant outside; shapes (K, V, 3) mm;
    gap (K,): mm by which each parts the lips; kept: for each curve, rows that must have a key; lip_gap (T,): mm by
    which all that plays parts them, more than these curves perhaps.
    """

    values: np.ndarray
    spans: Sequence[tuple[int, int]]
    shapes: np.ndarray
    gap: np.ndarray
    kept: Sequence[Sequence[int]]
    lip_gap: np.ndarray

    def part(self, first: int, last: int) -> "Curves":
        """The rows ``first`` … ``last`` alone."""
        spans = [(max(low, first) - first, min(high, last) - first) for low, high in self.spans]
        kept = [[row - first for row in rows if first <= row <= last] for rows in self.kept]
        return Curves(self.values[first : last + 1], spans, self.shapes, self.gap, kept, self.lip_gap[first : last + 1])


def closed_rows(gap: np.ndarray) -> np.ndarray:
    """(T,) bool: rows of a lip gap (T,), mm above neutral, in which the lips are closed (design, section 8)."""
    limit = closed_below(gap)
    return gap < limit if limit > CLOSED * 1e-6 else np.ones(len(gap), bool)


def worst_errors(shapes: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """(T,) mm: how far the farthest vertex is from its place when weights differ by ``difference`` (T, K)."""
    flat = shapes.reshape(len(shapes), -1).astype(np.float32)
    result = np.zeros(len(difference))
    for start in range(0, len(difference), _BLOCK):
        moved = difference[start : start + _BLOCK].astype(np.float32) @ flat
        result[start : start + _BLOCK] = np.sqrt(np.square(moved.reshape(len(moved), -1, 3)).sum(axis=2)).max(axis=1)
    return result


def vertex_sizes(shapes: np.ndarray) -> np.ndarray:
    """(K, V) mm by which each of ``shapes`` (K, V, 3) moves each vertex."""
    return np.asarray(np.sqrt(np.square(shapes).sum(axis=2)))


def salient_rows(curves: Curves, bound: float) -> np.ndarray:
    """(T,) bool: rows that tell: contacts and their ends, and where movements of several bounds turn."""
    count = len(curves.values)
    result = np.zeros(count, bool)
    closed = closed_rows(curves.lip_gap)
    edges = np.flatnonzero(closed[1:] != closed[:-1])
    result[edges + closed[1:][edges]] = True  # the closed row beside the open one
    sizes = vertex_sizes(curves.shapes).max(axis=1, initial=0.0)
    turning = np.zeros(count)
    for column, size in enumerate(sizes):
        values = size * curves.values[:, column]
        steps = np.diff(values)
        turns = np.flatnonzero(steps[1:] * steps[:-1] < 0) + 1
        heights = values[np.concatenate([[0], turns, [count - 1]])]
        legs = np.abs(np.diff(heights))
        turning[turns] += np.minimum(legs[1:], legs[:-1])
    around = np.pad(turning, 1)
    summed = around[2:] + around[1:-1] + around[:-2]
    peak = (turning >= around[2:]) & (turning > around[:-2])
    found: np.ndarray = result | (peak & (summed > _PROMINENT * bound))
    return found


def reduce(
    curves: Curves,
    bound: float,
    progress: Callable[[float], None] = lambda fraction: None,
    cancelled: CancelTest = lambda: False,
) -> list[BezierKeys]:
    """Bézier keys for each curve; in no frame does a vertex leave its place by more than ``bound`` mm.

    Lips that were closed are closed after. Raises :class:`Cancelled` when ``cancelled()`` turns true.
    """
    count = len(curves.values)
    if count < 2:
        return [BezierKeys(np.zeros(count, int), column, 0 * column, 0 * column) for column in curves.values.T]
    salient = salient_rows(curves, bound)
    opening = float(np.percentile(curves.lip_gap, 95))
    shut = CLOSED * (opening - 2.0 * bound)  # what counts as closed after, where every opening may be smaller
    # a little more than closed: whoever looks at fewer frames or more has another percentile
    closed = closed_rows(curves.lip_gap) | (curves.lip_gap < _GUARDED * CLOSED * opening)
    parts: list[list[BezierKeys]] = []
    borders = [*range(0, max(count - 1, 1), _CHUNK), count - 1]
    if len(borders) > 2 and borders[-1] - borders[-2] < _CHUNK // 4:
        del borders[-2]
    for number, (first, last) in enumerate(zip(borders, borders[1:], strict=False)):
        rows = slice(first, last + 1)
        fit = _Fit(curves.part(first, last), bound, salient[rows], closed[rows], shut, cancelled)
        parts.append(fit.best(lambda share, number=number: progress((number + share) / (len(borders) - 1))))  # type: ignore[misc]
    return [_joined(pieces, borders, span) for *pieces, span in zip(*parts, curves.spans, strict=True)]


class _Fit:
    """The fit of one stretch of all curves."""

    def __init__(
        self, curves: Curves, bound: float, salient: np.ndarray, closed: np.ndarray, shut: float,
        cancelled: CancelTest,
    ) -> None:  # fmt: skip
        self.curves, self.bound, self.closed, self.shut, self.cancelled = curves, bound, closed, shut, cancelled
        self.sizes = vertex_sizes(curves.shapes).max(axis=1, initial=0.0)
        self.price = np.where(salient, _SALIENT_PRICE, 1.0)
        self.values = np.asarray(curves.values, np.float64)
        self.wanted_gap = curves.lip_gap
        self.rows = np.arange(len(self.values))
        self.slopes = [SlopeFit(column) for column in self.values.T]
        # a few vertices tell nearly always whether all stay within; the others are asked at the end
        watched = np.unique(np.argsort(-vertex_sizes(curves.shapes), axis=1)[:, :_WATCHED])
        self.all = np.asarray(curves.shapes, np.float32)
        self.watched = np.ascontiguousarray(self.all[:, watched])

    def best(self, progress: Callable[[float], None]) -> list[BezierKeys]:
        lengths = lengths_up_to(len(self.values) - 1)
        errors = np.full((len(self.sizes), len(lengths), len(self.values)), np.inf, np.float32)
        spans = []
        for column, (low, high) in enumerate(self.curves.spans):
            self._stop()
            if high <= low:
                low = min(low, len(self.values) - 2)
                high = low + 1
            spans.append((low, high))
            errors[column, :, low : high + 1] = segment_errors(
                self.sizes[column] * self.values[low : high + 1, column], lengths
            )
            for row in self.curves.kept[column]:
                for index, length in enumerate(lengths):
                    errors[column, index, max(row - length + 1, 0) : row] = np.inf
            progress(0.3 * (column + 1) / len(self.sizes))
        chosen: tuple[list[list[int]], list[set[int]]] = ([], [])
        fewest = None
        for number, share in enumerate(_SHARES):
            rows = fewest_keys(lengths, errors, share * self.bound, self.price, spans)
            if fewest is not None and sum(map(len, rows)) >= fewest:
                break  # narrower fits have more keys yet
            corners = self._mended(rows)
            total = sum(map(len, rows))
            if fewest is None or total < fewest:
                chosen, fewest = (rows, corners), total
            progress(0.3 + 0.6 * (number + 1) / len(_SHARES))
        return self._rounded(*chosen)

    def _mended(self, rows: list[list[int]], corners: list[set[int]] | None = None) -> list[set[int]]:
        """Add corners, then keys to ``rows``, until the sum of all curves lies within; the corners."""
        corners = [set() for _ in rows] if corners is None else corners
        keys, off = self._through(rows, corners)
        doubtful, vertices = self.rows, self.watched
        while True:
            self._stop()
            outside = self._outside(off, doubtful, vertices)
            if outside:
                doubtful, vertices = self._mend(outside, rows, corners, keys, off), self.watched
            elif vertices is self.watched:
                doubtful, vertices = self.rows, self.all
            else:
                return corners

    def _rounded(self, rows: list[list[int]], corners: list[set[int]]) -> list[BezierKeys]:
        """Take back the corners that the bound does not need, the flattest first; the keys."""
        keys, off = self._through(rows, corners)
        for column, own in enumerate(corners):
            self._stop()
            steep = dict(zip(rows[column], np.abs(keys[column].left - keys[column].right), strict=True))
            for row in sorted(own, key=steep.__getitem__):
                trial = self.slopes[column].through(rows[column], own - {row})
                was = off[:, column].copy()
                off[:, column] = trial.evaluate(self.rows) - self.values[:, column]
                moved = np.flatnonzero(np.abs(off[:, column] - was) * self.sizes[column] > 1e-3 * self.bound)
                if len(moved) and self._outside(off, moved, self.watched):
                    off[:, column] = was
                else:
                    own.discard(row)
        return self._through(rows, self._mended(rows, corners))[0]

    def _through(self, rows: list[list[int]], corners: list[set[int]]) -> tuple[list[BezierKeys], np.ndarray]:
        """The keys on ``rows``, and (T, K) how far their curves lie off."""
        keys = [fit.through(own, sharp) for fit, own, sharp in zip(self.slopes, rows, corners, strict=True)]
        return keys, np.stack([item.evaluate(self.rows) for item in keys], axis=1) - self.values

    def _mend(
        self, outside: list[tuple[int, np.ndarray]], rows: list[list[int]], corners: list[set[int]],
        keys: list[BezierKeys], off: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """One step of :meth:`_mended`; the rows that it moved."""
        seen: set[tuple[int, int]] = set()
        for row, share in outside:
            for column in _largest(share):
                segment = bisect.bisect_right(rows[column], row)
                if rows[column][segment - 1] == row or (column, segment) in seen:
                    continue
                seen.add((column, segment))
                ends = {rows[column][segment - 1], rows[column][segment]} - {rows[column][0], rows[column][-1]}
                if ends - corners[column]:
                    corners[column] |= ends
                else:
                    rows[column].insert(segment, row)
        changed = np.zeros(len(off), bool)
        for column in {column for column, _ in seen}:
            keys[column] = self.slopes[column].through(rows[column], corners[column])
            fresh = keys[column].evaluate(self.rows) - self.values[:, column]
            changed |= np.abs(fresh - off[:, column]) * self.sizes[column] > 1e-5 * self.bound
            off[:, column] = fresh
        return np.flatnonzero(changed)

    def _outside(self, off: np.ndarray, rows: np.ndarray, vertices: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Those of ``rows`` outside the bound, the worst first, with (K,) each curve's share in it, 1 in all.

        vertices (K, V, 3): how the shapes move those vertices that are asked.
        """
        found = []
        limit = 0.98 * self.bound  # the rest is for float32
        flat = vertices.reshape(len(vertices), -1)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            moved = (off[block].astype(np.float32) @ flat).reshape(len(block), -1, 3)
            square = np.square(moved).sum(axis=2)
            worst = square.argmax(axis=1)
            distance = np.sqrt(square[np.arange(len(block)), worst])
            gap = off[block] @ self.curves.gap
            parted = self.closed[block] & (
                ((gap > 1e-6) & (self.wanted_gap[block] + gap >= self.shut)) | (np.abs(gap) > 0.5 * limit)
            )
            for index in np.flatnonzero((distance > limit) | parted):
                if distance[index] > limit:
                    share = off[block[index]] * (vertices[:, worst[index]] @ moved[index, worst[index]])
                    share /= distance[index] ** 2
                else:
                    share = off[block[index]] * self.curves.gap / (gap[index] or 1.0)
                found.append((distance[index], int(block[index]), share))
        return [(row, share) for _, row, share in sorted(found, key=lambda item: -item[0])]

    def _stop(self) -> None:
        if self.cancelled():
            raise Cancelled


def _largest(share: np.ndarray) -> list[int]:
    """The curves that carry half of an error, the largest first."""
    order = np.argsort(-share)
    carried = np.cumsum(share[order])
    return [int(column) for column in order[: int(np.searchsorted(carried, 0.5)) + 1] if share[column] > 0.0]


def _joined(pieces: Sequence[BezierKeys], borders: list[int], span: tuple[int, int]) -> BezierKeys:
    """The keys of a curve within ``span`` from those of its stretches; a key on a border has a slope on either side."""
    rows: list[np.ndarray] = []
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for piece, first in zip(pieces, borders, strict=False):
        own = piece.rows + first
        if rows and len(own) and own[0] == rows[-1][-1]:
            parts[-1][2][-1] = piece.right[0]
            own, piece = own[1:], BezierKeys(piece.rows[1:], piece.values[1:], piece.left[1:], piece.right[1:])
        rows.append(own)
        parts.append((piece.values.copy(), piece.left.copy(), piece.right.copy()))
    values, left, right = (np.concatenate([part[index] for part in parts]) for index in range(3))
    frames = np.concatenate(rows)
    inside = (frames >= span[0]) & (frames <= span[1])
    return BezierKeys(frames[inside], values[inside], left[inside], right[inside])
