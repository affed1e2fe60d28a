"""The people of the speech corpus: a head, a way of speaking and small movements of the upper face for each.

VOCASET's speakers blink, lift their brows on accents and drift towards a smile while they talk. A corpus without that
would leave nothing to disentangle, so ours has it too; none of it may disturb the lips, which are set last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from .coarticulation import FRAME_RATE, LipGeometry, SpeakingStyle, frame_count, mouth_curves
from .phones import SILENCE, VOWELS, Phone
from .synthesis import SAMPLE_RATE


@dataclass(frozen=True)
class Subject:
    """``template`` (5023,3) m: the person's head at rest; ``style``: how it speaks; ``split``: train, val or test."""

    name: str
    template: np.ndarray
    style: SpeakingStyle
    split: str


def random_style(rng: np.random.Generator) -> SpeakingStyle:
    """A plausible speaker: gains within about ±25 % of the average, a little asymmetry, now and then a smiler."""

    def about_one(spread: float) -> float:
        return float(np.exp(np.clip(rng.normal(0.0, spread), -2 * spread, 2 * spread)))

    return SpeakingStyle(
        jaw=about_one(0.15),
        lips=about_one(0.10),
        rounding=about_one(0.15),
        spread=about_one(0.20),
        smile=float(np.clip(rng.normal(0.03, 0.04), -0.03, 0.12)),
        asymmetry=float(rng.uniform(-0.6, 0.6)),
        precision=about_one(0.12),
        loudness=about_one(0.25),
        brows=about_one(0.40),
        blink_seconds=float(rng.uniform(2.5, 5.5)),
    )


def random_template(neutral: np.ndarray, identities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A head (5023,3) m: ``neutral`` (5023,3) plus ``identities`` (I,5023,3) with normal coefficients within ±2."""
    coefficients = np.clip(rng.normal(0.0, 0.8, len(identities)), -2.0, 2.0)
    return (neutral + np.tensordot(coefficients, identities, 1)).astype(np.float32)


def _noise(frames: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise (frames,) of unit variance that wanders over about ``seconds``."""
    margin = int(4 * seconds * FRAME_RATE)
    wide = gaussian_filter1d(rng.normal(size=frames + 2 * margin), seconds * FRAME_RATE)
    return wide[margin : margin + frames] / (wide.std() + 1e-9)


def blink_curve(frames: int, mean_seconds: float, rng: np.random.Generator) -> np.ndarray:
    """(frames,) lid closure 0 … 1: shut within 70–90 ms, opened within 150–220 ms, 2 s or more between blinks."""
    result = np.zeros(frames)
    clock = np.arange(frames) / FRAME_RATE
    moment = rng.uniform(0.0, mean_seconds)
    while moment < frames / FRAME_RATE:
        shutting, opening = rng.uniform(0.07, 0.09), rng.uniform(0.15, 0.22)
        position = np.where(clock < moment, (moment - clock) / shutting, (clock - moment) / opening)
        result = np.maximum(result, 0.5 + 0.5 * np.cos(np.pi * np.clip(position, 0.0, 1.0)))
        moment += 2.0 + rng.exponential(max(mean_seconds - 2.0, 0.3))
    return result


def brow_accents(phones: Sequence[Phone], samples: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames,) brow raise 0 … 1 on phrase beginnings and on some of the loudest vowels, 0.3–0.6 s each."""
    clock = np.arange(frames) / FRAME_RATE
    result = np.zeros(frames)
    vowels = [phone for phone in phones if phone.name in VOWELS]
    if not vowels:
        return result
    levels = []
    for phone in vowels:
        part = samples[int(phone.start * SAMPLE_RATE) : int(phone.end * SAMPLE_RATE)].astype(np.float64)
        levels.append(float(np.mean(part**2)) * (phone.end - phone.start) if len(part) else 0.0)
    loud = np.percentile(levels, 75)
    phrase_starts = {p.end for p in phones if p.name == SILENCE and p.end - p.start > 0.2}
    for phone, level in zip(vowels, levels, strict=True):
        begins = any(0 <= phone.start - start < 0.25 for start in phrase_starts)
        if rng.random() < (0.5 if begins else 0.25 if level >= loud else 0.0):
            middle, width = (phone.start + phone.end) / 2 - 0.04, rng.uniform(0.15, 0.3)
            bump = 0.5 + 0.5 * np.cos(np.pi * np.clip((clock - middle) / width, -1.0, 1.0))
            result = np.maximum(result, rng.uniform(0.4, 1.0) * bump)
    return result


def upper_face_curves(
    phones: Sequence[Phone],
    samples: np.ndarray,
    index: Mapping[str, int],
    style: SpeakingStyle,
    rng: np.random.Generator,
) -> np.ndarray:
    """(T,N) FACS weights of blinks, brows and a drifting smile; ``index`` gives each shape's column."""
    frames = frame_count(len(samples) / SAMPLE_RATE)
    weights = np.zeros((frames, len(index)))
    accents = style.brows * brow_accents(phones, samples, frames, rng)
    blinks = blink_curve(frames, style.blink_seconds, rng)
    inner, outer = rng.uniform(0.15, 0.35), rng.uniform(0.10, 0.30)
    drift = 0.03 * style.brows * _noise(frames, 0.8, rng)
    frown = np.maximum(0.05 * style.brows * _noise(frames, 1.2, rng), 0.0) * (1 - np.clip(accents, 0, 1))
    smile = 0.02 * _noise(frames, 1.5, rng)
    squint = np.maximum(0.04 * _noise(frames, 1.0, rng) + 0.5 * style.smile, 0.0)
    busy = maximum_filter1d(blinks, 5)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        share = 1 + 0.25 * sign * style.asymmetry
        weights[:, index[f"browInnerUp_{side}"]] = np.maximum(inner * accents + drift, 0.0) * share
        weights[:, index[f"browOuterUp_{side}"]] = np.maximum(outer * accents + drift, 0.0) * share
        weights[:, index[f"browDown_{side}"]] = frown
        weights[:, index[f"eyeBlink_{side}"]] = blinks
        weights[:, index[f"eyeWide_{side}"]] = 0.15 * accents * (1 - busy)
        weights[:, index[f"eyeSquint_{side}"]] = squint * (1 - busy)
        weights[:, index[f"mouthSmile_{side}"]] = smile * share
    return weights


def face_curves(
    phones: Sequence[Phone], samples: np.ndarray, lips: LipGeometry, style: SpeakingStyle, rng: np.random.Generator
) -> np.ndarray:
    """(T,N) FACS weights of a whole talking face; its lips meet as those of :func:`mouth_curves` do."""
    extras = upper_face_curves(phones, samples, lips.index, style, rng)
    return mouth_curves(phones, samples, lips, style, extras)
