"""A stretch of another performance: seams as smooth as the rest, keys of hands exactly kept."""

import numpy as np
import pytest

from blendshape_talker.curves.weave import share_at, weave


def performances(frames=300):
    time = np.arange(frames) / 30
    old = np.maximum(np.sin(2 * np.pi * 2.3 * time), 0.0)
    return old, old * (1.0 + 0.25 * np.sin(2 * np.pi * 0.7 * time + 1.0))


@pytest.mark.parametrize("span", [(60, 240), (100, 112), (0, 299), (77, 82)])
def test_the_seams_bend_no_more_than_the_rest(span):
    old, new = performances()
    frames = np.arange(300)
    curve, baked = weave(old, new, share_at(frames, *span, 30.0), {}, 30.0)
    assert (curve == baked).all()
    bends = np.abs(np.diff(curve, 2))
    either = max(np.abs(np.diff(part, 2)).max() for part in (old, new))
    assert bends.max() <= either + 1e-9
    outside = (frames <= span[0]) | (frames >= span[1])
    assert (curve[outside] == old[outside]).all()
    middle = sum(span) // 2
    assert span[1] - span[0] < 13 or curve[middle] == pytest.approx(new[middle])


def test_slow_curves_go_over_without_a_step():
    frames = np.arange(120)
    curve, _ = weave(np.zeros(120), np.ones(120), share_at(frames, 30, 90, 30.0), {}, 30.0)
    assert curve[30] == 0.0 and curve[60] == 1.0 and curve[90] == 0.0
    assert np.abs(np.diff(curve)).max() < 0.35 and (np.diff(curve[30:37]) > 0).all()


def test_keys_of_hands_are_met_and_told_apart():
    old, new = performances()
    share = share_at(np.arange(300), 60, 240, 30.0)
    hands = {100: 2.0, 101: -1.0, 200: 0.3}
    curve, baked = weave(old, new, share, hands, 30.0)
    assert [curve[row] for row in hands] == list(hands.values())
    assert np.flatnonzero(curve != baked).tolist() == list(hands)
    plain = weave(old, new, share, {}, 30.0)[0]
    assert np.abs(curve - plain)[[90, 110, 150, 190, 210]].max() < 1e-12
