"""Other microphones and rooms must not move a sound in time."""

import numpy as np
import pytest

from blendshape_talker.training.corpus import augmentation


@pytest.fixture
def syllables() -> np.ndarray:
    clock = np.arange(2 * 16000) / 16000
    carrier = sum(np.sin(2 * np.pi * 120 * k * clock) / k for k in range(1, 20))
    return (0.2 * carrier * np.maximum(0, np.sin(2 * np.pi * 3 * clock))).astype(np.float32)


def envelope(samples: np.ndarray) -> np.ndarray:
    return np.sqrt(np.convolve(np.square(samples, dtype=float), np.ones(400) / 400, "same"))


def lag(one: np.ndarray, two: np.ndarray) -> int:
    one, two = envelope(one), envelope(two)
    shifts = range(-800, 801, 16)
    return max(shifts, key=lambda shift: np.corrcoef(one[800:-800], np.roll(two, -shift)[800:-800])[0, 1])


def test_mixtures_keep_length_time_and_range(syllables):
    for seed in range(25):
        changed = augmentation.augment(syllables, np.random.default_rng(seed))
        assert changed.dtype == np.float32 and changed.shape == syllables.shape
        assert np.isfinite(changed).all() and 0.05 < np.abs(changed).max() <= 1.0
        assert abs(lag(syllables, changed)) <= 320, seed
    same = [augmentation.augment(syllables, np.random.default_rng(7)) for _ in range(2)]
    assert np.array_equal(*same)


def test_a_warped_vocal_tract_moves_formants_but_neither_pitch_nor_time():
    """A buzz of 125 Hz through one resonance at 1200 Hz."""
    buzz = np.zeros(32000)
    buzz[::128] = 1.0
    resonance = np.exp(-np.arange(800) / 60) * np.sin(2 * np.pi * 1200 * np.arange(800) / 16000)
    voice = np.convolve(buzz, resonance)[:32000] * np.sin(np.pi * np.arange(32000) / 8000) ** 2
    for factor in (0.88, 1.12):
        warped = augmentation.warp_vocal_tract(voice, factor)
        assert warped.shape == voice.shape and abs(lag(voice, warped)) <= 32
        spectrum = np.abs(np.fft.rfft(warped))
        assert np.abs(np.fft.rfftfreq(32000, 1 / 16000)[spectrum.argmax()] - 1200 * factor) < 100
        harmonic = spectrum[np.arange(4, 15) * 250].sum()
        between = spectrum[np.arange(4, 15) * 250 + 125].sum()
        assert harmonic > 10 * between
    np.testing.assert_allclose(augmentation.warp_vocal_tract(voice, 1.0), voice, atol=1e-6)


def test_a_telephone_has_no_bass_and_no_treble():
    noise = np.random.default_rng(0).normal(size=32000)
    spectrum = np.abs(np.fft.rfft(augmentation.telephone(noise)))
    inside = spectrum[2 * 600 : 2 * 3000].mean()
    assert spectrum[: 2 * 150].mean() < 0.1 * inside and spectrum[2 * 5000 :].mean() < 0.1 * inside


def test_noise_lies_as_far_below_as_asked(syllables):
    noisy = augmentation.add_noise(syllables, 10.0, np.random.default_rng(0))
    ratio = 10 * np.log10(np.mean(syllables**2) / np.mean((noisy - syllables) ** 2))
    assert ratio == pytest.approx(10.0, abs=0.1)
    floor = augmentation.noise_floor(np.zeros(16000), -60.0, np.random.default_rng(0))
    assert 20 * np.log10(floor.std()) == pytest.approx(-60.0, abs=0.5)


def test_level_of_silence_stays():
    assert not augmentation.set_level(np.zeros(10), -3.0).any()
    assert np.abs(augmentation.set_level(np.array([0.1, -0.2]), -6.0)).max() == pytest.approx(0.501, abs=1e-3)


def test_other_sounds_lie_as_far_below_the_speech_as_asked(syllables):
    for other in (augmentation.notes, lambda count, rng: augmentation.murmur(syllables, rng)):
        sound = other(len(syllables), np.random.default_rng(1))
        assert sound.shape == syllables.shape and np.isfinite(sound).all()
        added = augmentation.add_sound(syllables, sound, 6.0) - syllables
        assert 10 * np.log10(np.mean(syllables**2) / np.mean(added**2)) == pytest.approx(6.0, abs=0.01)


def test_coughs_are_bursts():
    for seed in range(4):
        sound = augmentation.coughs(3 * 16000, np.random.default_rng(seed))
        loudness = envelope(sound)
        assert sound.shape == (48000,) and np.isfinite(sound).all()
        assert np.percentile(loudness, 98) > 5 * np.percentile(loudness, 20)
