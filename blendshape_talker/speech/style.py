"""A speaking style: how a person opens the mouth and draws its corners, as a linear correction of what is said.

The network moves the lips as people do on average. A clip with motion tells of a person how far the lips part and the
corners go, and from which of the network's movements that follows (a raised lip, a dropped jaw, a pucker): a least
squares fit whose prior is the network itself, in milliseconds, from a few seconds of motion. Applying it changes the
gap and the width of the mouth, along the directions in which the recording moves them anyway; where the lips meet they
still meet.

A clip of sound alone tells how far its speaker's mouth goes, as the network hears it: other recordings are brought to
that. Nothing else of the manner is carried over: how fast, how high and how loud somebody talks foretold no more of how
far the mouth opens, in the few people measured, than the network hears. numpy only.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checkpoint
from ..errors import TalkerError
from ..face.flame import lip_gap_per_weight, load_head
from ..files import check_input
from . import audio
from .lip_sync import CLOSED, FPS

KIND = "speaking style"
SUFFIX = ".style"
SHORTEST_SECONDS = 5.0
_LEAST = f"at least {SHORTEST_SECONDS:g} s"
AVERAGE = "average"
# Gains of opening and width: plain numbers of ours, no person's. Whose habits are wanted is told by a file.
STYLES = {AVERAGE: (1.0, 1.0), "clear": (1.25, 1.15), "subdued": (0.8, 0.9), "mumbling": (0.6, 0.75)}
GAIN_RANGE = (0.3, 2.0)
_FREE = 0.4  # of the 95th percentile of the gap: from here on a style does all it does; below CLOSED nothing
_PRIOR = 0.3  # weight of the network's own movement in the fit, per frame of the clip
_MM = 1000.0
_LEAST_SPOKEN = 1.5  # seconds
_LARGEST_HABIT = 1000.0  # mm a mm; those of people stay below 10
_OWN_SECONDS = 1.0  # a recording in which the mouth is open this long tells half of how far its speaker's goes


@dataclass(frozen=True)
class Style:
    """gains (2,): of the gap between the lips and of the mouth's width; habits (2, L, 3): mm that gap and width change
    besides for each mm that a lip vertex of :func:`lip_vertices` moves; all zero in a style of plain gains. reach (2,):
    how far gap and width go in mm (:func:`reach_of`), whatever the recording; the gains come on top.
    """

    name: str
    gains: np.ndarray
    habits: np.ndarray
    reach: np.ndarray | None = None

    @classmethod
    def plain(cls, name: str, opening: float = 1.0, width: float = 1.0) -> "Style":
        """A style that opens and widens the mouth this many times as far; :class:`TalkerError` beyond 0.3 … 2."""
        for gain in (opening, width):
            if not GAIN_RANGE[0] <= gain <= GAIN_RANGE[1]:
                raise TalkerError(f"a style with a gain of {gain:g} is out of range; choose 0.3 to 2")
        return cls(name, np.array([opening, width]), np.zeros((2, len(lip_vertices()), 3)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write what :meth:`load` reads, at best as ``NAME.style``."""
        arrays = {"gains": self.gains.astype(np.float32), "habits": self.habits.astype(np.float32)}
        if self.reach is not None:
            arrays["reach"] = self.reach.astype(np.float32)
        return checkpoint.save(path, KIND, {"name": self.name}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Style":
        """A style from a file; :class:`TalkerError` when it is none."""
        config, arrays = checkpoint.load(path, KIND)
        gains, habits = arrays.get("gains"), arrays.get("habits")
        shape = (2, len(lip_vertices()), 3)
        if gains is None or habits is None or gains.shape != (2,) or habits.shape != shape:
            raise TalkerError(f"{path}: not a whole speaking style; make it again")
        reach = arrays.get("reach")
        if reach is not None and reach.shape != (2,):
            raise TalkerError(f"{path}: not a whole speaking style; make it again")
        low, high = GAIN_RANGE
        for values, least, most in ((gains, low, high), (habits, -_LARGEST_HABIT, _LARGEST_HABIT), (reach, 0.0, _MM)):
            if values is None:
                continue
            if values.dtype.kind != "f" or not ((values >= least - 1e-3) & (values <= most + 1e-3)).all():
                raise TalkerError(f"{path}: holds numbers that no speaking style has; make it again")
        whole = None if reach is None else reach.astype(float)
        return cls(str(config.get("name", "")), gains.astype(float), habits.astype(float), whole)

    def apply(self, coefficients: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Coefficients (T, K) of ``basis`` (K, 5023, 3), metres, in this style; float32, closed lips as closed."""
        coefficients = np.asarray(coefficients, np.float64)
        mouth = mouth_measures(basis)
        measured = coefficients @ mouth
        gains = self.gains if self.reach is None else self.gains * self._towards_reach(measured)
        moved = measured @ np.diag(gains - 1) + coefficients @ self._per_coefficient(basis)
        opening = np.percentile(measured[:, 0], 95) if len(measured) else 0.0
        if opening <= 0:
            return coefficients.astype(np.float32)
        share = np.clip((measured[:, 0] / opening - CLOSED) / (_FREE - CLOSED), 0.0, 1.0)
        moved *= (share**2 * (3 - 2 * share))[:, None]
        # a style may bring lips nearer, even shut, never past each other
        moved[:, 0] = np.maximum(moved[:, 0], np.minimum(-measured[:, 0], 0.0))
        # where all openings are smaller, what counts as shut is too
        smaller = min(float(np.percentile(measured[:, 0] + moved[:, 0], 95)) / opening, 1.0)
        moved[:, 0] += (1 - share) * (smaller - 1) * np.maximum(measured[:, 0], 0.0)
        result: np.ndarray = coefficients + moved @ _ways(coefficients, mouth)
        return result.astype(np.float32)

    def _towards_reach(self, measured: np.ndarray) -> np.ndarray:
        """(2,) gains that bring gap and width (T, 2) mm to the reach, the less the shorter the mouth is open."""
        seconds = float(_open(measured).sum()) / FPS
        share = seconds / (seconds + _OWN_SECONDS)
        gains: np.ndarray = (self.reach / np.maximum(reach_of(measured), 0.1)) ** share
        return np.clip(gains, *GAIN_RANGE)

    def _per_coefficient(self, basis: np.ndarray) -> np.ndarray:
        """(K, 2) mm of gap and width that the habits add per coefficient."""
        habits: np.ndarray = _MM * np.einsum("kvc,mvc->km", basis[:, lip_vertices()], self.habits)
        return habits


def is_sound(name: str) -> bool:
    """Whether a style's name is a recording, whose speaker's manner is to be heard (``Listener.style``)."""
    return name not in STYLES and Path(name).suffix.lower() in audio.SUFFIXES


def check(name: str) -> None:
    """:class:`TalkerError` for a style that cannot be, before any work: no such name, file or recording."""
    if is_sound(name):
        check_input(name, "a recording of 5 s and more")
    else:
        named(name)


def named(name: str) -> Style | None:
    """The style of a name of :data:`STYLES`, or of a file ``NAME.style``; None for "average", the network's own."""
    if name.lower().endswith(SUFFIX):
        return Style.load(name)
    if name not in STYLES:
        known = ", ".join(STYLES)
        raise TalkerError(f"no speaking style {name!r}; choose one of {known}, a file ending {SUFFIX} or a recording")
    return None if name == AVERAGE else Style.plain(name, *STYLES[name])


def lip_vertices() -> np.ndarray:
    """(L,) the vertices of the inner lips, in FLAME's order, each once."""
    vertices: np.ndarray = np.unique(load_head().lip_pairs)
    return vertices


def mouth_measures(basis: np.ndarray) -> np.ndarray:
    """(K, 2) mm that the gap and the width of the mouth change per coefficient of ``basis``, to first order."""
    pairs = load_head().lip_pairs
    right, left = pairs[0, 0], pairs[-1, 0]
    gap = lip_gap_per_weight(basis)
    width = np.sign(load_head().vertices[left, 0] - load_head().vertices[right, 0]) * (basis[:, left] - basis[:, right])
    measures: np.ndarray = _MM * np.stack([gap, width[:, 0]], axis=1)
    return measures


def reach_of(measured: np.ndarray) -> np.ndarray:
    """(2,) mm: 95th percentile of the gap and deviation of the width while the mouth is open, of (T, 2) mm; zeros where
    it never is. Silence counts for nothing.
    """
    spoken = measured[_open(measured)]
    if not len(spoken):
        return np.zeros(2)
    return np.array([np.percentile(spoken[:, 0], 95), spoken[:, 1].std()])


def _open(measured: np.ndarray) -> np.ndarray:
    """(T,) true where the mouth is open, not only parted."""
    if not len(measured):
        return np.zeros(0, bool)
    is_open: np.ndarray = measured[:, 0] > max(0.1, CLOSED * np.percentile(measured[:, 0], 99))
    return is_open


def heard(name: str, coefficients: np.ndarray, basis: np.ndarray) -> Style:
    """The style of somebody who is only heard: how far the network opens and widens the mouth for them.

    coefficients: (T, K), what it makes of the sound. :class:`TalkerError` for less than 5 s, or where nobody speaks for
    a second and a half of them.
    """
    seconds = len(coefficients) / FPS
    if seconds < SHORTEST_SECONDS - 1 / FPS:
        raise TalkerError(f"{_whole_tenths(seconds)} s of sound are too little for a style; {_LEAST}")
    measured = np.asarray(coefficients, np.float64) @ mouth_measures(basis)
    spoken = _open(measured).sum() / FPS
    if spoken < _LEAST_SPOKEN or reach_of(measured)[0] < 1.0:
        raise TalkerError("hardly anybody speaks in this recording; a style needs 5 s with speech")
    return Style(name, np.ones(2), np.zeros((2, len(lip_vertices()), 3)), reach_of(measured))


def fit(
    name: str,
    coefficients: Sequence[np.ndarray],
    seen: Sequence[np.ndarray],
    basis: np.ndarray,
    late: float = 0.0,
) -> Style:
    """The style of somebody whose mouth was seen: least squares between the network's movement and theirs.

    coefficients: (T, K) of each clip, what the network makes of its sound; seen: (T, 2) gap and width in mm from rest,
    60 a second, NaN in frames or measures that were not seen. late: seconds of them lost in bringing both in step.
    :class:`TalkerError` for less than 5 s in all.
    """
    pairs = [(made[: len(there)], there[: len(made)]) for made, there in zip(coefficients, seen, strict=True)]
    made, there = (np.concatenate(part).astype(np.float64) for part in zip(*pairs, strict=True))
    if np.isfinite(there[:, 0]).sum() < 60 * (SHORTEST_SECONDS - abs(late)) - 1:
        seconds = np.isfinite(there[:, 0]).sum() / 60
        raise TalkerError(f"{_whole_tenths(seconds)} s of motion are too little for a style; {_LEAST}")
    if not made.std() > 0.0:
        raise TalkerError("nobody speaks in this recording; a style needs 5 s with speech")
    mouth = mouth_measures(basis)
    scale = made.std(axis=0) + 1e-6 * made.std()
    gains, own = np.ones(2), np.zeros((made.shape[1], 2))
    for measure in range(2):
        known = np.isfinite(there[:, measure])
        if not known.any():
            continue
        wanted, plain = there[known, measure], made[known] @ mouth[:, measure]
        if measure:  # the width has a rest of its own in every clip
            wanted, plain = wanted - wanted.mean(), plain - plain.mean()
        gains[measure] = np.clip((plain @ wanted) / max(plain @ plain, 1e-9), *GAIN_RANGE)
        inputs = made[known] / scale
        inputs = inputs - inputs.mean(axis=0) if measure else inputs
        kept = _PRIOR * known.sum() * np.eye(len(scale))
        rest = inputs.T @ (wanted - gains[measure] * plain)
        own[:, measure] = np.linalg.solve(inputs.T @ inputs + kept, rest) / scale
    lips = _MM * basis[:, lip_vertices()].reshape(len(basis), -1)
    habits = (np.linalg.pinv(lips, rcond=1e-3) @ own).T.reshape(2, -1, 3)
    return Style(name, gains, habits)


def _whole_tenths(seconds: float) -> str:
    """4.98 is 4.9: what is too little never reads like enough."""
    return f"{int(10 * seconds + 1e-6) / 10:.1f}"


def _ways(coefficients: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """(2, K) coefficients that change gap or width by 1 mm and leave the other, the likeliest in this recording."""
    spread = coefficients.T @ coefficients / max(len(coefficients), 1)
    spread += 1e-3 * np.trace(spread) / len(spread) * np.eye(len(spread)) + 1e-12 * np.eye(len(spread))
    ways: np.ndarray = np.linalg.solve(mouth.T @ spread @ mouth, mouth.T @ spread)
    return ways
