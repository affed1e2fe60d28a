"""Lip-sync figures on curves whose answers are known."""

import numpy as np
import pytest

from blendshape_talker.training import lip_sync
from blendshape_talker.training.phones import Phone


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


def test_counts_over_phones():
    curve = syllables()
    opens, shuts = (30 + 12) / 60, (30 + 24) / 60
    phones = [
        Phone(0.0, 0.5, "SIL"),
        Phone(opens - 0.05, opens + 0.05, "P"),
        Phone(shuts - 0.03, shuts + 0.03, "M"),
        Phone(shuts - 0.03, shuts + 0.03, "F"),
        Phone(len(curve) / 60 - 0.5, len(curve) / 60, "SIL"),
    ]
    counts = lip_sync.count_phones(curve, phones)
    assert (counts.bilabials, counts.bilabials_closed) == (2, 1)
    assert (counts.labiodentals, counts.labiodentals_narrow) == (1, 1)
    assert (counts.pauses, counts.pauses_shut) == (2, 2)
    assert (counts.closures, counts.closures_right) == (7, 1)
    double = counts + counts
    assert double.closures == 14 and double.pauses_shut == 4
    assert lip_sync.pause_gap(curve, phones).max() == 0
    assert lip_sync.count_phones(curve + 5, phones).pauses_shut == 0
