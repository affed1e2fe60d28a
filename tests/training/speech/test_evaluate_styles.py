"""The table of styles on curves made here: a person's own style is the nearest to that person."""

import numpy as np

from blendshape_talker import checkpoint
from blendshape_talker.speech.network import load_weights
from blendshape_talker.speech.style import fit, heard, mouth_measures
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
