"""Where the eyes look while a voice speaks: at the listener, away while thinking, back where a phrase ends.

Speakers look away where an utterance begins and where they hesitate, and back at the listener as it ends (Kendon 1967;
Argyle, Cook 1976; Glenberg, Schroeder, Robertson 1998). How long and how far is after the eye tracker of Lee, Badler,
Badler 2002 ("Eyes Alive"): talking, 3.1 s at the listener and 0.9 s away, listening 7.9 s and 0.4 s; away by
-6.9 ln(P / 15.7) degrees. At the listener the eyes go from eye to eye to mouth (Yarbus 1967), seen from a metre away. A
saccade takes 21 ms and 2.2 ms a degree (Bahill, Clark, Stark 1975).

Angles are radians: pitch about x lowers the gaze, yaw about y turns it to the head's left, as in :mod:`head_motion`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .head_motion import at_ease
from .motion import pass_through, take_generator

FARTHEST = np.radians([18.0, 25.0])  # from the middle of the orbit; beyond it people turn the head
_SACCADE_SECONDS, _SECONDS_A_DEGREE = 0.021, 0.0022
# Degrees (pitch, yaw) on the listener's face, and how often they are looked at
_FACE = np.array([(0.0, 1.6), (0.0, -1.6), (2.8, 0.0), (0.6, 0.0)])
_FACE_SHARES = (0.32, 0.32, 0.18, 0.18)
_ON_FACE_SECONDS = (0.35, 1.4)
_TALKING_AT, _TALKING_AWAY = 3.1, 0.93
_LISTENING_AT, _LISTENING_AWAY = (7.9, 1.6), (0.43, 0.23)
# Eight directions from the right anticlockwise as the listener sees them, talking (Lee et al. 2002, table 2)
_DIRECTION_SHARES = np.array([15.54, 6.46, 17.69, 7.44, 16.80, 7.89, 20.38, 7.80])
_LARGEST_P = 15.0  # of the magnitude's P, in per cent; the smallest glance away, 3 degrees, has 10
_HEAD_SHARE = 0.2  # of a glance that the head makes
_HEAD_SECONDS = 0.45


@dataclass(frozen=True)
class Fixations:
    """at (N,): seconds at which the eyes leave for ``targets`` (N, 2), radians from straight ahead; away (N,) bool: off
    the listener's face."""

    at: np.ndarray
    targets: np.ndarray
    away: np.ndarray

    @property
    def saccade_seconds(self) -> np.ndarray:
        """(N,) how long the eyes are on the way."""
        steps = np.diff(self.targets, axis=0, prepend=np.zeros((1, 2)))
        seconds: np.ndarray = _SACCADE_SECONDS + _SECONDS_A_DEGREE * np.degrees(np.linalg.norm(steps, axis=1))
        return seconds

    @property
    def large(self) -> np.ndarray:
        """Seconds of the saccades of 10 degrees and more, which people like to blink with (Evinger et al. 1994)."""
        steps = np.degrees(np.linalg.norm(np.diff(self.targets, axis=0, prepend=np.zeros((1, 2))), axis=1))
        found: np.ndarray = self.at[steps >= 10.0]
        return found


def plan_fixations(duration: float, phrases: np.ndarray, seed: int = 0) -> Fixations:
    """Where the eyes rest during ``duration`` seconds in which ``phrases`` (P, 2), seconds, are spoken."""
    generator = take_generator(seed, 4)
    at: list[float] = [0.0]
    targets: list[np.ndarray] = [np.zeros(2)]
    away: list[bool] = [False]

    def look(second: float, target: np.ndarray, off: bool) -> None:
        at.append(second)
        targets.append(target)
        away.append(off)

    def stay(start: float, end: float) -> None:
        """At the listener's face from ``start`` to ``end``."""
        second = start
        while second < end:
            look(second, _FACE[generator.choice(len(_FACE), p=_FACE_SHARES)], False)
            second += generator.uniform(*_ON_FACE_SECONDS)

    second = 0.2
    for start, end in _glances(duration, phrases, generator):
        stay(second, start)
        look(start, _away(generator), True)
        if end - start > 1.1:  # a long look into the air is not a stare
            look(generator.uniform(start + 0.4, end - 0.4), targets[-1] + generator.normal(0.0, 1.2, 2), True)
        second = end
    stay(second, duration)
    order = np.argsort(at, kind="stable")
    moved = np.clip(np.radians(np.array(targets)), -1.2 * FARTHEST, 1.2 * FARTHEST)
    return Fixations(np.array(at)[order], moved[order], np.array(away)[order])


