"""When the eyes blink and how fast the lids go; :mod:`lids` then shuts them from wherever the emotion holds them."""

from collections.abc import Callable, Sequence

import numpy as np

from .motion import smooth_step, take_generator

CLOSING, CLOSED, OPENING = 0.08, 0.035, 0.15  # seconds, VanderWerf et al. 2003


def blink_shape(clock: np.ndarray, start: float | np.ndarray) -> np.ndarray:
    """Lid closure 0 … 1 of a blink that starts at ``start`` seconds: fast down, a moment shut, slowly up."""
    down = smooth_step((clock - start) / CLOSING)
    up = smooth_step((clock - start - CLOSING - CLOSED) / OPENING)
    closure: np.ndarray = down - up
    return closure


def blink_closure(
    times: np.ndarray,
    duration: float,
    interval: Callable[[float], tuple[float, float]],
    seed: int = 0,
    moments: Sequence[float] | np.ndarray = (),
) -> np.ndarray:
    """Lid closure (T,) 0 … 1 at ``times``, seconds, ascending, of blinks at random pauses; all end before ``duration``.

    interval: shortest and longest pause after a blink at a given second; moments: seconds, ascending, at which people
    like to blink, where speech pauses (Nakano, Kitazawa 2010) or the gaze leaps: a blink waits or comes for one.
    """
    generator = take_generator(seed, 1)
    length = CLOSING + CLOSED + OPENING
    result = np.zeros(len(times))
    shortest, longest = interval(0.0)
    start = drawn_to(moments, generator.uniform(0.5, 0.5 * (shortest + longest)), 0.5, 0.25 * longest)
    while start + length <= duration:
        first, last = np.searchsorted(times, [start, start + length])
        result[first : last + 1] = blink_shape(times[first : last + 1], start)
        shortest, longest = interval(start)
        ended = start + length
        planned = ended + generator.uniform(shortest, longest)
        start = drawn_to(moments, planned, ended + 0.5 * shortest, 0.25 * (shortest + longest))
    return result


def drawn_to(moments: Sequence[float] | np.ndarray, second: float, earliest: float, reach: float) -> float:
    """The moment nearest to ``second``, within ``reach`` seconds of it and not before ``earliest``; else itself."""
    first, last = np.searchsorted(moments, [second - reach - 1e-6, second + reach + 1e-6])  # an hour has thousands
    near = [moment for moment in moments[first:last] if moment >= earliest and abs(moment - second) <= reach]
    return float(min(near, key=lambda moment: abs(moment - second), default=second))
