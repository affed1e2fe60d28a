"""Sounds without speech: as they are called."""

import numpy as np

from blendshape_talker.training.corpus.quiet_sounds import USUAL, quiet_sounds, tones


def test_a_tone_has_one_pitch_at_a_time():
    time = np.arange(8 * 16000) / 16000
    for seed in range(8):
        samples = tones(time, np.random.default_rng(seed))
        assert 0.9 < np.abs(samples).max() < 1.1
        heard = samples.reshape(-1, 800)
        loud = heard[np.abs(heard).max(axis=1) > 0.9]
        spectrum = np.square(np.abs(np.fft.rfft(loud * np.hanning(800))))
        highest = np.sort(spectrum, axis=1)[:, -8:].sum(axis=1) / spectrum.sum(axis=1)
        assert len(loud) > 20 and np.median(highest) > 0.95


def test_sounds_of_all_kinds_come_in_turn_and_again_the_same():
    first, second = (dict(quiet_sounds(100, 3)) for _ in range(2))
    assert [name.rstrip("0123456789") for name in first] == [kind.__name__ for kind in (*USUAL, *USUAL)][:13]
    for name, samples in first.items():
        assert samples.dtype == np.float32 and samples.shape == (128000,) and np.abs(samples).max() < 2
        np.testing.assert_array_equal(samples, second[name])
    assert not first["silence0"].any() and first["silence7"].any()
