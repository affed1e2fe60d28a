"""What head and eyes follow in a voice: when it speaks, where it rests, which syllables stand out. numpy alone.

Loudness and pitch are read 50 times a second at 8 kHz, block by block: a hundredth of what hearing the words costs.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import Cancelled
from ..job import CancelTest
from .audio import SAMPLE_RATE

RATE = 50.0  # frames a second; frame k stands for the sound around k / RATE seconds
_HOP, _WINDOW = 160, 320  # samples at half the rate
_LOWEST_HZ, _HIGHEST_HZ = 70.0, 400.0
_VOICED = 0.45  # of the autocorrelation's peak to that at rest; noise stays below 0.35
_BLOCK = 4096  # frames at once
_FLOOR_DB = -75.0
_SPEAKING_DB = 28.0  # below the loudest: pauses of a clean voice lie deeper, breath too
_JOINED, _SHORTEST = 0.22, 0.12  # seconds: shorter gaps are closures of stops, shorter sounds clicks
_SYLLABLE_SECONDS = 0.06  # standard deviation of the smoothing that leaves one hump a syllable (4 to 5 a second)
_APART = 0.30  # seconds between two accents, at least: a foot of English is 0.4 to 0.6 s


@dataclass(frozen=True)
class Prosody:
    """loudness (T,) dB below the loudest; pitch (T,) semitones above the voice's own median, NaN where unvoiced;
    phrases (P, 2): start and end in seconds of what is spoken without a pause, ascending; accents (A, 2): second and
    strength 0 … 1 of the syllables that stand out."""

    loudness: np.ndarray
    pitch: np.ndarray
    phrases: np.ndarray
    accents: np.ndarray


def read_prosody(samples: np.ndarray, cancelled: CancelTest | None = None) -> Prosody:
    """Prosody of mono sound (N,) at 16 kHz, any length; without phrases where nothing speaks.

    :class:`Cancelled` when ``cancelled()`` says so: an hour takes six seconds.
    """
    loudness, hertz = _frames(np.asarray(samples, np.float32), cancelled or (lambda: False))
    pitch = np.full(len(hertz), np.nan)
    voiced = hertz > 0
    if voiced.any():
        pitch[voiced] = 12 * np.log2(hertz[voiced] / np.median(hertz[voiced]))
    phrases = _phrases(loudness, voiced)
    return Prosody(loudness, pitch, phrases, _accents(loudness, pitch, phrases))


def _frames(samples: np.ndarray, cancelled: CancelTest) -> tuple[np.ndarray, np.ndarray]:
    """Loudness (T,) in dB below the loudest and pitch (T,) in Hz, 0 where unvoiced."""
    samples = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(axis=1)
    count = max(1, -(-len(samples) // _HOP))
    level, hertz = np.empty(count), np.zeros(count)
    window = np.hanning(_WINDOW).astype(np.float32)
    size = 2 * _WINDOW
    # lags in samples of the full rate: the spectrum of the power, padded, interpolates between those of the half
    alone = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2, 2 * size)[:size]
    low, high = int(SAMPLE_RATE / _HIGHEST_HZ), int(SAMPLE_RATE / _LOWEST_HZ)
    rows = np.arange(_BLOCK)
    for start in range(0, count, _BLOCK):
        if cancelled():
            raise Cancelled
        stop = min(start + _BLOCK, count)
        first = start * _HOP - _WINDOW // 2
        piece = _piece(samples, first, (stop - start - 1) * _HOP + _WINDOW)
        cut = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::_HOP]
        cut = (cut - cut.mean(axis=1, keepdims=True)) * window
        level[start:stop] = np.square(cut).mean(axis=1)
        # normalised by the window's own autocorrelation (Boersma 1993)
        similar = np.fft.irfft(np.abs(np.fft.rfft(cut, size)) ** 2, 2 * size)[:, : high + 2]
        similar = similar / np.maximum(similar[:, :1], 1e-12) / (alone[: high + 2] / alone[0])
        similar[:, low:] *= 1 - 0.15 * np.arange(high + 2 - low) / high  # of two octaves the higher is meant
        best = low + similar[:, low : high + 1].argmax(axis=1)
        before, top, after = (similar[rows[: len(best)], best + step] for step in (-1, 0, 1))
        bend = np.minimum(before - 2 * top + after, -1e-9)
        lag = best + np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
        hertz[start:stop] = np.where(top > _VOICED, SAMPLE_RATE / lag, 0.0)
    decibels = 10 * np.log10(level + 1e-12)
    loudest = np.percentile(decibels, 99.5)
    if loudest < _FLOOR_DB:
        return np.full(count, -100.0), np.zeros(count)
    # a single frame that is voiced is chance
    voiced = hertz > 0
    voiced &= np.convolve(voiced, np.ones(3), "same") >= 2
    hertz[~voiced] = 0.0
    return decibels - loudest, hertz


def _piece(samples: np.ndarray, first: int, length: int) -> np.ndarray:
    """``length`` samples from ``first``; zeros beyond either end."""
    inside = samples[max(first, 0) : max(first + length, 0)]
    before = max(-first, 0)
    return np.pad(inside, (before, max(0, length - before - len(inside))))[:length]


def _phrases(loudness: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """(P, 2) seconds."""
    noise = np.percentile(loudness, 5)
    loud = loudness > max(-_SPEAKING_DB, min(noise + 8.0, -10.0))
    spans = _spans(loud)
    joined: list[list[float]] = []
    for start, end in spans / RATE:
        if joined and start - joined[-1][1] < _JOINED:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    cumulated = np.r_[0, np.cumsum(voiced)]
    kept = [
        (start, end)
        for start, end in joined
        if end - start >= _SHORTEST and cumulated[round(end * RATE)] - cumulated[round(start * RATE)] >= 3
    ]
    return np.array(kept, float).reshape(-1, 2)


def _spans(mask: np.ndarray) -> np.ndarray:
    """(S, 2) first and behind last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8)))
    return edges.reshape(-1, 2)


