"""The speech network: its parts with random weights, and the bundled weights on the bundled recording."""

import numpy as np
import pytest
import torch

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.speech import model as speech
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.network import SpeechConfig, build_network, save_weights
from blendshape_talker.speech.whisper import WhisperEncoder

CONFIG = SpeechConfig(coefficients=5, styles=("average", "anna"), width=64, layers=2)


def random_model(config: SpeechConfig = CONFIG) -> speech.SpeechModel:
    torch.manual_seed(0)
    network = build_network(config)
    torch.nn.init.normal_(network.output.weight, std=0.1)
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    basis = np.random.default_rng(0).normal(0, 1e-3, (config.coefficients, 5023, 3)).astype(np.float32)
    return speech.SpeechModel(WhisperEncoder.load(), config, weights, basis)


@pytest.fixture(scope="module")
def model() -> speech.SpeechModel:
    return random_model()


@pytest.fixture(scope="module")
def bundled() -> speech.SpeechModel:
    return speech.SpeechModel.load()


def gap(model: speech.SpeechModel, coefficients: np.ndarray) -> np.ndarray:
    """Vertical lip gap (T,), mm."""
    return coefficients @ (1000 * (model.basis[:, UPPER_LIP, 1] - model.basis[:, LOWER_LIP, 1]))


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(5).normal(size=round(16000 * seconds))).astype(np.float32)


def test_an_untrained_network_leaves_the_face_neutral():
    network = build_network(CONFIG)
    output = network(torch.randn(2, 50, 512), torch.tensor([0, 1]), 60)
    assert output.shape == (2, 60, 5) and not output.any()


@pytest.mark.parametrize("seconds", [0.2, 0.217, 1.0, 2.345])
def test_frame_count(model, seconds):
    samples = noise(seconds)
    coefficients = model.coefficients(samples)
    assert coefficients.shape == (round(len(samples) / 16000 * 60), 5)
    assert coefficients.dtype == np.float32 and np.isfinite(coefficients).all()
    np.testing.assert_array_equal(coefficients, model.coefficients(samples))


def test_blocks_do_not_show(model, monkeypatch):
    features = np.random.default_rng(1).normal(size=(1010, 512)).astype(np.float32)
    whole = model.coefficients_of_features(features, 1200)
    monkeypatch.setattr(speech, "BLOCK_SECONDS", 2)
    blocks = model.coefficients_of_features(features, 1200)
    np.testing.assert_allclose(blocks, whole, atol=2e-3 * np.abs(whole).max())


def test_what_is_far_away_does_not_matter(model):
    features = np.random.default_rng(1).normal(size=(510, 512)).astype(np.float32)
    changed = features.copy()
    changed[250 + 50 * model.config.margin_seconds :] = 0
    before = model.coefficients_of_features(features, 600)
    after = model.coefficients_of_features(changed, 600)
    np.testing.assert_allclose(after[:300], before[:300], atol=1e-4)
    assert np.abs(after[480:] - before[480:]).max() > 1e-2


def test_frames_listen_to_their_own_time(model):
    features = np.zeros((200, 512), np.float32)
    still = model.coefficients_of_features(features, 240)
    features[100] = np.random.default_rng(2).normal(size=512)
    change = np.abs(model.coefficients_of_features(features, 240) - still).sum(axis=1)
    assert abs(int(change.argmax()) - 120) <= 2


def test_styles(model):
    samples = noise(0.5)
    average = model.coefficients(samples)
    np.testing.assert_array_equal(average, model.coefficients(samples, style="average"))
    assert np.abs(average - model.coefficients(samples, style="anna")).max() > 1e-3
    with pytest.raises(TalkerError, match="average, anna"):
        model.coefficients(samples, style="berta")


def test_progress_and_cancel(model):
    seen = []
    model.coefficients(noise(2), progress=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1)
    with pytest.raises(Cancelled):
        model.coefficients(noise(1), cancelled=lambda: True)
    calls = iter([False, True])
    with pytest.raises(Cancelled):
        model.coefficients(noise(1), cancelled=lambda: next(calls))


def test_checkpoint_keeps_the_model(model, tmp_path):
    weights = {name: values.numpy() for name, values in model._network.state_dict().items()}
    save_weights(tmp_path / "speech.npz", CONFIG, weights, model.basis)
    again = speech.SpeechModel.load(tmp_path)
    assert again.config == CONFIG
    np.testing.assert_allclose(again.basis, model.basis, atol=2e-6)
    samples = noise(0.5)
    np.testing.assert_allclose(again.coefficients(samples), model.coefficients(samples), atol=0.02)
    save_weights(tmp_path / "speech.npz", CONFIG, weights, model.basis[:3])
    with pytest.raises(TalkerError, match="basis"):
        speech.SpeechModel.load(tmp_path)
    with pytest.raises(TalkerError, match="file not found"):
        speech.SpeechModel.load(tmp_path / "nowhere")


