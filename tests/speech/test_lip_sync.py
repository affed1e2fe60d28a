"""Lip-sync figures from curves of the lip gap."""

import numpy as np
import pytest

from blendshape_talker.speech import lip_sync


def syllables(count: int = 8, period: int = 24) -> np.ndarray:
    """A gap in mm that opens to 10 and touches zero for a few frames between syllables."""
    curve = np.maximum(0, 12 * np.sin(np.pi * np.arange(count * period) / period) ** 2 - 2)
    return np.concatenate([np.zeros(30), curve, np.zeros(30)])


def test_lag_of_a_shifted_curve():
    curve = np.random.default_rng(0).normal(size=400)
    curve = np.convolve(curve, np.hanning(15), "same")
    late = np.roll(curve, 3)
    assert lip_sync.lag_milliseconds(curve, late) == pytest.approx(50, abs=3)
    assert lip_sync.lag_milliseconds(late, curve) == pytest.approx(-50, abs=3)
    assert lip_sync.lag_milliseconds(curve, curve) == pytest.approx(0, abs=1e-6)


def test_jitter_and_correlation():
    curve = syllables()
    assert lip_sync.jitter(curve, 3 * curve) == pytest.approx(1)
    smooth = np.convolve(curve, np.ones(15) / 15, "same")
    assert lip_sync.jitter(curve, smooth) < 0.7
    assert lip_sync.correlation(curve, 2 * curve + 1) == pytest.approx(1)
    assert lip_sync.correlation(curve, np.zeros(len(curve))) == 0


def test_closures_match_in_time():
    curve = syllables()
    assert len(lip_sync.closures(curve)) == 7
    assert lip_sync.matched_closures(curve, curve) == (7, 7, 7)
    assert lip_sync.matched_closures(curve, np.roll(curve, 12))[0] == 0
    never = curve + 4
    assert lip_sync.matched_closures(curve, never) == (0, 7, 0)


def test_closures_that_frames_do_not_show_are_named():
    curve = syllables()
    times = np.arange(len(curve) // 2) / 30
    shown = curve[::2][: len(times)]
    assert lip_sync.lost_closures(curve, times, shown) == (7, ())
    run = lip_sync.closures(curve)[2]
    shown = shown.copy()
    shown[run[0] // 2 - 1 : run[1] // 2 + 2] = 8.0
    found, lost = lip_sync.lost_closures(curve, times, shown)
    assert found == 7 and lost == (pytest.approx((sum(run) - 1) / 2 / 60, abs=1e-3),)
    assert lip_sync.lost_closures(np.zeros(100), times, np.zeros(len(times))) == (0, ())
