"""Sounds without speech, under which a mouth stays shut: silence, noise, music, coughs, tones.

Each kind makes a sound (N,), about one loud, for its times (N,) in seconds at 16 kHz.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from . import augmentation
from .synthesis import SAMPLE_RATE

Sound = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def silence(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.zeros_like(time)


def noise(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Noise of any colour from white to brown, breathing slowly."""
    spectrum = np.fft.rfft(generator.normal(size=len(time)))
    colour = (np.arange(len(spectrum)) + 20.0) ** -generator.uniform(0, 1)
    sound = np.fft.irfft(spectrum * colour, len(time))
    swell = 1 + generator.uniform(0, 0.9) * np.sin(2 * np.pi * generator.uniform(0.1, 3) * time)
    return 0.3 * swell * sound / sound.std()


def coughs(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return augmentation.coughs(len(time), generator)


def rumble(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Mains hum, fans: a low tone and its harmonics in a little noise."""
    pitch = generator.choice([50, 60, generator.uniform(25, 200)])
    harmonics = sum(np.sin(2 * np.pi * pitch * k * time + k) / k for k in range(1, 12))
    return 0.3 * harmonics + 0.1 * generator.uniform() * generator.normal(size=len(time))


def chords(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Chords of sustained or plucked tones, a new one every half to two seconds."""
    sound = np.zeros_like(time)
    start = 0.0
    while start < time[-1]:
        since = time - start
        envelope = (since > 0) * np.minimum(1, since / 0.02) * np.exp(-since.clip(0) * generator.uniform(0.5, 4))
        root = 110 * 2 ** (generator.integers(0, 24) / 12)
        for step in (0, generator.choice([3, 4]), 7):
            pitch = root * 2 ** (step / 12)
            for k in range(1, 6):
                sound += envelope * np.sin(2 * np.pi * pitch * k * time) / k ** generator.uniform(1, 2)
        start += generator.uniform(0.4, 2)
    return 0.3 * sound / (np.abs(sound).max() + 1e-9) * 3


def tones(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Beeps, dial and test tones, sirens: pure tones, held or gliding, with gaps or without."""
    sound = np.zeros_like(time)
    pitches = 10 ** generator.uniform(2, 3.5, generator.integers(1, 4))
    length, gap = generator.choice([0.1, 0.5, 2, 8]), generator.choice([0, 0.1, 0.5])
    depth, rate = generator.choice([0, 0, generator.uniform(0, 0.2)]), generator.uniform(0.2, 2)
    glide = np.cumsum(1 + depth * np.sin(2 * np.pi * rate * time)) / SAMPLE_RATE
    for start in np.arange(0, time[-1], length + gap):
        inside = np.clip(np.minimum(time - start, start + length - time) / 0.005, 0, 1)
        sound += inside * np.sin(2 * np.pi * generator.choice(pitches) * glide)
    return sound


def beats(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Clicks, claps and steps: bursts of decaying noise, regular or not."""
    sound = np.zeros_like(time)
    start = generator.uniform(0, 0.5)
    period, spread = generator.uniform(0.15, 1), generator.choice([0, 0.5])
    while start < time[-1]:
        since = time - start
        decay = np.exp(-since.clip(0) / 10 ** generator.uniform(-2.3, -1))
        sound += (since > 0) * decay * generator.normal(size=len(time)) * generator.uniform(0.3, 1)
        start += period * (1 + spread * generator.uniform(-1, 1))
    return 0.5 * sound


USUAL = (silence, noise, rumble, chords, beats, coughs, coughs)


def quiet_sounds(
    seconds: float, seed: int, kinds: Sequence[Sound] = USUAL, length: int = 8
) -> Iterator[tuple[str, np.ndarray]]:
    """Named sounds (N,) at 16 kHz, ``seconds`` or more in all, of the ``kinds`` in turn, in faint noise.

    Each lasts ``length`` seconds.
    """
    count = max(len(kinds), int(np.ceil(seconds / length)))
    time = np.arange(length * SAMPLE_RATE) / SAMPLE_RATE
    for number in range(count):
        kind = kinds[number % len(kinds)]
        generator = np.random.default_rng([seed, number])
        level = 10 ** generator.uniform(-3.5, -0.7)
        floor = 10 ** generator.uniform(-5, -3) * generator.normal(size=len(time)) * (number >= len(kinds))
        yield f"{kind.__name__}{number}", (level * kind(time, generator) + floor).astype(np.float32)
