"""The log-mel spectrogram on sounds whose pitch and time are known."""

import numpy as np
import pytest
import torch

from blendshape_talker.errors import Cancelled
from blendshape_talker.speech import mel


def tone(rate: int, seconds: float = 1.0, pitch: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def test_log_mel_finds_the_tone_and_its_time():
    samples = np.concatenate([np.zeros(8000, np.float32), tone(16000, 0.5)])
    rows = mel.log_mel(samples)
    assert rows.shape == (100, 80) and rows.dtype == np.float32
    assert rows[20].max() == pytest.approx(-10)
    assert abs(int(np.argmax(rows[:, 10:13].max(axis=1) > -1)) - 50) <= 1
    assert np.ptp(rows[60:95].argmax(axis=1)) == 0


def test_log_mel_blocks_do_not_show(monkeypatch):
    samples = np.random.default_rng(1).normal(size=16000).astype(np.float32)
    whole = mel.log_mel(samples)
    monkeypatch.setattr(mel, "_FRAMES_PER_BLOCK", 7)
    np.testing.assert_allclose(mel.log_mel(samples), whole, atol=1e-5)


def test_log_mel_stops_between_two_blocks(monkeypatch):
    monkeypatch.setattr(mel, "_FRAMES_PER_BLOCK", 20)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        mel.log_mel_of(torch.from_numpy(tone(16000)), lambda: next(asked))
    assert next(asked, None) is None
