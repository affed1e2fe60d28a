"""Ablations of the speech network, trained for a moment: the right encoders, settings and rows of the table."""

import json

import numpy as np
import pytest
import torch

from blendshape_talker.errors import TalkerError
from blendshape_talker.speech.network import load_weights
from blendshape_talker.speech.whisper import WhisperEncoder
from blendshape_talker.training.speech import ablations as speech_ablations
from blendshape_talker.training.speech.settings import TrainingSettings


def test_ablations_differ_from_the_full_model_in_one_setting():
    base = TrainingSettings(steps=10)
    full, *others = speech_ablations.ablations(base)
    assert full.settings == base and full.encoder == "4 layers"
    for variant in others:
        changed = {name for name, value in vars(variant.settings).items() if value != getattr(base, name)}
        assert len(changed) + (variant.encoder != full.encoder) == 1, variant.name


def test_sizes_take_deeper_encoders_only_where_there_is_one():
    base = TrainingSettings(steps=10)
    names = [variant.encoder for variant in speech_ablations.sizes(base, None)]
    assert "2 layers" in names and "6 layers" not in names
    assert speech_ablations.sizes(base, "whisper.npz")[-1].encoder == "6 layers"


def test_log_mel_has_the_encoders_rate():
    mel = torch.randn(101, 80)
    features = speech_ablations.LogMelEncoder().listen(mel, first_position=7)
    assert features.shape == (51, 160)
    np.testing.assert_array_equal(features[3], mel[6:8].ravel())


def test_a_shortened_encoder_is_the_beginning_of_the_bundled_one(tmp_path):
    mel = np.random.default_rng(0).normal(size=(200, 80)).astype(np.float32)
    short = speech_ablations._encoder("2 layers", tmp_path, None)
    assert short.config.layers == 2
    whole = WhisperEncoder.load().encode(mel)
    assert short.encode(mel).shape == whole.shape and not np.allclose(short.encode(mel), whole, atol=0.1)


def test_a_take_is_heard_once():
    class Counting(speech_ablations.LogMelEncoder):
        heard = 0

        def listen(self, log_mel, *args, **options):
            self.heard += 1
            return super().listen(log_mel)

    counting = Counting()
    ear = speech_ablations.Remembering(counting)
    mel = torch.ones(10, 80)
    np.testing.assert_array_equal(ear.listen(mel), ear.listen(mel.clone(), first_position=0))
    ear.listen(2 * mel)
    assert counting.heard == 2


def test_one_table_of_all_variants(corpus, tmp_path, monkeypatch):
    def two_small_ones(base):
        small = TrainingSettings(
            steps=base.steps, batch=2, seconds=1.0, copies=0, recorded_copies=0, width=64, layers=1
        )
        return [
            speech_ablations.Variant("full model", small),
            speech_ablations.Variant("log-mel instead of Whisper", small, "log-mel"),
        ]

    monkeypatch.setattr(speech_ablations, "ablations", two_small_ones)
    table = speech_ablations.run(corpus, tmp_path / "work", tmp_path / "cache", 2, json_path=tmp_path / "figures.json")
    rows = [line.split("  ")[0] for line in table.splitlines()[1:]]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == [
        f"{name}: {row}" for name in ("full model", "log-mel instead of Whisper") for row in ("all", "dora")
    ]
    assert len(rows) == 4 and "ms CPU/s" in table.splitlines()[0]
    assert figures["full model: all"]["cost_ms"] > 0
    config, _, _ = load_weights(tmp_path / "work" / "log-mel-instead-of-Whisper" / "speech.npz")
    assert config.feature_width == 160


def test_no_test_sequences(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(speech_ablations, "read_corpus", lambda path: [])
    with pytest.raises(TalkerError, match="no test sequences"):
        speech_ablations.run(corpus, tmp_path, tmp_path, 1)
