"""Breath to train on: it has a length and a way, and parts the lips by how loud it is."""

import numpy as np
import pytest

from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from blendshape_talker.training.corpus.breaths import WIDEST_MM, breath, opening_mm, parted
from blendshape_talker.training.corpus.coarticulation import LipGeometry

RATE = 16000


@pytest.fixture(scope="module")
def lips() -> LipGeometry:
    """A jaw and lips that move the two lip vertices by 20, 10 and 10 mm, nothing else."""
    names = ["jawOpen", "mouthClose", "mouthLowerDown_L", "mouthLowerDown_R", "mouthUpperUp_L", "mouthUpperUp_R"]
    deltas = np.zeros((len(names), VERTEX_COUNT, 3))
    deltas[0, LOWER_LIP, 1], deltas[1, LOWER_LIP, 1] = -0.02, 0.02
    deltas[2:4, LOWER_LIP, 1], deltas[4:, UPPER_LIP, 1] = -0.005, 0.005
    return LipGeometry(names, deltas, load_head().vertices)


@pytest.mark.parametrize("inward", [True, False])
def test_breath_is_noise_that_swells_and_sinks(inward):
    generator = np.random.default_rng(3)
    peaks = []
    for _ in range(20):
        samples = breath(generator, inward).samples
        assert 0.25 * RATE <= len(samples) <= 0.75 * RATE and np.isfinite(samples).all()
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(1)
        level = np.convolve(samples**2, np.ones(800), "same")
        assert level[0] < level.max() and level[-1] < level.max()
        peaks.append(level.argmax() / len(level))
    assert (np.mean(peaks) > 0.5) == inward  # in-breath ends where words begin


def test_a_louder_breath_opens_wider():
    assert opening_mm(-50) == 0 and opening_mm(0) == WIDEST_MM
    assert 0 < opening_mm(-30) < opening_mm(-20) < WIDEST_MM


def test_lips_part_while_it_lasts(lips):
    weights = parted(120, 0.5, 1.0, 0.8, lips)
    gap = lips.gap(weights)
    assert gap[:24] == pytest.approx(0, abs=1e-6) and gap[66:] == pytest.approx(0, abs=1e-6)
    assert gap[40:50] == pytest.approx(0.8, abs=1e-3) and gap.max() < 0.801
    assert np.abs(np.diff(gap)).max() < 0.25
    assert np.abs(lips.gap(parted(120, 0.5, 1.0, 0.0, lips))).max() == pytest.approx(0, abs=1e-6)
