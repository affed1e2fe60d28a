"""Curves at 60 frames a second brought to a scene's rate without losing a contact, and the variation of a take."""

import numpy as np

from .lip_sync import FPS, closed_below

_TAKE_FRAMES = 18  # between the knots of a take's variation


def take_gain(frames: int, seed: int) -> np.ndarray:
    """(frames,) float32 by which a take exaggerates or mumbles, from word to word: 1 throughout for take 0.

    0.75 … 1.25 with a standard deviation of 0.1, wandering over half a second. It multiplies the deformation of speech,
    so that closed lips stay closed and rest stays rest.
    """
    if seed == 0 or frames == 0:
        return np.ones(frames, np.float32)
    knots = np.random.default_rng([seed & 0xFFFFFFFF, 1]).normal(0.0, 0.1, frames // _TAKE_FRAMES + 4)
    position = np.arange(frames) / _TAKE_FRAMES
    before, share = position.astype(int), position % 1
    # a uniform cubic B-spline through random knots: smooth, and no frame depends on how long the recording is
    basis = ((1 - share) ** 3, 3 * share**3 - 6 * share**2 + 4, -3 * share**3 + 3 * share**2 + 3 * share + 1, share**3)
    wander = sum(part / 6 * knots[before + offset] for offset, part in enumerate(basis))
    opening: np.ndarray = 1 + np.clip(1.4 * wander, -0.25, 0.25)
    return opening.astype(np.float32)


def keep_contacts(times: np.ndarray, gap: np.ndarray, fps: float) -> np.ndarray:
    """Times (T,) at which to sample the 60 fps curves so that no short lip contact falls between two frames.

    A /p/ may hold the lips together for 50 ms; at 24 frames a second a frame stands for 42 ms and plain sampling meets
    only the flanks of many closures. Where a frame's own span holds a contact that its instant misses, the frame shows
    the contact. ``gap`` (N,) is the lip gap at 60 fps in any unit, 0 = neutral.
    """
    limit = closed_below(gap)
    if fps >= FPS or limit <= 0:
        return times
    closed = gap < limit
    shown = np.interp(times * FPS, np.arange(len(gap)), gap) < limit
    half = 0.5 * FPS / fps
    first = np.maximum(np.ceil(times * FPS - half).astype(int), 0)
    last = np.minimum(np.floor(times * FPS + half).astype(int), len(gap) - 1)
    span = first[:, None] + np.arange(int(2 * half) + 2)
    within = span <= last[:, None]
    span = np.minimum(span, len(gap) - 1)
    best = np.take_along_axis(span, np.argmin(np.where(within, gap[span], np.inf), axis=1)[:, None], axis=1)[:, 0]
    missed = (first <= last) & ~shown & closed[best]
    shifted: np.ndarray = np.where(missed, best / FPS, times)
    return shifted


def resample(weights: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Sample (N, K) curves at 60 fps at the given seconds, linearly between frames: (T, K) float32."""
    if len(weights) == 0:
        return np.zeros((len(times), weights.shape[1]), np.float32)
    position = np.clip(times * FPS, 0, len(weights) - 1)
    before = np.floor(position).astype(int)
    after = np.minimum(before + 1, len(weights) - 1)
    share = (position - before)[:, None]
    sampled: np.ndarray = (1 - share) * weights[before] + share * weights[after]
    return sampled.astype(np.float32)


def as_shown(weights: np.ndarray, gap: np.ndarray, fps: float) -> np.ndarray:
    """Curves (N, K) at 60 fps as ``fps`` frames a second show them, brought back to 60 by straight lines.

    gap (N,): theirs, for :func:`keep_contacts`.
    """
    if fps >= FPS:
        return weights
    frames = np.arange(max(1, round(len(weights) / FPS * fps)))
    shown = resample(weights, keep_contacts(frames / fps, gap, fps))
    positions = np.arange(len(weights)) / FPS * fps
    return np.stack([np.interp(positions, frames, curve) for curve in shown.T], axis=1)