def head_share(times: np.ndarray, fixations: Fixations) -> np.ndarray:
    """(T, 3) radians by which the head goes along with glances away, as :func:`head_motion.head_angles` gives them."""
    wanted = _HEAD_SHARE * fixations.targets * fixations.away[:, None]
    changes = np.flatnonzero(np.r_[True, fixations.away[1:] | fixations.away[:-1]])
    turned = pass_through(times, fixations.at[changes], wanted[changes], np.full(len(changes), _HEAD_SECONDS))
    result: np.ndarray = np.concatenate([turned, np.zeros((len(times), 1))], axis=1) * at_ease(times)[:, None]
    return result


def eye_angles(times: np.ndarray, fixations: Fixations, head: np.ndarray) -> np.ndarray:
    """(T, 2) radians, pitch and yaw of both eyes in the head, while the head turns by ``head`` (T, 3).

    The eyes hold what they look at: they turn back by what the head turns (the vestibulo-ocular reflex).
    """
    gaze = pass_through(times, fixations.at, fixations.targets, fixations.saccade_seconds)
    result: np.ndarray = np.clip(gaze - head[:, :2], -FARTHEST, FARTHEST) * at_ease(times)[:, None]
    return result


def _glances(duration: float, phrases: np.ndarray, generator: np.random.Generator) -> list[tuple[float, float]]:
    """Start and end, seconds, of every look away, ascending and apart."""
    found: list[tuple[float, float]] = []
    free = 0.4

    def add(start: float, seconds: float, latest: float) -> None:
        nonlocal free
        end = min(start + seconds, latest)
        if start >= free and end - start >= 0.25 and end < duration - 0.3:
            found.append((start, end))
            free = end + 0.5

    silence = 0.0
    for start, end in phrases:
        _while_listening(silence, start - 1.0, add, generator)
        back = end - generator.uniform(0.25, 0.5)  # looks back before the phrase ends
        if generator.uniform() < 0.65:
            add(max(start - generator.uniform(0.0, 0.35), free), _away_seconds(generator), back)
        second = max(start, free) + max(1.2, generator.exponential(_TALKING_AT))
        while second < back - 0.4:
            add(second, _away_seconds(generator), back)
            second = max(second, free) + max(1.2, generator.exponential(_TALKING_AT))
        silence = end
    _while_listening(silence, duration, add, generator)
    return found


def _while_listening(
    start: float, end: float, add: Callable[[float, float, float], None], generator: np.random.Generator
) -> None:
    second = start + generator.uniform(0.5, 1.0) * _LISTENING_AT[0]
    while second < end:
        add(second, max(0.25, generator.normal(*_LISTENING_AWAY)), end)
        second += max(2.0, generator.normal(*_LISTENING_AT))


def _away_seconds(generator: np.random.Generator) -> float:
    return float(np.clip(generator.exponential(_TALKING_AWAY), 0.35, 2.4))


def _away(generator: np.random.Generator) -> np.ndarray:
    """Degrees (pitch, yaw) of a look away."""
    size = -6.9 * np.log(generator.uniform(1.5, _LARGEST_P) / 15.7) + 3.0
    number = generator.choice(8, p=_DIRECTION_SHARES / _DIRECTION_SHARES.sum())
    angle = np.radians(45.0 * number + generator.uniform(-15.0, 15.0))
    return np.array([-size * np.sin(angle), -size * np.cos(angle)])
