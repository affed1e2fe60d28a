"""Other microphones, rooms and lines for the same speech. Time never changes, so phones and curves stay true."""

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from .synthesis import SAMPLE_RATE

VERSION = 3  # raise it when the same numbers give other sound: features cached before are then refused


def augment(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random mixture of the functions below on ``samples`` (N,) float at 16 kHz; same length, float32, within ±1.

    Each of vocal tract, equaliser, reverberation, telephone band, noise, music and other voices comes with a chance of
    its own; the level always changes.
    """
    wave = samples.astype(np.float64)
    if rng.random() < 0.3:
        wave = warp_vocal_tract(wave, rng.uniform(0.88, 1.14))
    if rng.random() < 0.5:
        wave = equalise(wave, rng)
    if rng.random() < 0.3:
        wave = reverberate(wave, rng.uniform(0.1, 1.3), rng)
    if rng.random() < 0.15:
        wave = telephone(wave)
    if rng.random() < 0.55:
        wave = add_noise(wave, rng.uniform(0.0, 38.0), rng)
    if rng.random() < 0.3:
        wave = add_sound(wave, notes(len(wave), rng), rng.uniform(-4.0, 22.0))
    if rng.random() < 0.25:
        wave = add_sound(wave, murmur(wave, rng), rng.uniform(0.0, 22.0))
    return set_level(wave, rng.uniform(-20.0, -1.0))


def set_level(samples: np.ndarray, peak_decibels: float) -> np.ndarray:
    """``samples`` scaled to a peak of ``peak_decibels`` below full scale (negative), float32; silence stays."""
    peak = float(np.abs(samples).max(initial=0.0))
    return (samples * (10 ** (peak_decibels / 20) / peak if peak > 0 else 1.0)).astype(np.float32)


def coloured_noise(count: int, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """(count,) noise of unit power whose spectrum falls by ``tilt`` · 6 dB per octave (0 white, 0.5 pink, 1 brown)."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.maximum(np.arange(len(spectrum)) / max(len(spectrum), 1), 20 / (SAMPLE_RATE / 2))
    noise = np.fft.irfft(spectrum / frequency**tilt, count)
    return noise / (noise.std() + 1e-12)


def add_noise(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of random colour, now and then with mains hum, ``decibels`` below the speech's power."""
    power = float(np.mean(np.square(samples))) + 1e-12
    noise = coloured_noise(len(samples), rng.uniform(0.0, 1.0), rng)
    if rng.random() < 0.3:
        clock = np.arange(len(samples)) / SAMPLE_RATE
        noise = noise + sum(np.sin(2 * np.pi * k * rng.choice([50.0, 60.0]) * clock) / k for k in (1, 2, 3))
    return samples + noise * np.sqrt(power * 10 ** (-decibels / 10) / (np.mean(noise**2) + 1e-12))


def add_sound(samples: np.ndarray, other: np.ndarray, decibels: float) -> np.ndarray:
    """``other`` (N,) under ``samples`` (N,), ``decibels`` below their power."""
    power = float(np.mean(np.square(samples))) + 1e-12
    return samples + other * np.sqrt(power * 10 ** (-decibels / 10) / (np.mean(np.square(other)) + 1e-12))


def notes(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) of music without a tune: notes of random pitch, length, timbre and attack, and now and then drums."""
    result = np.zeros(count)
    density, decay = rng.uniform(1.0, 8.0), 10 ** rng.uniform(-1.2, 0.3)
    drums = rng.random() < 0.5
    for _ in range(max(1, int(density * count / SAMPLE_RATE))):
        start = int(rng.integers(0, count))
        clock = np.arange(min(count - start, 2 * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = 55 * 2 ** (rng.integers(0, 48) / 12)
        slope = rng.uniform(0.8, 2.5)
        note = sum(
            np.sin(2 * np.pi * pitch * k * clock + rng.uniform(0, 6)) / k**slope
            for k in range(1, max(2, min(16, int(7500 / pitch))))
        )
        attack = np.minimum(1, clock / rng.uniform(0.003, 0.1))
        result[start : start + len(clock)] += note * attack * np.exp(-clock / decay)
        if drums:
            hit = rng.normal(size=len(clock)) * np.exp(-clock / 10 ** rng.uniform(-2.3, -1.0))
            result[start : start + len(clock)] += rng.uniform(0.3, 2.0) * hit
    return result


def murmur(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other people's voices, made of the same speech (N,): backwards, at other pitches and times, several at once."""
    result = np.zeros(len(samples))
    for _ in range(int(rng.integers(2, 7))):
        up, down = rng.choice([(5, 4), (9, 8), (1, 1), (8, 9), (4, 5)])
        voice = np.resize(resample_poly(samples[::-1], up, down), len(samples))
        result += rng.uniform(0.4, 1.0) * np.roll(voice, int(rng.integers(0, len(samples))))
    return result


def coughs(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) of coughs, cleared throats, sniffs and puffs: bursts of coloured breath, some ending with a voice."""
    result = np.zeros(count)
    position = int(rng.uniform(0, 0.5) * SAMPLE_RATE)
    while position < count:
        clock = np.arange(int(rng.uniform(0.08, 0.6) * SAMPLE_RATE)) / SAMPLE_RATE
        length = clock[-1]
        noise = rng.normal(size=len(clock))
        air = np.zeros(len(clock))
        for _ in range(int(rng.integers(1, 4))):
            centre = 10 ** rng.uniform(2.5, 3.7)
            edges = [centre / 1.4, min(1.4 * centre, 7800.0)]
            air += rng.uniform(0.3, 1.0) * sosfilt(butter(2, edges, "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
        envelope = np.minimum(1, clock / 10 ** rng.uniform(-2.7, -1.0)) * np.exp(-clock / rng.uniform(0.02, 0.3))
        envelope += rng.uniform(0, 0.6) * np.exp(-(((clock - rng.uniform(0.2, 0.7) * length) / 0.08) ** 2))
        sound = air / (air.std() + 1e-9) * envelope
        if rng.random() < 0.5:
            pitch = rng.uniform(80, 300) * (1 + rng.uniform(-0.3, 0.3) * clock / length)
            phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
            voice = sum(np.sin(k * phase) / k ** rng.uniform(0.7, 1.5) for k in range(1, 15))
            shape = np.exp(-(((clock - rng.uniform(0.4, 0.9) * length) / rng.uniform(0.03, 0.1)) ** 2))
            sound += rng.uniform(0.1, 0.6) * voice * shape
        sound *= rng.uniform(0.3, 1.0) * np.minimum(1, (length - clock) / 0.01)
        part = sound[: count - position]
        result[position : position + len(part)] += part
        position += len(clock) + int(rng.choice([0.05, 0.6]) * rng.uniform(0.3, 2.0) * SAMPLE_RATE)
    return 0.3 * result


def noise_floor(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Faint pink noise, ``decibels`` below full scale (negative): no room is digital zero."""
    return samples + 10 ** (decibels / 20) * coloured_noise(len(samples), 0.5, rng)


def equalise(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth random gains of up to ±8 dB over the spectrum."""
    gains = rng.uniform(-8.0, 8.0, 7)
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)) / max(len(spectrum) - 1, 1) * 8000, 60.0) / 60.0)
    return np.fft.irfft(spectrum * 10 ** (np.interp(octaves, np.linspace(0, 7.06, 7), gains) / 20), len(samples))


def reverberate(samples: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A room of ``seconds`` reverberation time (60 dB): direct sound and exponentially decaying noise."""
    clock = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.normal(size=len(clock)) * 10 ** (-3 * clock / seconds)
    response[: int(0.004 * SAMPLE_RATE)] = 0.0
    response *= rng.uniform(0.1, 1.0) / (np.linalg.norm(response) + 1e-12)
    return samples + fftconvolve(samples, response)[: len(samples)]


def telephone(samples: np.ndarray) -> np.ndarray:
    """The band of a telephone line, 300–3400 Hz."""
    return sosfilt(butter(4, [300.0, 3400.0], "bandpass", fs=SAMPLE_RATE, output="sos"), samples)


def warp_vocal_tract(samples: np.ndarray, factor: float) -> np.ndarray:
    """Formants moved by ``factor``, pitch and speed unchanged: above 1 a smaller speaker, below 1 a larger one.

    After VTLP (Jaitly & Hinton 2013), on the wave instead of filter banks: each 32 ms frame is filtered by its own
    cepstrally smoothed envelope stretched along frequency over that envelope as it was.
    """
    size, hop, order = 512, 128, 40
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(samples, (size, size + hop))
    starts = np.arange(0, len(padded) - size, hop)
    spectra = np.fft.rfft(padded[starts[:, None] + np.arange(size)] * window)
    cepstra = np.fft.irfft(np.log(np.abs(spectra) + 1e-6), size)
    cepstra[:, order : size - order + 1] = 0.0
    envelope = np.fft.rfft(cepstra, size).real
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / factor, bins[-1])
    below = np.minimum(source.astype(int), bins[-1] - 1)
    share = source - below
    stretched = envelope[:, below] * (1 - share) + envelope[:, below + 1] * share
    frames = np.fft.irfft(spectra * np.exp(np.clip(stretched - envelope, -4.0, 4.0)), size) * window
    result, weight = np.zeros(len(padded)), np.zeros(len(padded))
    for start, frame in zip(starts, frames, strict=True):
        result[start : start + size] += frame
        weight[start : start + size] += window**2
    return (result / np.maximum(weight, 1e-3))[size : size + len(samples)]
