"""How a head moves while its voice speaks: from phrases and accents to three angles a frame. numpy alone.

Speakers' heads move almost all the time they speak and come nearly to rest when they pause or listen (Hadar, Steiner,
Grant, Rose 1983). Nods lie on syllables that stand out (Hadar, Steiner, Rose 1984; Graf, Cosatto, Strom, Huang 2002;
Krahmer, Swerts 2007), posture changes where a phrase begins (Cassell, Nakano, Bickmore, Sidner, Rich 2001). Amplitudes
follow 11 people of GRID who read commands (``talker evaluate motion``: standard deviation in a sentence .86, .76, .42
degrees about x, y, z, theirs .24-1.05, .34-.58, .18-.56; 5.3 degrees a second while speaking, theirs 2.7-4.7).

Angles are radians about FLAME's axes with the right hand's rule: x (to the head's left) lowers the face, y (up) turns
it to the head's left, z (forwards) lowers the right ear.
"""

import numpy as np

from .motion import pass_through, smooth_step, take_generator

# Degrees about x, y, z. Posture: between phrases; sway: within them
POSTURE_DEGREES = np.array([1.4, 1.7, 1.1])
SWAY_DEGREES = np.array([0.45, 0.45, 0.25])
NOD_DEGREES = (0.7, 2.1)  # of the weakest and of the strongest accent
_SHARE_IN_SILENCE = 0.12
_LONGEST_POSTURE = (2.5, 4.5)  # seconds until a new one within a long phrase
_MOVE_SECONDS = (0.5, 1.1)
_SWAY_SECONDS = (0.3, 0.8)
_NOD_DOWN, _NOD_UP = (0.18, 0.26), (0.28, 0.42)  # seconds: half a cycle of 1 to 2.6 Hz (Hadar et al. 1983)
_TURNS = ((1.0, 0.0, 0.0), (-0.8, 0.0, 0.0), (0.5, 0.7, 0.0), (0.5, -0.7, 0.0), (0.4, 0.0, 0.7), (0.4, 0.0, -0.7))
_TURN_SHARES = (0.62, 0.10, 0.08, 0.08, 0.06, 0.06)
_EDGE_SECONDS = 0.4


def head_angles(
    times: np.ndarray, duration: float, phrases: np.ndarray, accents: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Turn of the head from rest, (T, 3) radians about x, y, z, at ``times`` (T,), seconds, ascending.

    duration: of the recording, seconds; phrases (P, 2): start and end of what is spoken without a pause, seconds;
    accents (A, 2): second and strength 0 … 1 of syllables that stand out; seed: the take. Rest at both ends, so that
    lines follow each other.
    """
    times = np.asarray(times, float)
    generator = take_generator(seed, 3)
    speaking = _SHARE_IN_SILENCE + (1 - _SHARE_IN_SILENCE) * activity(times, phrases)[:, None]
    moved = np.radians(_posture(times, phrases, generator))
    moved += np.radians(_sway(times, duration, generator)) * speaking
    moved += np.radians(_nods(times, accents, generator))
    result: np.ndarray = moved * at_ease(times)[:, None]
    return result


def activity(times: np.ndarray, phrases: np.ndarray) -> np.ndarray:
    """(T,) 0 … 1: 1 while a phrase is spoken, rising from 0.25 s before it, fallen 0.45 s after it."""
    result = np.zeros(len(times))
    for start, end in phrases:
        first, last = np.searchsorted(times, [start - 0.25, end + 0.45])
        clock = times[first:last]
        rise, fall = smooth_step((clock - start + 0.25) / 0.35), smooth_step((clock - end) / 0.45)
        result[first:last] = np.maximum(result[first:last], rise - fall)
    return result


def at_ease(times: np.ndarray) -> np.ndarray:
    """(T,) from 0 at the first of ``times`` to 1 and back to 0 at the last."""
    if not len(times):
        return np.zeros(0)
    edge = max(min(_EDGE_SECONDS, 0.25 * float(times[-1] - times[0])), 1e-6)
    result: np.ndarray = smooth_step((times - times[0]) / edge) * smooth_step((times[-1] - times) / edge)
    return result


def _posture(times: np.ndarray, phrases: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(T, 3) degrees: another posture where a phrase begins, and now and then within a long one."""
    at: list[float] = []
    for start, end in phrases:
        second = start - generator.uniform(0.1, 0.3)
        while second < end - 0.5 or second < start:
            if not at or second > at[-1] + _MOVE_SECONDS[1]:
                at.append(second)
            second += generator.uniform(*_LONGEST_POSTURE)
    targets = generator.normal(0.0, 1.0, (len(at), 3)).clip(-2.0, 2.0) * POSTURE_DEGREES
    return pass_through(times, np.array(at), targets, generator.uniform(*_MOVE_SECONDS, len(at)))


def _sway(times: np.ndarray, duration: float, generator: np.random.Generator) -> np.ndarray:
    """(T, 3) degrees: small moves without an end, each axis by itself."""
    count = int(duration / _SWAY_SECONDS[0]) + 2
    columns = []
    for size in SWAY_DEGREES:
        lengths = generator.uniform(*_SWAY_SECONDS, count)
        at = np.cumsum(lengths) - lengths
        columns.append(pass_through(times, at, generator.normal(0.0, 1.25 * size, (count, 1)), lengths))
    return np.concatenate(columns, axis=1)


def _nods(times: np.ndarray, accents: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(T, 3) degrees: on strong syllables nearly always, on weak ones now and then; most go down."""
    result = np.zeros((len(times), 3))
    for second, strength in accents:
        taken = generator.uniform() < 0.2 + 0.75 * strength
        turn = np.array(_TURNS[generator.choice(len(_TURNS), p=_TURN_SHARES)])
        size = np.interp(strength, [0, 1], NOD_DEGREES) * generator.lognormal(0.0, 0.35)
        down, up = generator.uniform(*_NOD_DOWN), generator.uniform(*_NOD_UP)
        second = second + generator.normal(0.02, 0.03)
        if not taken:
            continue
        first, last = np.searchsorted(times, [second - 2 * down, second + up])
        clock = times[first:last] - second
        swing = smooth_step(1 + clock / down) - smooth_step(clock / up)
        lift = smooth_step(2 + clock / down) - smooth_step(1 + clock / down)  # the head draws back before it nods
        result[first:last] += (swing - 0.18 * lift)[:, None] * (size * turn)
    return result
