"""From the networks' frames to a scene's, contacts and all."""

import numpy as np

from blendshape_talker.speech.frames import as_shown, keep_contacts, resample


def test_resample_is_linear_and_holds_the_ends():
    curve = np.array([[0.0], [6.0], [12.0]], np.float32)
    at = np.array([0.0, 0.5, 1.25, 9.0]) / 60
    np.testing.assert_allclose(resample(curve, at)[:, 0], [0, 3, 7.5, 12], atol=1e-5)


def test_no_contact_falls_between_two_frames():
    gap = np.full(120, 0.010)
    for contact in (31, 63, 88):
        gap[contact] = 0.0
    times = np.arange(48) / 24.0
    sampled = keep_contacts(times, gap, 24.0)
    assert np.abs(sampled - times).max() <= 0.5 / 24 + 1e-9
    assert (np.diff(sampled) > 0).all()
    shown = resample(gap[:, None].astype(np.float32), sampled)[:, 0]
    assert (shown < 0.0015).sum() == 3
    np.testing.assert_array_equal(keep_contacts(times, gap, 60.0), times)


def test_curves_as_a_slow_bake_shows_them_lie_on_lines_through_its_frames():
    curve = np.sin(np.arange(120) / 7)[:, None]
    shown = as_shown(curve, 2 + curve[:, 0], 30)
    np.testing.assert_allclose(shown[:118:2], curve[:118:2], atol=1e-6)
    np.testing.assert_allclose(shown[1:117:2], (curve[:116:2] + curve[2:118:2]) / 2, atol=1e-6)
    assert as_shown(curve, curve[:, 0], 60) is curve
