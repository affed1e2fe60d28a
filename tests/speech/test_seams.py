"""A long recording is heard in windows of 8 s: what is made of it is made of its parts as well, cut anywhere.

The tolerances are twice what was measured with the bundled weights on the demo recording, four times in a row.
"""

import numpy as np
import pytest

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.speech.audio import load_recording
from blendshape_talker.speech.model import SpeechModel, level_of
from blendshape_talker.speech.whisper import OFFLINE

SECONDS = 24
DEMO = load_recording(ASSETS / "demo_speech.flac").samples
LONG = np.concatenate([DEMO] * 4)[: SECONDS * 16000]


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return SpeechModel.load()


@pytest.fixture(scope="module")
def whole(model) -> np.ndarray:
    return model.coefficients(LONG)


def part(model, start: float, end: float = SECONDS) -> np.ndarray:
    """Coefficients of the seconds ``start`` … ``end`` heard alone, as loud as the whole is."""
    return model.coefficients(LONG[round(start * 16000) : round(end * 16000)], level=level_of(LONG))


def gap(model, coefficients: np.ndarray) -> np.ndarray:
    """Vertical lip gap (T,), mm."""
    return coefficients @ (1000 * (model.basis[:, UPPER_LIP, 1] - model.basis[:, LOWER_LIP, 1]))


def test_what_comes_after_a_window_and_its_margin_changes_nothing(model, whole):
    shorter = part(model, 0, OFFLINE.core + OFFLINE.ahead)
    same = round(60 * (OFFLINE.core - model.config.reach_seconds))
    np.testing.assert_allclose(shorter[:same], whole[:same], atol=2e-3 * np.abs(whole).max())
    assert np.abs(shorter[-60:] - whole[: len(shorter)][-60:]).max() > 0.05 * np.abs(whole).max()


def test_a_part_that_begins_at_a_seam_is_the_same_from_its_second_window_on(model, whole):
    later, seam = part(model, OFFLINE.core), round(60 * OFFLINE.core)
    same = round(60 * (OFFLINE.core + model.config.reach_seconds))
    np.testing.assert_allclose(later[same:], whole[seam + same :], atol=2e-3 * np.abs(whole).max())
    apart = gap(model, later - whole[seam:])[120:]  # its first window has heard nothing of what was before it
    assert np.sqrt(np.mean(apart**2)) < 0.3 and np.abs(apart).max() < 2.1


@pytest.mark.parametrize(("start", "tolerance_mm"), [(3.0, 0.5), (4.5, 1.1), (7.0, 0.4)])
def test_seams_elsewhere_change_little(model, whole, start, tolerance_mm):
    first = round(60 * start)
    cut, wanted = gap(model, part(model, start)), gap(model, whole[first:])
    clock = np.arange(len(cut)) / 60
    apart = np.where(clock > 2, cut - wanted, 0.0)  # the beginning has lost what was said before it
    assert np.corrcoef(cut[120:], wanted[120:])[0, 1] > 0.97
    assert np.sqrt(np.mean(apart[120:] ** 2)) < tolerance_mm

    def beside_a_seam(seconds: np.ndarray) -> np.ndarray:
        return np.abs((seconds + 4) % OFFLINE.core - 4) < 0.5

    near = (beside_a_seam(clock) | beside_a_seam(clock + start)) & (clock > 2)
    assert np.sqrt(np.mean(apart[near] ** 2)) < 2 * np.sqrt(np.mean(apart[120:] ** 2))  # no more than elsewhere
