"""Audible breath between words to train on: how it sounds, and how far it parts the lips.

Who takes breath through the mouth before a phrase opens it a little, and the louder the breath is heard, the wider:
turbulence grows with the flow. What is heard of one through the nose is faint. (Ours: the opening is proportional to
the level in decibels, from nothing at 36 below the speech to 1 mm at 10 below; still a shut mouth by
:data:`...speech.lip_sync.CLOSED`, whose 15 % of an average opening are 1.2 mm.)
"""

import os
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from ..geometry.facs import load_facs
from .coarticulation import APERTURE_MM, FRAME_RATE, JAW_WEIGHT, LipGeometry
from .synthesis import SAMPLE_RATE

WIDEST_MM = 1.0
_FAINT_DB, _LOUD_DB = -36.0, -10.0
_RISE_SECONDS = 0.12
_RESONANCES = ((900.0, 1.5), (1700.0, 1.35), (3200.0, 1.3), (5200.0, 1.3))  # Hz, and how far they reach: a factor


@dataclass(frozen=True)
class Breath:
    """Sound (N,) at 16 kHz of one breath, its root mean square 1, and whether it goes in."""

    samples: np.ndarray
    inward: bool


def breath(generator: np.random.Generator, inward: bool) -> Breath:
    """A breath of a quarter to three quarters of a second: noise through two or three resonances of an open tract.

    One that goes in is brighter and swells until it ends at once, where the words begin; one that goes out sinks.
    """
    count = int(generator.uniform(0.25, 0.75) * SAMPLE_RATE)
    noise = generator.normal(size=count)
    tract = generator.uniform(0.85, 1.2)
    sound = generator.uniform(0.02, 0.3) * noise
    for middle, width in _RESONANCES if inward else _RESONANCES[:2]:
        centre = middle * tract * generator.uniform(0.85, 1.15)
        band = butter(2, [centre / width, min(centre * width, 7800.0)], "bandpass", fs=SAMPLE_RATE, output="sos")
        sound = sound + generator.uniform(0.3, 1.0) * sosfilt(band, noise)
    place = np.linspace(0, 1, count)
    peak = generator.uniform(0.5, 0.85) if inward else generator.uniform(0.15, 0.45)
    swell = np.where(place < peak, place / peak, (1 - place) / (1 - peak)) ** generator.uniform(0.5, 1.5)
    sound = sound * swell
    return Breath(sound / np.sqrt(np.mean(np.square(sound))), inward)


def opening_mm(decibels: float) -> float:
    """How far a breath opens the lips, by its level beside the speech's, dB."""
    return WIDEST_MM * float(np.clip((decibels - _FAINT_DB) / (_LOUD_DB - _FAINT_DB), 0, 1))


def lips_of(geometry: str | os.PathLike[str]) -> LipGeometry:
    """The lips of the shapes in ``geometry``, the file of `corpus geometry`."""
    facs = load_facs(geometry)
    return LipGeometry(facs.names.tolist(), facs.deltas, facs.neutral)


def parted(frames: int, start: float, end: float, widest: float, lips: LipGeometry) -> np.ndarray:
    """(frames, N) FACS weights of lips that part by ``widest`` mm from ``start`` to ``end`` s and rest elsewhere."""
    clock = np.arange(frames) / FRAME_RATE
    place = np.clip(np.minimum((clock - start) / _RISE_SECONDS + 0.5, (end - clock) / _RISE_SECONDS + 0.5), 0, 1)
    gap = widest * (3 * place**2 - 2 * place**3)
    weights = np.zeros((frames, len(lips.index)))
    weights[:, lips.index["jawOpen"]] = JAW_WEIGHT * gap / APERTURE_MM
    lips.set_gap(weights, gap)
    return weights
