"""Emotions as living trajectories: apex shapes, slow variation that never repeats. numpy only.

An expression is a point in the space of a few FACS directions (:attr:`ExpressionLibrary.basis`), and lives there
(band-limited noise: no loop, so no seam at any length). :mod:`cues` fade it in and out; the fusion network turns
trajectories into blendshape weights.
"""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..errors import TalkerError
from .motion import smooth_step, take_generator

KIND = "expression library"
FILE_NAME = "expressions.npz"
_NOISE_BAND = (0.07, 0.55)  # Hz: slower than syllables, faster than a pose
_NOISE_TONES = 7
_LONGEST_SHARE = 0.35  # of the clip for onset and for offset, so that the shortest clip still rises and falls


@dataclass(frozen=True)
class Emotion:
    """One emotion of the library.

    onset, offset: seconds from rest to apex and back; blink_interval: shortest and longest pause between blinks, s;
    apex (K_x,): coefficients at intensity 1; modes (M, K_x): relative change of each apex coefficient when the mode's
    noise is 1; accent (K_x,): coefficients that come and go on top of the apex.
    """

    onset: float
    offset: float
    blink_interval: tuple[float, float]
    apex: np.ndarray
    modes: np.ndarray
    accent: np.ndarray


class ExpressionLibrary:
    """The emotions and the directions they live in: ``displacement[t] = trajectory[t] @ basis``.

    directions: K_x FACS names (``mouthSmile_L``); basis (K_x, 5023, 3) float32: metres at coefficient 1, FLAME order.
    """

    def __init__(self, directions: tuple[str, ...], basis: np.ndarray, emotions: Mapping[str, Emotion]) -> None:
        self.directions = tuple(directions)
        self.basis = np.asarray(basis, np.float32)
        self.emotions = dict(emotions)
        self._blink = _channels(self.directions, "eyeBlink")

    @property
    def names(self) -> tuple[str, ...]:
        """The emotions' names, ``neutral`` first."""
        return tuple(self.emotions)

    @classmethod
    def load(cls, directory: str | os.PathLike[str] | None = None) -> "ExpressionLibrary":
        """The bundled library, or ``expressions.npz`` of ``directory``. Cached: a panel may ask in every redraw."""
        return _load(Path(directory) if directory is not None else checkpoint.ASSETS)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the library; :meth:`load` reads it from a folder when it is named ``expressions.npz``."""
        config: dict[str, Any] = {
            "directions": list(self.directions),
            "emotions": [
                {"name": n, "onset": e.onset, "offset": e.offset, "blink_interval": list(e.blink_interval)}
                for n, e in self.emotions.items()
            ],
        }
        emotions = self.emotions.values()
        arrays = {
            "basis": self.basis.astype(np.float16),
            "apex": np.stack([e.apex for e in emotions]).astype(np.float32),
            "modes": np.stack([e.modes for e in emotions]).astype(np.float32),
            "accent": np.stack([e.accent for e in emotions]).astype(np.float32),
        }
        return checkpoint.save(path, KIND, config, arrays)

    def living(self, emotion: str, clock: np.ndarray, intensity: float = 1.0, seed: int = 0) -> np.ndarray:
        """Coefficients (T, K_x) float32 of ``emotion`` fully on, ``clock`` (T,) seconds after it began; any order.

        The same seed gives the same take at any frame rate and of any length. ``neutral`` is zero. Blinks are apart, in
        :func:`blinks.blink_closure`. Raises :class:`TalkerError` for an unknown emotion.
        """
        if emotion not in self.emotions:
            raise TalkerError(f"no emotion {emotion!r}; choose one of {', '.join(self.names)}")
        chosen = self.emotions[emotion]
        noise = _noise(np.asarray(clock, np.float64), len(chosen.modes) + 1, take_generator(seed, 0))
        life = 1.0 + noise[:, :-1] @ chosen.modes
        accent = (0.5 + 0.5 * noise[:, -1:]) ** 2 * chosen.accent
        result: np.ndarray = intensity * np.maximum(chosen.apex * life + accent, 0.0)
        result[:, self._blink] = np.minimum(result[:, self._blink], 0.9)  # no intensity shuts the eyes for good
        return result.astype(np.float32)

    def trajectory(self, emotion: str, times: np.ndarray, intensity: float = 1.0, seed: int = 0) -> np.ndarray:
        """:meth:`living` from rest to rest by minimum jerk, as recorded sequences go: (T, K_x) float32.

        times (T,), seconds, ascending: the first is the start of the onset, the last the end of the offset.
        """
        times = np.asarray(times, np.float64)
        clock = times - times[0] if len(times) else times
        result = self.living(emotion, clock, intensity, seed)
        if not len(times):
            return result
        chosen = self.emotions[emotion]
        return result * _envelope(clock, clock[-1], chosen.onset, chosen.offset)[:, None].astype(np.float32)


@functools.lru_cache(maxsize=1)
def emotion_names() -> tuple[str, ...]:
    """Names of the bundled emotions, ``neutral`` first, without what they look like: Blender's menu asks at start."""
    config = checkpoint.load_config(checkpoint.ASSETS / FILE_NAME, KIND)
    return tuple(str(entry["name"]) for entry in config["emotions"])


@functools.lru_cache(maxsize=4)
def _load(directory: Path) -> ExpressionLibrary:
    config, arrays = checkpoint.load(directory / FILE_NAME, KIND)
    emotions = {
        entry["name"]: Emotion(
            onset=float(entry["onset"]),
            offset=float(entry["offset"]),
            blink_interval=(float(entry["blink_interval"][0]), float(entry["blink_interval"][1])),
            apex=arrays["apex"][index],
            modes=arrays["modes"][index],
            accent=arrays["accent"][index],
        )
        for index, entry in enumerate(config["emotions"])
    }
    return ExpressionLibrary(tuple(config["directions"]), arrays["basis"], emotions)


def _channels(directions: tuple[str, ...], *prefixes: str) -> np.ndarray:
    return np.array([i for i, name in enumerate(directions) if name.startswith(prefixes)], dtype=int)


def _envelope(clock: np.ndarray, duration: float, onset: float, offset: float) -> np.ndarray:
    rise, fall = (max(min(x, _LONGEST_SHARE * duration), 1e-6) for x in (onset, offset))
    envelope: np.ndarray = smooth_step(clock / rise) * smooth_step((duration - clock) / fall)
    return envelope


def _noise(clock: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """(T, count) sums of tones at random frequencies and phases: band-limited, aperiodic, within -1 … 1."""
    low, high = _NOISE_BAND
    frequency = np.exp(generator.uniform(np.log(low), np.log(high), (count, _NOISE_TONES)))
    phase = generator.uniform(0.0, 2.0 * np.pi, (count, _NOISE_TONES))
    strength = frequency**-0.5  # slow waves are the larger ones
    strength /= strength.sum(axis=1, keepdims=True)
    result = np.empty((len(clock), count))
    for index in range(count):  # one at a time: an hour of all tones at once would fill the memory
        waves = np.sin(2.0 * np.pi * clock[:, None] * frequency[index] + phase[index])
        result[:, index] = waves @ strength[index]
    bounded: np.ndarray = np.tanh(2.0 * result)  # the sum of seven tones rarely comes near its bound
    return bounded
