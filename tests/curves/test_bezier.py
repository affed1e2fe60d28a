"""Bézier keys of one curve: what lies between keys, and that no fewer keys would do."""

import itertools

import numpy as np
import pytest

from blendshape_talker.curves.bezier import BezierKeys, SlopeFit, fewest_keys, lengths_up_to, segment_errors


def test_a_cubic_needs_two_keys():
    time = np.arange(41) / 40
    values = 2 * time**3 - time + 0.3
    keys = SlopeFit(values).through([0, 40], ())
    assert np.abs(keys.evaluate(np.arange(41)) - values).max() < 1e-6
    assert keys.right[0] == pytest.approx(-1 / 40, abs=1e-6) and keys.left[1] == pytest.approx(5 / 40, abs=1e-6)
    lengths = lengths_up_to(40)
    errors = segment_errors(values, lengths)[None]
    assert fewest_keys(lengths, errors, 1e-6, np.ones(41), [(0, 40)]) == [[0, 40]]


def test_values_are_constant_outside_and_exact_on_keys():
    values = np.random.default_rng(0).normal(size=30)
    keys = SlopeFit(values).through([3, 9, 10, 12, 25], {10})
    assert np.allclose(keys.evaluate(keys.rows), values[keys.rows])
    assert keys.evaluate(np.array([0, 29])).tolist() == [values[3], values[25]]
    assert keys.smooth.tolist() == [True, True, False, True, True]


def test_one_key_is_a_constant():
    assert (
        BezierKeys(np.array([4]), np.array([0.7]), np.zeros(1), np.zeros(1)).evaluate(np.arange(9)).tolist()
        == [0.7] * 9
    )


def test_slopes_are_the_least_squares():
    values = np.random.default_rng(1).normal(size=40).cumsum()
    rows, frames = [0, 11, 24, 39], np.arange(40)
    keys = SlopeFit(values).through(rows, {24})
    best = np.square(keys.evaluate(frames) - values).sum()
    for index, side in itertools.product(range(4), ("left", "right")):
        for step in (-0.02, 0.02):
            left, right = keys.left.copy(), keys.right.copy()
            for name, slopes in (("left", left), ("right", right)):
                slopes[index] += step if name == side or index != 2 else 0.0  # a smooth key turns as one
            other = BezierKeys(keys.rows, keys.values, left, right)
            assert np.square(other.evaluate(frames) - values).sum() >= best - 1e-9


def test_no_fewer_keys_would_do():
    values = np.sin(np.arange(14) * 0.9) * np.linspace(1, 2, 14)
    lengths, tolerance = lengths_up_to(13), 0.05
    errors = segment_errors(values, lengths)
    (rows,) = fewest_keys(lengths, errors[None], tolerance, np.ones(14), [(0, 13)])
    fits = lambda some: all(errors[b - a - 1, a] <= tolerance for a, b in itertools.pairwise(some))  # noqa: E731
    assert fits(rows)
    fewer = itertools.combinations(range(1, 13), len(rows) - 3)
    assert not any(fits([0, *inner, 13]) for inner in fewer)


def test_keys_fall_where_they_cost_less():
    values, lengths = np.sin(np.arange(60) * 0.2), lengths_up_to(59)
    errors = segment_errors(values, lengths)[None]
    plain, price = np.ones(60), np.ones(60)
    free = fewest_keys(lengths, errors, 0.02, plain, [(0, 59)])[0]
    price[[row + 1 for row in free[1:-1]]] = 0.5
    drawn = fewest_keys(lengths, errors, 0.02, price, [(0, 59)])[0]
    assert len(free) > 3 and len(drawn) == len(free)
    assert any(price[row] < 1 for row in drawn[1:-1])
