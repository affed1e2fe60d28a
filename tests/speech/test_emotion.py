"""The classifier that hears emotion: its statistics on sound made here, and the bundled weights on the demo."""

import numpy as np
import pytest

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.emotion import CIRCUMPLEX, MANNERS, Heard, VoiceEmotion, softmax, statistics
from blendshape_talker.speech.model import features_of
from blendshape_talker.speech.prosody import read_prosody
from blendshape_talker.speech.whisper import WhisperEncoder

SAMPLES = load_recording(ASSETS / "demo_speech.flac").samples


@pytest.fixture(scope="module")
def encoder():
    return WhisperEncoder.load()


def test_windows_lie_where_somebody_speaks(encoder):
    silence = np.zeros(16000 * 4, np.float32)
    sound = np.concatenate([silence, SAMPLES[: 16000 * 3], silence])
    times, found = statistics(features_of(encoder, sound), read_prosody(sound))
    assert found.shape == (len(times), 3 * 512 + MANNERS) and np.isfinite(found).all()
    assert len(times) >= 3 and times.min() > 3.0 and times.max() < 8.1
    assert np.diff(times) == pytest.approx(0.5)


def test_level_does_not_matter(encoder):
    sound = SAMPLES[: 16000 * 3]
    loud, quiet = (statistics(features_of(encoder, gain * sound), read_prosody(gain * sound))[1] for gain in (1, 0.1))
    assert np.abs(loud - quiet).max() < 0.05 * np.abs(loud).max()


@pytest.mark.parametrize("sound", [np.zeros(16000), 0.1 * np.random.default_rng(0).standard_normal(32000)])
def test_where_nobody_speaks_nothing_is_heard(encoder, sound):
    heard = VoiceEmotion.load().hear(features_of(encoder, sound.astype(np.float32)), read_prosody(sound))
    assert heard.times.shape == (0,) and heard.probabilities.shape == (0, 7) and heard.valence.shape == (0,)


def test_the_bundled_classifier_knows_seven_classes_and_the_demo(encoder):
    model = VoiceEmotion.load()
    assert set(model.classes) == set(CIRCUMPLEX)
    heard = model.hear(features_of(encoder, SAMPLES), read_prosody(SAMPLES))
    assert len(heard.times) > 2 and heard.probabilities.sum(axis=1) == pytest.approx(1.0)
    assert np.abs(heard.valence).max() <= 1 and np.abs(heard.arousal).max() <= 1


def test_anger_is_unpleasant_and_stirred_boredom_drowsy():
    heard = Heard(tuple(CIRCUMPLEX), np.arange(7.0), np.eye(7))
    told = dict(zip(CIRCUMPLEX, zip(heard.valence, heard.arousal, strict=True), strict=True))
    assert told["angry"][0] < 0 < told["angry"][1] and told["bored"][1] < 0 < told["happy"][0]


def test_weights_and_tables_are_written_and_read(tmp_path):
    model = VoiceEmotion(("neutral", "sad"), np.ones((5, 2)), np.array([0.0, 1.0]))
    model.save(tmp_path / "v.npz")
    again = VoiceEmotion.load(tmp_path / "v.npz")
    assert again.classes == model.classes and np.array_equal(again.weight, model.weight)
    assert softmax(np.array([[0.0, 1.0]])) == pytest.approx(np.array([[0.2689, 0.7311]]), abs=1e-4)
    Heard(("neutral", "sad"), np.array([1.0]), np.array([[0.25, 0.75]])).save(tmp_path / "t.csv")
    header, row = (tmp_path / "t.csv").read_text().splitlines()
    assert header == "second,valence,arousal,neutral,sad" and row == "1.000,-0.525,-0.375,0.250,0.750"
    with pytest.raises(TalkerError, match="do not fit"):
        VoiceEmotion(("neutral", "glum"), np.ones((5, 2)), np.zeros(2)).save(tmp_path / "w.npz")
        VoiceEmotion.load(tmp_path / "w.npz")


def test_a_long_recording_tells_how_far_it_is_and_can_be_stopped():
    model, features = VoiceEmotion.load(), np.zeros((3000, 512), np.float16)
    prosody = read_prosody(np.resize(SAMPLES, 60 * 16000))
    shares = []
    model.hear(features, prosody, lambda fraction, message: shares.append(fraction))
    assert len(shares) > 100 and shares == sorted(shares) and 0.9 < shares[-1] <= 1.0
    with pytest.raises(Cancelled):
        model.hear(features, prosody, cancelled=lambda: True)
