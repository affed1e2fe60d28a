"""All curves of a face together: the bound in mm holds for their sum, lips that were closed stay so."""

import numpy as np
import pytest

from blendshape_talker.curves.reduce import Curves, closed_rows, reduce, salient_rows, worst_errors
from blendshape_talker.errors import Cancelled


def talk(frames=150, curves=6, seed=0):
    """Curves that move like speech: lips that open in syllables and meet between, and slow ones beside them."""
    generator = np.random.default_rng(seed)
    time = np.arange(frames) / 30
    opening = np.maximum(np.sin(2 * np.pi * 2.2 * time + 0.3 * np.sin(5 * time)), -0.05)
    others = [np.sin(generator.uniform(0.3, 3) * 2 * np.pi * time + phase) for phase in range(curves - 1)]
    values = np.stack([opening, *others], axis=1)
    shapes = generator.normal(size=(curves, 40, 3)) * np.linspace(3, 0.3, curves)[:, None, None]
    gap = np.zeros(curves)
    gap[:2] = 10, 0.4
    return Curves(values, [(0, frames - 1)] * curves, shapes, gap, [()] * curves, values @ gap)


def off(curves, keys):
    played = np.stack([item.evaluate(np.arange(len(curves.values))) for item in keys], axis=1)
    return played, worst_errors(curves.shapes, played - curves.values)


@pytest.mark.parametrize("bound", [0.1, 0.25, 0.5])
def test_no_vertex_leaves_its_bound_and_no_contact_opens(bound):
    curves = talk()
    keys = reduce(curves, bound)
    played, errors = off(curves, keys)
    assert 0.3 * bound < errors.max() <= bound
    closed = closed_rows(curves.lip_gap)
    assert 20 < closed.sum() < 100
    assert closed_rows(played @ curves.gap)[closed].all()
    assert np.abs((played - curves.values) @ curves.gap)[closed].max() <= 0.5 * bound
    assert sum(len(item.rows) for item in keys) < curves.values.size / 3


def test_a_wider_bound_needs_fewer_keys():
    counts = [sum(len(item.rows) for item in reduce(talk(), bound)) for bound in (0.1, 0.5, 2.0)]
    assert counts[0] > counts[1] > counts[2]


def test_keys_lie_on_the_curves_and_on_frames_that_tell():
    curves = talk()
    salient = salient_rows(curves, 0.25)
    keys = reduce(curves, 0.25)
    for column, item in enumerate(keys):
        assert np.allclose(item.values, curves.values[item.rows, column])
    assert salient[keys[0].rows].mean() > 1.3 * salient.mean()


def test_wanted_keys_stay_and_spans_hold():
    curves = talk()
    spans = [(0, 149), (20, 90), (37, 37), (0, 149), (0, 149), (0, 149)]
    values = curves.values.copy()
    for column, (low, high) in enumerate(spans):
        values[:low, column], values[high + 1 :, column] = values[low, column], values[high, column]
    kept = [(61, 62), (33,), (), (), (), ()]
    curves = Curves(values, spans, curves.shapes, curves.gap, kept, values @ curves.gap)
    keys = reduce(curves, 0.25)
    assert {61, 62} <= set(keys[0].rows.tolist()) and 33 in keys[1].rows
    assert (keys[1].rows[0], keys[1].rows[-1]) == (20, 90)
    assert off(curves, keys)[1].max() <= 0.25


def test_long_takes_are_joined_without_a_step():
    curves = talk(frames=1600, curves=2)
    keys = reduce(curves, 0.5)
    assert off(curves, keys)[1].max() <= 0.5
    for item in keys:
        assert (np.diff(item.rows) > 0).all() and (item.rows[0], item.rows[-1]) == (0, 1599)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_takes(frames):
    curves = talk(frames=frames)
    keys = reduce(curves, 0.25)
    assert off(curves, keys)[1].max() <= 0.25
    assert all(item.rows.max() < frames for item in keys)


def test_a_still_face_keeps_two_keys():
    curves = talk()
    still = Curves(0 * curves.values, curves.spans, curves.shapes, curves.gap, curves.kept, 0 * curves.lip_gap)
    assert [len(item.rows) for item in reduce(still, 0.1)] == [2] * 6


def test_it_can_be_stopped():
    with pytest.raises(Cancelled):
        reduce(talk(), 0.25, cancelled=lambda: True)
