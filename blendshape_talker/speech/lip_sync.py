"""Lip-sync figures from curves of the lip gap: pure functions on numpy arrays at 60 frames a second.

The gap is in mm above neutral (design, section 8). Every figure divides a curve by its own 95th percentile in the
take, so that a wide and a narrow speaker compare; "closed" is below 15 % of it.
"""

import numpy as np

FPS = 60
CLOSED, REOPENED = 0.15, 0.25
LONGEST_CLOSURE_SECONDS = 0.4
TOLERANCE_FRAMES = 3  # 50 ms
LARGEST_LAG_FRAMES = 9  # 150 ms


def relative(gap: np.ndarray) -> np.ndarray:
    """The gap (T,) not below zero, in units of its 95th percentile; a curve that is never open stays as it is."""
    gap = np.maximum(gap, 0)
    opening = float(np.percentile(gap, 95))
    return gap / opening if opening > 1e-9 else gap


def closed_below(gap: np.ndarray) -> float:
    """What ``gap`` (T,) must be below for closed lips, in its unit: 15 % of its 95th percentile; 0 of no frames."""
    return CLOSED * float(np.percentile(gap, 95)) if len(gap) else 0.0


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r; 0 for a curve that does not move."""
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / scale) if scale > 1e-12 else 0.0


def lag_milliseconds(reference: np.ndarray, predicted: np.ndarray) -> float:
    """Shift within ±150 ms at which the curves agree best, refined by a parabola; positive: ``predicted`` is late."""
    size, most = len(reference), min(LARGEST_LAG_FRAMES, len(reference) // 3)
    shifts = range(-most, most + 1)
    scores = [
        correlation(reference[max(0, -k) : size - max(0, k)], predicted[max(0, k) : size - max(0, -k)]) for k in shifts
    ]
    best = int(np.argmax(scores))
    offset = 0.0
    if 0 < best < len(scores) - 1:
        before, peak, after = scores[best - 1 : best + 2]
        bend = before - 2 * peak + after
        offset = 0.5 * (before - after) / bend if bend < -1e-12 else 0.0
    return (best - most + offset) * 1000 / FPS


def jitter(reference: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute second difference of the relative prediction over that of the reference: 1 = as lively."""

    def bends(gap: np.ndarray) -> float:
        return float(np.abs(np.diff(relative(gap), 2)).mean())

    return bends(predicted) / max(bends(reference), 1e-9)


def closed_runs(gap: np.ndarray) -> list[tuple[int, int]]:
    """Stretches (first frame, end) in which the mouth is closed; it must open to 25 % to begin another one."""
    curve = relative(gap)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (curve < CLOSED).astype(int), [0]])))
    runs: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and curve[runs[-1][1] : start].max() < REOPENED:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return runs


def closures(gap: np.ndarray) -> list[tuple[int, int]]:
    """The closed runs that are no pauses: up to 400 ms and away from the take's ends."""
    longest = LONGEST_CLOSURE_SECONDS * FPS
    return [run for run in closed_runs(gap) if run[0] > 0 and run[1] < len(gap) and run[1] - run[0] <= longest]


def matched_closures(reference: np.ndarray, predicted: np.ndarray) -> tuple[int, int, int]:
    """(matched, reference's, predicted's) closures of two curves.

    Each matches at most one whose middle lies within it, widened by 50 ms, or the other way round; the nearest first.
    Unmatched predictions inside a pause of the reference are not counted.
    """
    wanted, found = closures(reference), closures(predicted)
    pauses = [run for run in closed_runs(reference) if run not in wanted]

    def middle(run: tuple[int, int]) -> float:
        return (run[0] + run[1] - 1) / 2

    def within(moment: float, run: tuple[int, int]) -> bool:
        return run[0] - TOLERANCE_FRAMES <= moment <= run[1] - 1 + TOLERANCE_FRAMES

    pairs = sorted(
        (abs(middle(a) - middle(b)), i, j)
        for i, a in enumerate(wanted)
        for j, b in enumerate(found)
        if within(middle(a), b) or within(middle(b), a)
    )
    taken_wanted: set[int] = set()
    taken_found: set[int] = set()
    for _, i, j in pairs:
        if i not in taken_wanted and j not in taken_found:
            taken_wanted.add(i)
            taken_found.add(j)
    excused = sum(
        1 for j, run in enumerate(found) if j not in taken_found and any(within(middle(run), pause) for pause in pauses)
    )
    return len(taken_wanted), len(wanted), len(found) - excused


def lost_closures(heard: np.ndarray, times: np.ndarray, shown: np.ndarray) -> tuple[int, tuple[float, ...]]:
    """How many closures the gap ``heard`` (N,) has at 60 a second, and the middles in seconds of those not shown.

    shown (T,): the gap of the frames at ``times`` (T,), ascending and evenly apart. A closure is shown when one of
    the frames that begin or end within it has closed lips.
    """
    runs = closures(heard)
    closed = times[relative(shown) < CLOSED]
    half = 0.5 * (times[1] - times[0]) if len(times) > 1 else 0.0
    lost = []
    for start, stop in runs:
        first, last = start / FPS - half, (stop - 1) / FPS + half
        nearest = np.searchsorted(closed, first - 1e-6)
        if nearest == len(closed) or closed[nearest] > last + 1e-6:
            lost.append(round((start + stop - 1) / 2 / FPS, 3))
    return len(runs), tuple(lost)
