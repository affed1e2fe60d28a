"""Recordings of many formats, and what is no recording."""

import os
import struct
from pathlib import Path

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
    monkeypatch.setattr(audio, "_READ_FRAMES", 44100)
    blocks = audio.load_recording(path).samples
    assert len(whole) == len(blocks)
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_mp3_has_no_clicks_between_blocks(tmp_path):
    path = tmp_path / "tone.mp3"
    soundfile.write(path, tone(16000, 9.0), 16000)
    samples = audio.load_recording(path).samples[1600:-1600]
    assert len(samples) > 3 * audio._READ_FRAMES
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.02)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(16000), tone(16000, pitch=700.0)], axis=1), 16000)
    expected = 0.5 * (tone(16000) + tone(16000, pitch=700.0))
    np.testing.assert_allclose(audio.load_recording(path).samples, expected, atol=1e-4)


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("second", [-1.0, -0.8])
def test_channels_in_opposite_phase_are_not_averaged(tmp_path, rate, second):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([second * tone(rate), tone(rate)], axis=1), rate)
    recording = audio.load_recording(path)
    assert np.abs(recording.samples[4000:12000]).max() == pytest.approx(0.5, abs=0.02)
    (warning,) = recording.warnings
    assert "opposite phase" in warning and ("channel 2" in warning or second == -1.0)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_what_can_be_read_of_a_cut_recording_is_taken_with_a_warning(tmp_path, suffix, capfd):
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 16000 * 6).astype(np.float32)
    soundfile.write(whole, noise, 16000)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    assert audio.load_recording(whole).warnings == ()
    recording = audio.load_recording(cut)
    assert 1.5 < recording.seconds < 3.2
    (warning,) = recording.warnings
    assert "cut short" in warning and "\n" not in warning
    assert capfd.readouterr().err == "", "the MP3 decoder talks by itself"


def test_a_stream_of_unknown_length_is_not_cut_short(tmp_path):
    path = tmp_path / "stream.wav"
    soundfile.write(path, tone(16000), 16000)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    recording = audio.load_recording(path)
    assert recording.seconds == pytest.approx(1.0, abs=0.01) and recording.warnings == ()


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(16000), "silent"),
        (np.full(16000, 0.2), "silent"),
        (np.clip(6 * tone(16000, pitch=97.0), -1, 1), "clipped"),
        (np.clip(3 * tone(16000, pitch=97.0), -0.7, 0.7), "clipped"),
        (tone(16000), None),
        (tone(16000, pitch=60.0), None),
    ],
)
def test_silent_and_clipped_recordings_are_read_with_a_warning(tmp_path, samples, words):
    path = tmp_path / "speech.wav"
    soundfile.write(path, samples, 16000)
    warnings = audio.load_recording(path).warnings
    assert len(warnings) == (words is not None) and all(words in warning for warning in warnings)


def header_claims(path, offset: int, value: bytes) -> None:
    soundfile.write(path, tone(16000), 16000)
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (24, struct.pack("<I", 1), "1 samples a second"),
        (24, struct.pack("<I", 2**32 - 1), "cannot be read as sound"),
        (24, struct.pack("<I", 2_000_000), "2000000 samples a second"),
        (22, struct.pack("<H", 1000), "cannot be read as sound"),
    ],
)
def test_absurd_headers_are_refused(tmp_path, offset, value, words):
    path = tmp_path / "odd.wav"
    header_claims(path, offset, value)
    with pytest.raises(TalkerError, match=words) as caught:
        audio.load_recording(path)
    assert "\n" not in str(caught.value)


def flac_that_claims(path, seconds: float, frames: int) -> None:
    """FLAC's count of samples has 36 bits, the last 4 of byte 21 and four bytes more; 0 = unknown."""
    soundfile.write(path, tone(16000, seconds), 16000)
    content = bytearray(path.read_bytes())
    content[21] = content[21] & 0xF0 | frames >> 32
    content[22:26] = struct.pack(">I", frames & 0xFFFFFFFF)
    path.write_bytes(content)


def test_a_small_file_of_many_hours_is_refused(tmp_path):
    flac_that_claims(tmp_path / "bomb.flac", 1.0, 16000 * 3600 * 5)
    with pytest.raises(TalkerError, match="claims 5.0 hours"):
        audio.load_recording(tmp_path / "bomb.flac")


def test_a_file_that_unpacks_to_more_than_it_says_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "stream.flac"
    flac_that_claims(path, 3.0, 0)
    assert audio.load_recording(path).seconds == pytest.approx(3.0, abs=0.01)
    monkeypatch.setattr(audio, "LONGEST_SECONDS", 2)
    with pytest.raises(TalkerError, match="unpacks to more"):
        audio.load_recording(path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/zero")):
        with pytest.raises(TalkerError, match="device or a pipe"):
            audio.load_recording(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_names_that_are_no_text_are_read(tmp_path, suffix):
    soundfile.write(tmp_path / f"tone.{suffix}", tone(16000), 16000)
    path = os.fsdecode(os.fsencode(tmp_path) + b"/t\xf6n." + suffix.encode())
    os.rename(tmp_path / f"tone.{suffix}", path)
    assert audio.load_recording(path).seconds == pytest.approx(1.0, abs=0.08)


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
        (lambda path: None, "file not found"),
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


def test_hearing_needs_no_librosa_and_reading_no_torch(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(22050), 22050)
    program = (
        "import sys; from blendshape_talker.speech import audio, mel;"
        "loaded = lambda: sorted({'librosa', 'numba', 'scipy', 'torch'} & set(sys.modules));"
        f"sound = audio.load_recording({str(path)!r}).samples; print(*loaded());"
        "print(mel.log_mel(sound).shape, *loaded())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "(100, 80) torch"]
