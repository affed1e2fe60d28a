"""Linear probes: what they find, and what they must not find."""

import numpy as np
import pytest

from blendshape_talker.training.fusion.linear_probe import chance, probe_accuracy


def two_sets(sizes: tuple[int, ...], distance: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Clouds of three labels along a line in five dimensions, ``distance`` apart, for learning and for asking."""
    sets = []
    for seed in (0, 1):
        generator = np.random.default_rng(seed)
        labels = np.repeat(["AA", "B", "S"], sizes)
        numbers = 0.1 * generator.standard_normal((len(labels), 5))
        numbers[:, 2] += distance * np.repeat([0.0, 1.0, 2.0], sizes)
        sets.append((numbers, labels))
    return sets


def test_a_probe_finds_labels_that_lie_apart():
    seen, asked = two_sets((200, 200, 200), 1.0)
    assert probe_accuracy(*seen, *asked) > 99.0
    assert probe_accuracy(seen[0], seen[1], asked[0], asked[1][::-1]) < 50.0


def test_a_probe_finds_chance_where_nothing_tells_the_labels_apart():
    seen, asked = two_sets((900, 900, 900), 0.0)
    assert probe_accuracy(*seen, *asked) == pytest.approx(chance(seen[1]), abs=4.0)
    assert chance(seen[1]) == pytest.approx(100.0 / 3.0)


def test_a_common_label_is_no_help():
    seen, asked = two_sets((3000, 60, 60), 0.0)
    assert probe_accuracy(*seen, *asked) == pytest.approx(chance(seen[1]), abs=8.0)


def test_what_no_slider_shows_is_not_there():
    seen, asked = two_sets((100, 100, 100), 1.0)
    assert probe_accuracy(1e-3 * seen[0], seen[1], 1e-3 * asked[0], asked[1]) == pytest.approx(chance(seen[1]))
    assert probe_accuracy(1e-3 * seen[0], seen[1], 1e-3 * asked[0], asked[1], step=1e-5) > 99.0
