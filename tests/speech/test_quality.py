"""Whether a recording holds speech, from its sound and from what the network makes of it."""

import numpy as np
import pytest

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.face.flame import lip_gap_per_weight
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.model import SpeechModel
from blendshape_talker.speech.quality import cancels, missing_bytes, speech_warning, wordless_warning

SPEECH = load_recording(ASSETS / "demo_speech.flac").samples
RANDOM = np.random.default_rng(0)
CLOCK = np.arange(16000 * 4) / 16000
NOISE = RANDOM.normal(size=len(SPEECH)).astype(np.float32)


@pytest.fixture(scope="module")
def heard():
    """Function: the warning for samples, with the lip gap of the bundled network."""
    model = SpeechModel.load()
    opening = 1e3 * lip_gap_per_weight(model.basis)
    return lambda samples: speech_warning(samples, model.coefficients(samples.astype(np.float32)) @ opening)


@pytest.mark.parametrize(
    "samples",
    [
        SPEECH,
        0.003 * SPEECH,
        np.clip(10 * SPEECH, -1, 1),
        SPEECH + 0.02 * NOISE,
        np.concatenate([np.zeros(160000, np.float32), SPEECH[:16000]]),
    ],
)
def test_speech_is_found(heard, samples):
    assert heard(samples) is None


@pytest.mark.parametrize(
    "samples",
    [
        0.1 * RANDOM.normal(size=len(CLOCK)),
        0.0005 * RANDOM.normal(size=len(CLOCK)),
        0.3 * np.sin(2 * np.pi * 440 * CLOCK),
        0.1 * sum(np.sin(2 * np.pi * pitch * CLOCK) * np.exp(-3 * (CLOCK % 0.5)) for pitch in (220, 277, 330)),
    ],
)
def test_sound_without_speech_is_said(heard, samples):
    assert "hardly any speech" in heard(samples)


def test_speech_deep_in_noise_is_said(heard):
    assert "noise" in heard(SPEECH + 1.5 * float(SPEECH.std()) * NOISE)


def test_loud_sound_without_words_is_said_with_its_place():
    model = SpeechModel.load()
    opening = 1e3 * lip_gap_per_weight(model.basis)
    say = lambda samples: wordless_warning(samples, model.coefficients(samples.astype(np.float32)) @ opening)  # noqa: E731
    chord = sum(np.sin(2 * np.pi * pitch * CLOCK) for pitch in (220, 277, 330))
    first = len(SPEECH) / 16000
    words = say(np.concatenate([SPEECH, 0.1 * chord * (1 + np.sin(20 * CLOCK)), SPEECH]))
    start, end = (float(part) for part in words.split(" at ")[1].split(" s:")[0].split(" to "))
    assert abs(start - first) < 0.3 and abs(end - first - 4.0) < 0.3
    assert say(np.concatenate([SPEECH, np.zeros(32000, np.float32), SPEECH])) is None
    assert wordless_warning(np.zeros(100, np.float32), np.zeros(0)) is None


def test_silence_is_left_to_the_reader():
    assert speech_warning(np.zeros(16000, np.float32), np.zeros(60)) is None


def test_unrelated_channels_do_not_cancel():
    left, right = RANDOM.normal(size=(2, 1000))
    assert not cancels(float((((left + right) / 2) ** 2).sum()), np.array([left @ left, right @ right]))
    assert not cancels(float(((left / 2) ** 2).sum()), np.array([left @ left, 0.0]))
    assert not cancels(0.0, np.array([1.0])) and not cancels(0.0, np.zeros(2))


def test_files_too_short_for_a_header_miss_nothing(tmp_path):
    for content in (b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata\xff\xff"):
        (tmp_path / "odd").write_bytes(content)
        assert missing_bytes(tmp_path / "odd") is False
