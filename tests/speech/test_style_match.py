"""Motion and sound of one take: brought in step, and refused where they are of two."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.speech.style_match import in_step, rest_of


def words(seed=0, frames=480):
    """(T,) mm of a mouth that opens in words of different lengths."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.uniform(0, 9, frames // 6), rng.integers(3, 12, frames // 6))[:frames]
    return np.convolve(steps, np.hanning(9) / np.hanning(9).sum(), "same")


@pytest.mark.parametrize("late", [-25, -6, 0, 6, 25])
def test_motion_is_moved_to_where_it_goes_with_the_sound(late):
    made = words()
    seen = np.stack([0.7 * np.roll(made, late) + np.random.default_rng(1).normal(0, 0.3, len(made))] * 2, axis=1)
    moved, seconds = in_step(made, seen)
    assert seconds == pytest.approx(late / 60) and moved.shape == seen.shape
    known = np.isfinite(moved[:, 0])
    assert known.sum() == len(made) - abs(late)
    assert np.corrcoef(moved[known, 0], made[known])[0, 1] > 0.95


def test_motion_of_other_lengths_and_with_holes_is_moved_too():
    made = words()
    seen = np.stack([made] * 2, axis=1)
    seen[50:80] = np.nan
    for cut in (seen[:-20], np.concatenate([seen, np.zeros((20, 2))]), seen[7:]):
        moved, seconds = in_step(made, cut)
        assert len(moved) == len(made) and seconds == (0 if len(cut) != 473 else -7 / 60)


def test_motion_of_another_take_is_refused():
    for seen in (words(1), np.zeros(480), words(2, 300)):
        with pytest.raises(TalkerError, match="motion and sound hardly agree"):
            in_step(words(0), np.stack([seen] * 2, axis=1))


def test_rest_is_what_is_seen_when_nothing_is_wanted():
    made = words()
    seen = np.where(np.arange(480) < 40, np.nan, 3.0 + 1.4 * made)
    assert rest_of(made, seen) == pytest.approx(3.0)
