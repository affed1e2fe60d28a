"""The table of styles on curves made here: a person's own style is the nearest to that person."""

import json
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


@pytest.fixture
def corpus(monkeypatch):
    """Two people of twelve sentences, one of ninety and one of nine; frame 0 of a sentence is its number.

    Gives what styles were made from and what was measured: lists of (person, numbers of the sentences).
    """
    everybody = [("anna", 12), ("berta", 12), ("clara", 90), ("dora", 9)]
    numbered = [(name, number) for name, count in everybody for number in range(count)]
    takes = [
        SimpleNamespace(subject=name, name=str(place), samples=lambda place=place: place)
        for place, (name, _) in enumerate(numbered)
    ]
    model = SimpleNamespace(basis=BASIS, coefficients=lambda place: np.full((30, len(BASIS)), float(place)))
    shown, measured = [], []

    def of(name: str, clips: list[np.ndarray]) -> list[int]:
        places = [int(clip[0, 0]) for clip in clips]
        assert {numbered[place][0] for place in places} == {name}
        return [numbered[place][1] for place in places]

    def fit_shown(name, made, seen, basis):
        assert [one[0, 0] for one in made] == [one[0, 0] for one in seen]
        shown.append((name, of(name, made)))

    def heard_shown(name, made, basis):
        shown.append((name, of(name, list(made.reshape(-1, 30, len(BASIS))))))

    def figures(clips, name, styles, basis):
        assert set(styles) == {"anna", "berta", "clara"}
        measured.append((name, of(name, [made for made, _ in clips])))
        return dict.fromkeys(evaluate_styles.COLUMNS, 1.0) | {"takes": len(clips)}

    monkeypatch.setattr(evaluate_styles, "read_corpus", lambda path: takes)
    monkeypatch.setattr(evaluate_styles, "read_seen", lambda path, name: np.full((31, 3), float(name)))
    monkeypatch.setattr(evaluate_styles.SpeechModel, "load", lambda weights: model)
    monkeypatch.setattr(evaluate_styles, "fit", fit_shown)
    monkeypatch.setattr(evaluate_styles, "heard", heard_shown)
    monkeypatch.setattr(evaluate_styles, "_figures", figures)
    return shown, measured


@pytest.mark.parametrize("sentences", [1, 5])
def test_no_sentence_that_a_style_is_made_from_is_measured(corpus, tmp_path, sentences):
    shown, measured = corpus
    table = evaluate_styles.run("people", sentences=sentences, json_path=tmp_path / "figures.json")
    assert [name for name, _ in shown] == [name for name, _ in measured] == 2 * ["anna", "berta", "clara"]
    for (name, made_from), (_, judged) in zip(shown, measured, strict=True):
        assert len(made_from) == sentences and not set(made_from) & set(judged)
        # the same sentences whatever a style is made from; of somebody with many, every other one
        assert judged == (list(range(10, 90, 2)) if name == "clara" else list(range(5, 12)))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == ["sound and motion", "sound alone"]
    for rows in figures.values():
        assert list(rows) == ["mean", "anna", "berta", "clara"] and rows["mean"]["takes"] == 7 + 7 + 40
    assert "dora" not in table


@pytest.mark.parametrize("sentences", [0, 6])
def test_styles_of_more_sentences_than_are_set_aside_are_refused(corpus, sentences):
    with pytest.raises(TalkerError, match="1 to 5 for a style"):
        evaluate_styles.run("people", sentences=sentences)