# ---- the bundled weights ------------------------------------------------------------------------------------------


def test_bundled_weights_are_small(bundled):
    assert (ASSETS / "speech.npz").stat().st_size < 5e6
    assert bundled.basis.shape == (bundled.config.coefficients, 5023, 3)
    assert bundled.basis.dtype == np.float32


def test_the_demo_recording_opens_and_shuts_the_mouth(bundled):
    recording = load_recording(ASSETS / "demo_speech.flac")
    curve = gap(bundled, bundled.coefficients(recording.samples))
    opening = np.percentile(curve, 95)
    assert 4 < opening < 25
    closed = curve < 0.15 * opening
    assert 0.1 < closed.mean() < 0.6
    edges = np.flatnonzero(np.diff(closed.astype(int)) == 1)
    assert len(edges) > recording.seconds / 2
    assert np.abs(curve[[0, -1]]).max() < 0.15 * opening


def test_lips_meet_on_the_demos_bilabials(bundled):
    from blendshape_talker.training.corpus.alignment import align
    from blendshape_talker.training.corpus.demo_speech import DEMO_TEXT
    from blendshape_talker.training.speech.phone_outcomes import judge_phones

    samples = load_recording(ASSETS / "demo_speech.flac").samples
    phones = align(samples, DEMO_TEXT)
    assert phones is not None
    outcomes = judge_phones(gap(bundled, bundled.coefficients(samples)), phones)
    assert len(outcomes.bilabials) >= 8
    assert sum(outcomes.bilabials) >= 0.85 * len(outcomes.bilabials)
    assert sum(outcomes.closures) >= 0.6 * len(outcomes.closures)


def test_level_and_length_hardly_matter(bundled):
    samples = load_recording(ASSETS / "demo_speech.flac").samples[: 6 * 16000]
    normal = gap(bundled, bundled.coefficients(samples))
    quiet = gap(bundled, bundled.coefficients(samples * 0.02))
    assert np.corrcoef(normal, quiet)[0, 1] > 0.98
    later = gap(bundled, bundled.coefficients(np.concatenate([noise(11, 1e-4), samples])))
    assert np.corrcoef(normal, later[-len(normal) :])[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["as trained", "another making"])
def test_an_audible_breath_before_words_parts_the_lips(bundled, kind):
    """15 dB below the words by 0.3 to 1.5 mm, which is still a shut mouth; 40 dB below and in silence hardly."""
    from blendshape_talker.training.corpus.breaths import breath
    from blendshape_talker.training.corpus.conditions import breathing

    words = load_recording(ASSETS / "demo_speech.flac").samples[: 3 * 16000]

    def widest(seed: int, decibels: float) -> float:
        generator = np.random.default_rng([7, seed])
        air = breath(generator, inward=True).samples if kind == "as trained" else breathing(1.5, generator)
        air = air * np.sqrt(np.mean(words**2) / np.mean(air**2)) * 10 ** (decibels / 20)
        air = np.concatenate([np.zeros(8000), air, np.zeros(1600)])
        curve = gap(bundled, bundled.coefficients(np.concatenate([air, words]).astype(np.float32)))
        return float(curve[: len(air) * 60 // 16000].max())

    heard = [widest(seed, -15.0) for seed in range(4)]
    assert 0.3 <= min(heard) and max(heard) < 1.5
    assert np.median([widest(seed, -40.0) for seed in range(4)]) < 0.3
    silent = gap(bundled, bundled.coefficients(np.concatenate([np.zeros(24000, np.float32), words])))
    assert silent[:84].max() < 0.15


@pytest.mark.parametrize("kind", ["silence", "noise", "hum", "chords"])
def test_without_speech_the_mouth_stays_shut(bundled, kind):
    time = np.arange(4 * 16000) / 16000
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277.2, 329.6))
    samples = {
        "silence": np.zeros(len(time)),
        "noise": noise(4),
        "hum": 0.2 * np.sin(2 * np.pi * 50 * time),
        "chords": 0.1 * tones * np.exp(-3 * (time % 0.5)),
    }[kind].astype(np.float32)
    assert gap(bundled, bundled.coefficients(samples)).max() < 1.5
