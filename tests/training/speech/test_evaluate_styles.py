"""The table of styles on curves made here: a person's own style is the nearest to that person."""

from types import SimpleNamespace

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.speech.network import load_weights
from blendshape_talker.speech.style import fit, heard, mouth_measures
from blendshape_talker.training.speech import evaluate_styles
from blendshape_talker.training.speech.evaluate_styles import _figures

_, _, BASIS = load_weights(checkpoint.ASSETS / "speech.npz")
MOUTH = mouth_measures(BASIS)


def clips(seed, opening):
    """Ten clips of three seconds of somebody whose lips part ``opening`` times as far, by habits of their own."""
    habit = opening * MOUTH[:, 0] + np.random.default_rng(seed).normal(0, 0.25 * np.abs(MOUTH[:, 0]).max(), len(BASIS))
    way = np.linalg.lstsq(MOUTH.T, np.array([1.0, 0.0]), rcond=None)[0]
    made = []
    for number in range(10):
        rng = np.random.default_rng([seed, number])
        clock = np.arange(180) / 60
        curves = 0.6 * np.sin(
            2 * np.pi * clock[:, None] * rng.uniform(0.5, 3, len(BASIS)) + rng.uniform(0, 6, len(BASIS))
        )
        gap = np.maximum(10 * np.sin(2 * np.pi * clock + rng.uniform(0, 6)) ** 2 - 1, 0)
        curves += np.outer(gap - curves @ MOUTH[:, 0], way)
        made.append((curves, np.stack([np.maximum(curves @ habit, 0) * (gap > 0), curves @ MOUTH[:, 1]], axis=1)))
    return made


def test_the_own_style_is_nearest():
    people = {"wide": clips(1, 1.5), "narrow": clips(2, 0.6)}
    styles = {
        name: fit(name, [made for made, _ in own[:5]], [seen for _, seen in own[:5]], BASIS)
        for name, own in people.items()
    }
    for name, own in people.items():
        row = _figures(own[5:], name, styles, BASIS)
        assert row["gap_own"] > max(row["gap_none"], row["gap_best"])
        assert abs(np.log(row["opening_own"])) < np.log(row["opening_others"])
        assert row["kept"] > 0.99


def test_of_who_is_only_heard_the_opening_is_nearest():
    people = {
        name: [(size * made, size * np.maximum(made @ MOUTH, 0)) for made, _ in clips(seed, 1.0)]
        for name, seed, size in (("wide", 1, 1.0), ("narrow", 2, 0.5))
    }
    styles = {name: heard(name, np.concatenate([made for made, _ in own[:5]]), BASIS) for name, own in people.items()}
    for name, own in people.items():
        row = _figures(own[5:], name, styles, BASIS)
        assert abs(np.log(row["opening_own"])) < 0.1 < 0.3 < np.log(row["opening_others"])
        assert row["kept"] > 0.99


def test_no_sentence_makes_a_style_and_is_measured(monkeypatch, tmp_path):
    people = {"anna": clips(1, 1.5), "bert": clips(2, 0.6)}
    takes = {f"{name}{number:02d}": clip for name, own in people.items() for number, clip in enumerate(own)}
    listed = [SimpleNamespace(subject=name[:4], name=name, samples=lambda name=name: name) for name in takes]
    model = SimpleNamespace(basis=BASIS, coefficients=lambda name: takes[name][0])
    shown, measured = [], []  # where the clips lie in memory

    def seen_by_fit(name, made, *rest):
        shown.extend(clip.ctypes.data for clip in made)
        return fit(name, made, *rest)

    def seen_by_figures(own, *rest):
        measured.extend(made.ctypes.data for made, _ in own)
        return _figures(own, *rest)

    monkeypatch.setattr(evaluate_styles, "read_corpus", lambda path: listed)
    monkeypatch.setattr(evaluate_styles, "read_seen", lambda path, name: np.pad(takes[name][1], [(0, 0), (0, 1)]))
    monkeypatch.setattr(evaluate_styles.SpeechModel, "load", lambda weights: model)
    monkeypatch.setattr(evaluate_styles, "_figures", seen_by_figures)
    monkeypatch.setattr(evaluate_styles, "fit", seen_by_fit)
    table = evaluate_styles.run(tmp_path, sentences=5)
    assert len(shown) == 10 and len(measured) == 2 * 10 and not set(shown) & set(measured)
    assert table.count("anna") == table.count("bert") == 2
    with pytest.raises(TalkerError, match="1 to 5 for a style"):
        evaluate_styles.run(tmp_path, sentences=6)
