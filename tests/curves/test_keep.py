"""Keys of hands: met exactly, with the least acceleration, gone after the time that was chosen; closed lips stay."""

import numpy as np
import pytest

from blendshape_talker.curves.keep import offset, offsets
from blendshape_talker.curves.reduce import closed_rows


def bending(curve):
    return np.square(np.diff(np.pad(curve, 2), 2)).sum()


def test_it_passes_through_the_keys_and_comes_back():
    wanted = {30: 0.5, 34: -0.2, 80: 1.0}
    curve = offset(100, wanted, reach=10)
    assert all(curve[row] == value for row, value in wanted.items())
    assert not curve[:21].any() and not curve[44:71].any() and not curve[90:].any()
    assert curve[21] != 0.0 and 0 < curve[75] < 1


def test_no_other_curve_bends_less():
    wanted = {12: 0.5, 17: -0.3}
    curve, generator = offset(40, wanted, reach=8), np.random.default_rng(0)
    for _ in range(50):
        change = generator.normal(size=40) * 1e-3 * (curve != 0)
        change[list(wanted)] = 0.0
        assert bending(curve + change) > bending(curve)


def test_one_key_gives_a_bell():
    curve = offset(41, {20: 1.0}, reach=12)
    assert curve.argmax() == 20 and curve.min() >= 0.0
    assert np.allclose(curve, curve[::-1]) and (np.diff(curve[:21]) >= 0).all()
    assert np.abs(np.diff(curve, 2)).max() < 0.05


@pytest.mark.parametrize("row", [0, 1, 39])
def test_keys_at_the_ends(row):
    curve = offset(40, {row: 1.0, -4: 3.0, 77: 2.0}, reach=6)
    assert curve[row] == 1.0 and np.isfinite(curve).all() and abs(curve).max() < 1.5 and abs(curve).sum() < 12


def test_held_rows_stay_and_keys_beside_each_other_are_met():
    curve = offset(40, {20: 1.0, 21: -1.0}, reach=9, held=[17, 18, 25])
    assert not curve[[17, 18, 25]].any() and curve[20] == 1.0 and curve[21] == -1.0
    assert not offset(30, {}, reach=5).any()


def closing_lips():
    time = np.arange(120)
    return 10 * np.maximum(np.sin(time / 9.0), -0.1)


def test_closed_lips_stay_closed():
    lip_gap = closing_lips()
    closed = closed_rows(lip_gap)
    gap = np.array([12.0, 0.0, -3.0])
    row = int(np.flatnonzero(closed)[np.flatnonzero(closed) > 20][0]) - 3  # just before they meet
    wanted = [{row: 0.4}, {row: 1.0}, {row - 8: -0.5}]
    free = np.stack([offset(120, keys, 10) for keys in wanted], axis=1)
    assert (lip_gap + free @ gap)[closed].max() > 1.5, "without a guard the lips would part"
    guarded = offsets(wanted, gap, lip_gap, reach=10)
    assert (lip_gap + guarded @ gap - np.maximum(lip_gap, 0))[closed].max() <= 0.021
    assert all(guarded[row, column] == value for column, keys in enumerate(wanted) for row, value in keys.items())
    assert np.allclose(guarded[:, 1], free[:, 1]), "what does not part the lips is left alone"


def test_a_key_may_open_them():
    lip_gap = closing_lips()
    inside = int(np.flatnonzero(closed_rows(lip_gap))[30])
    result = offsets([{inside: 0.5}], np.array([12.0]), lip_gap, reach=8)
    assert result[inside, 0] == 0.5 and result[inside - 1, 0] > 0.3


def test_a_long_line_full_of_keys_bends_least_everywhere():
    generator = np.random.default_rng(1)
    wanted = {row: float(generator.normal()) for row in range(4, 8000, 9)}
    curve = offset(8000, wanted, reach=9, held=[50, 51, 4000])
    pull = np.convolve(np.diff(curve, 2), [1, -2, 1])  # of the sum of squares on each row
    free = ~np.isin(np.arange(8000), [*wanted, 50, 51, 4000])
    assert np.abs(pull[free]).max() < 1e-9 < np.abs(pull[~free]).min()
    assert all(curve[row] == value for row, value in wanted.items())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_lines_of_a_few_frames(count):
    curve = offset(count, {0: 0.7}, reach=5)
    assert len(curve) == count and curve[0] == 0.7 and np.isfinite(curve).all()
