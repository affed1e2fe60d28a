"""Recordings of many formats, and what is no recording."""

import numpy as np
import pytest
import soundfile

from blendshape_talker.errors import TalkerError
from blendshape_talker.speech import audio


def tone(rate: int, seconds: float = 1.0, pitch: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (48000, 1), (8000, 3)])
def test_formats_rates_and_channels(tmp_path, suffix, rate, channels):
    if channels > 2 and suffix == "mp3":
        channels = 2
    path = tmp_path / f"ton {rate} é.{suffix}"
    soundfile.write(path, np.repeat(tone(rate)[:, None], channels, axis=1), rate)
    recording = audio.load_recording(path)
    assert recording.samples.dtype == np.float32 and recording.samples.ndim == 1
    assert recording.sample_rate == 16000
    assert recording.seconds == pytest.approx(1.0, abs=0.08 if suffix == "mp3" else 0.002)
    middle = recording.samples[4000:12000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=3)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


def test_blocks_do_not_show(tmp_path, monkeypatch):
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 3), 44100, subtype="FLOAT")
    whole = audio.load_recording(path).samples
    monkeypatch.setattr(audio, "_READ_SECONDS", 1)
    blocks = audio.load_recording(path).samples
    assert len(whole) == len(blocks)
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(16000), -tone(16000)], axis=1), 16000)
    assert np.abs(audio.load_recording(path).samples).max() < 1e-3


def test_too_loud_is_scaled_down(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, 40 * tone(16000), 16000, subtype="FLOAT")
    assert np.abs(audio.load_recording(path).samples).max() == pytest.approx(1.0)


def write_text(path):
    path.write_text("this is no sound at all, whatever its name says")


def write_nan(path):
    samples = tone(16000)
    samples[500] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "folder"),
        (lambda path: path.touch(), "empty"),
        (write_text, "cannot be read as sound"),
        (lambda path: soundfile.write(path, tone(16000, 0.1), 16000), "at least 0.2 s"),
        (lambda path: soundfile.write(path, np.zeros(0), 16000), "at least 0.2 s"),
        (write_nan, "not finite"),
    ],
)
def test_what_is_no_recording_gets_one_line(tmp_path, make, words):
    path = tmp_path / "speech.wav"
    make(path)
    with pytest.raises(TalkerError, match=words) as caught:
        audio.load_recording(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_log_mel_finds_the_tone_and_its_time():
    samples = np.concatenate([np.zeros(8000, np.float32), tone(16000, 0.5)])
    mel = audio.log_mel(samples)
    assert mel.shape == (100, 80) and mel.dtype == np.float32
    assert mel[20].max() == pytest.approx(-10)
    assert abs(int(np.argmax(mel[:, 10:13].max(axis=1) > -1)) - 50) <= 1
    assert np.ptp(mel[60:95].argmax(axis=1)) == 0


def test_log_mel_blocks_do_not_show(monkeypatch):
    samples = np.random.default_rng(1).normal(size=16000).astype(np.float32)
    whole = audio.log_mel(samples)
    monkeypatch.setattr(audio, "_FRAMES_PER_BLOCK", 7)
    np.testing.assert_allclose(audio.log_mel(samples), whole, atol=1e-5)


def test_hearing_needs_neither_librosa_nor_torch(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(22050), 22050)
    program = (
        "import sys; from blendshape_talker.speech import audio;"
        f"print(audio.log_mel(audio.load_recording({str(path)!r}).samples).shape,"
        " *sorted({'librosa', 'numba', 'scipy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(100, 80)"