def _accents(loudness: np.ndarray, pitch: np.ndarray, phrases: np.ndarray) -> np.ndarray:
    """(A, 2): syllables louder, longer or higher than their neighbours, strength by rank within the recording.

    Loudness and duration tell stress better than pitch does (Kochanski, Grabe, Coleman, Rosner 2005).
    """
    if not len(phrases):
        return np.zeros((0, 2))
    loud = smoothed(np.maximum(loudness, -40.0) + 40.0, _SYLLABLE_SECONDS * RATE)
    around = smoothed(loud, 0.5 * RATE)
    voiced = np.isfinite(pitch)
    height = smoothed(np.where(voiced, np.nan_to_num(pitch), 0.0), 2.5) / np.maximum(smoothed(voiced * 1.0, 2.5), 0.05)
    drift = smoothed(height, 0.8 * RATE)
    weight = smoothed(voiced * 1.0, 0.08 * RATE)  # a long vowel is voiced throughout
    salience = (loud - around) / 6.0 + 0.25 * np.clip(height - drift, -4.0, 4.0) + 1.5 * (weight - 0.5)
    humps = 1 + np.flatnonzero((loud[1:-1] > loud[:-2]) & (loud[1:-1] >= loud[2:]))
    clock = humps / RATE
    phrase = np.searchsorted(phrases[:, 0], clock, side="right") - 1
    within = (phrase >= 0) & (clock <= phrases[phrase, 1])
    humps = humps[within & (weight[humps] > 0.3)]
    chosen: list[int] = []
    free = np.ones(len(loud) + 1, bool)
    reach = round(_APART * RATE)
    for hump in humps[np.argsort(-salience[humps], kind="stable")]:
        if free[hump]:
            chosen.append(int(hump))
            free[max(0, hump - reach + 1) : hump + reach] = False
    if not chosen:
        return np.zeros((0, 2))
    rank = 1.0 - np.arange(len(chosen)) / len(chosen)  # strongest first
    found = np.stack([np.array(chosen) / RATE, rank], axis=1)
    ordered: np.ndarray = found[np.argsort(found[:, 0])]
    return ordered


def smoothed(values: np.ndarray, deviation: float) -> np.ndarray:
    """(T,) filtered with a Gaussian of ``deviation`` frames; edges repeat."""
    reach = max(1, int(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    result: np.ndarray = np.convolve(np.pad(values, reach, "edge"), kernel / kernel.sum(), "valid")
    return result
