"""Singing to train on: a source and a filter that sing syllables on notes, and the phones of it.

No recording of song may be shipped with the corpus, and speech alone teaches that a long steady tone is an instrument.
A voice here is a train of glottal pulses with vibrato, drift and breath through five resonances of a vowel, longer
or shorter tracts for men, women and children (Klatt 1980, "Software for a cascade/parallel formant synthesizer").
"""

import os
from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from .breaths import lips_of
from .coarticulation import mouth_curves
from .phones import SILENCE, Phone
from .synthesis import SAMPLE_RATE, Speech

_BLOCK = SAMPLE_RATE // 200
# First three formants of a man's vowels, Hz (after Peterson and Barney 1952), and of what nasals leave of them.
_FORMANTS = {
    "AA": (730, 1090, 2440), "AE": (660, 1720, 2410), "AH": (640, 1190, 2390), "AO": (570, 840, 2410),
    "EH": (530, 1840, 2480), "IH": (390, 1990, 2550), "IY": (270, 2290, 3010), "OW": (450, 830, 2400),
    "UW": (300, 870, 2240), "M": (250, 1100, 2100), "N": (260, 1500, 2300), "L": (360, 1200, 2700),
}  # fmt: skip
_HELD = ("AA", "AE", "AH", "AO", "EH", "IY", "OW", "UW")
_ONSETS = ("", "", "M", "N", "L")
_BANDWIDTHS = (70, 90, 130, 200, 280)


def sing(generator: np.random.Generator, seconds: float = 8.0) -> Speech:
    """A phrase or two of about ``seconds``: long vowels, some over several notes (melisma), a pause now and then."""
    high = generator.choice([98.0, 147.0, 220.0, 330.0, 440.0])
    tract = {98.0: 1.0, 147.0: 0.97, 220.0: 1.1, 330.0: 1.16, 440.0: 1.2}[float(high)] * generator.uniform(0.93, 1.07)
    phones: list[Phone] = [Phone(0.0, float(generator.uniform(0.2, 0.6)), SILENCE)]
    while phones[-1].end < seconds:
        clock = phones[-1].end
        if onset := str(generator.choice(_ONSETS)):
            phones.append(Phone(clock, clock + float(generator.uniform(0.07, 0.14)), onset))
        length = float(np.exp(generator.uniform(np.log(0.25), np.log(3.0))))
        phones.append(Phone(phones[-1].end, phones[-1].end + length, str(generator.choice(_HELD))))
        if generator.random() < 0.2:
            phones.append(Phone(phones[-1].end, phones[-1].end + float(generator.uniform(0.3, 0.9)), SILENCE))
    phones.append(Phone(phones[-1].end, phones[-1].end + float(generator.uniform(0.2, 0.6)), SILENCE))
    samples = _voice(phones, float(high), float(tract), generator)
    return Speech((samples * generator.uniform(0.1, 0.7) / np.abs(samples).max()).astype(np.float32), phones)


def songs(seconds: float, seed: int) -> Iterator[tuple[str, Speech]]:
    """Named phrases, ``seconds`` or more in all, the same from the same seed."""
    total, number = 0.0, 0
    while total < seconds:
        speech = sing(np.random.default_rng([seed, 7, number]))
        yield f"song{number}", speech
        total, number = total + speech.seconds, number + 1


def moving_songs(
    geometry: str | os.PathLike[str], seconds: float, seed: int
) -> Iterator[tuple[str, Speech, np.ndarray]]:
    """:func:`songs` and the FACS weights (T,57) of who sings them; ``geometry``: the file of ``corpus geometry``."""
    lips = lips_of(geometry)
    for name, song in songs(seconds, seed):
        yield name, song, mouth_curves(song.phones, song.samples, lips)


def _voice(phones: list[Phone], high: float, tract: float, generator: np.random.Generator) -> np.ndarray:
    count = round(phones[-1].end * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    notes, level = np.zeros(count), np.zeros(count)
    formants = np.zeros((count // _BLOCK + 1, 3))
    for phone in phones:
        part = slice(round(phone.start * SAMPLE_RATE), round(phone.end * SAMPLE_RATE))
        level[part] = 0.0 if phone.name == SILENCE else 0.5 if phone.name in ("M", "N", "L") else 1.0
        blocks = slice(round(phone.start * 200), round(phone.end * 200) + 1)
        formants[blocks] = _FORMANTS.get(phone.name, _FORMANTS["AH"])
        step = generator.integers(-5, 13)
        for start in np.arange(phone.start, phone.end, generator.choice([0.25, 0.5, 10.0])):
            notes[round(start * SAMPLE_RATE) : part.stop] = step
            step = step + generator.integers(-3, 4)
    smooth = gaussian_filter1d(notes, 0.03 * SAMPLE_RATE)
    vibrato = generator.uniform(0, 0.7) * np.sin(2 * np.pi * generator.uniform(4.5, 6.8) * time)
    drift = 0.1 * gaussian_filter1d(generator.normal(size=count // _BLOCK + 1), 20)
    drift = np.interp(np.arange(count) / _BLOCK, np.arange(len(drift)), drift / (drift.std() + 1e-9) * 0.15)
    phase = np.cumsum(high * 2 ** ((smooth + vibrato + drift) / 12)) / SAMPLE_RATE
    saw = np.diff(np.floor(phase), prepend=0.0) - np.gradient(phase)
    source = lfilter([1.0], [1.0, -generator.uniform(0.85, 0.97)], saw)
    source = source / source.std() + generator.uniform(0.01, 0.15) * generator.normal(size=count)
    source = source * gaussian_filter1d(level, 0.025 * SAMPLE_RATE)
    formants = gaussian_filter1d(formants, 5, axis=0) * tract
    higher = np.tile(tract * np.array([3300.0, 4200.0]), (len(formants), 1))
    higher[:, 0] *= generator.uniform(0.8, 1.0)  # some voices gather the upper formants: the singer's formant
    places = np.minimum(np.concatenate([formants, higher], axis=1), 7500)
    for number, width in enumerate(_BANDWIDTHS):
        source = _resonance(source, places[:, number], float(width))
    return source / (np.abs(source).max() + 1e-9) + 10 ** generator.uniform(-4, -2.5) * generator.normal(size=count)


def _resonance(source: np.ndarray, places: np.ndarray, width: float) -> np.ndarray:
    """``source`` (N,) through a resonance of ``width`` Hz at ``places`` (N // 80 + 1,) Hz, one for every 5 ms."""
    result, state = np.empty_like(source), np.zeros(2)
    radius = np.exp(-np.pi * width / SAMPLE_RATE)
    for number, place in enumerate(places):
        part = slice(number * _BLOCK, (number + 1) * _BLOCK)
        if not len(source[part]):
            break
        poles = [1.0, -2 * radius * np.cos(2 * np.pi * place / SAMPLE_RATE), radius**2]
        result[part], state = lfilter([sum(poles)], poles, source[part], zi=state)
    return result
