"""Phrases, pitch and accents of voices made here: harmonics whose times, pitch and loudness are known."""

import numpy as np
import pytest

from blendshape_talker.errors import Cancelled
from blendshape_talker.speech import prosody as reading
from blendshape_talker.speech.prosody import RATE, read_prosody

SAMPLE_RATE = 16000


def voice(syllables, seconds, noise=1e-4):
    """Samples of (start, length, pitch in Hz, level) syllables, each ten harmonics under a Hann window."""
    clock = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = noise * np.random.default_rng(0).standard_normal(len(clock))
    for start, length, hertz, level in syllables:
        inside = (clock >= start) & (clock < start + length)
        hump = np.sin(np.pi * (clock[inside] - start) / length) ** 2
        tones = sum(np.sin(2 * np.pi * hertz * n * clock[inside]) / n for n in range(1, 11))
        sound[inside] += level * hump * tones
    return sound.astype(np.float32)


def sentence(start, levels, pitches):
    return [(start + 0.2 * n, 0.18, hertz, level) for n, (level, hertz) in enumerate(zip(levels, pitches, strict=True))]


@pytest.mark.parametrize("noise", [1e-5, 3e-3])
def test_phrases_are_what_lies_between_pauses(noise):
    sound = voice(sentence(0.5, [0.1] * 6, [120] * 6) + sentence(2.4, [0.1] * 4, [120] * 4), 4.0, noise)
    phrases = read_prosody(sound).phrases
    assert phrases.shape == (2, 2)
    assert phrases == pytest.approx(np.array([[0.5, 1.7], [2.4, 3.2]]), abs=0.08)


@pytest.mark.parametrize("hertz", [85.0, 140.0, 230.0, 310.0])
def test_pitch_is_in_semitones_of_the_median(hertz):
    prosody = read_prosody(voice([(0.2, 1.0, hertz, 0.1), (1.3, 0.5, hertz * 2 ** (4 / 12), 0.1)], 2.0))
    first, second = (prosody.pitch[round(at * RATE)] for at in (0.7, 1.55))
    assert first == pytest.approx(0.0, abs=0.3)
    assert second == pytest.approx(4.0, abs=0.4)


def test_louder_and_higher_syllables_are_the_accents():
    levels, pitches = [0.05, 0.2, 0.05, 0.05, 0.2, 0.05, 0.05], [120, 150, 120, 120, 150, 120, 120]
    accents = read_prosody(voice(sentence(0.5, levels, pitches), 2.5)).accents
    strongest = accents[np.argsort(-accents[:, 1])[:2], 0]
    assert np.sort(strongest) == pytest.approx([0.5 + 0.2 + 0.09, 0.5 + 0.8 + 0.09], abs=0.05)
    assert (np.diff(accents[:, 0]) >= 0.29).all()
    assert accents[:, 1].max() == 1.0 and accents[:, 1].min() > 0.0


@pytest.mark.parametrize("sound", [np.zeros(16000), np.zeros(1), np.zeros(0), "hiss"])
def test_without_a_voice_there_is_no_phrase(sound):
    if isinstance(sound, str):
        sound = 0.1 * np.random.default_rng(1).standard_normal(48000)
    prosody = read_prosody(sound)
    assert len(prosody.phrases) == 0 and len(prosody.accents) == 0


def test_blocks_leave_no_seam():
    sound = voice(sentence(0.5, [0.1] * 6, [120] * 6), 3.0)
    long = np.tile(sound, 40)  # 6,000 frames, more than a block
    prosody = read_prosody(long)
    assert len(prosody.phrases) == 40
    assert np.diff(prosody.phrases[:, 0]) == pytest.approx(3.0, abs=0.03)


def test_reading_stops_between_two_blocks(monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK", 50)
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        read_prosody(voice([(0.2, 1.0, 120.0, 0.1)], 8.0), lambda: next(asked))
    assert next(asked, None) is None
