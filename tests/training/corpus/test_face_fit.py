"""A face made from known weights and a known pose, and what the fit makes of its landmarks."""

import numpy as np
import pytest
import seen_faces
from scipy.spatial.transform import Rotation

from blendshape_talker.speech import lip_sync
from blendshape_talker.training.corpus import face_fit


@pytest.fixture(scope="module")
def facs():
    return seen_faces.geometry()


@pytest.fixture(scope="module")
def spoken(facs):
    """Weights (75,S): a jaw that opens four times, lips that come forwards, a blink in the pause at the end."""
    weights = np.zeros((seen_faces.FRAMES, len(facs.names)))
    column = {name: number for number, name in enumerate(facs.names)}
    weights[:, column["jawOpen"]] = 0.3 * seen_faces.speaking()
    weights[64:68, [column["eyeBlink_L"], column["eyeBlink_R"]]] = 1.0
    weights[:, [column["browInnerUp_L"], column["browInnerUp_R"]]] = 0.5 * seen_faces.speaking()[::-1, None]
    return weights


@pytest.fixture(scope="module")
def fitted(facs, spoken):
    numbers, _ = seen_faces.numbers_and_places(facs)
    points = seen_faces.seen(facs, spoken)
    points = points + np.random.default_rng(0).normal(0, 0.2, points.shape)
    fit = face_fit.FaceFit(facs, numbers, [np.median(points, axis=0)])
    person = fit.person([points])
    return fit.fit(points, person)


def test_the_mouth_and_the_upper_face_are_found(facs, spoken, fitted):
    column = {name: number for number, name in enumerate(facs.names)}
    for name in ("jawOpen", "eyeBlink_L", "eyeBlink_R", "browInnerUp_L"):
        found, wanted = fitted.weights[:, column[name]], spoken[:, column[name]]
        assert lip_sync.correlation(found, wanted) > 0.9, name
        assert found.max() == pytest.approx(wanted.max(), rel=0.35), name
    assert (fitted.weights >= 0).all()
    gap = fitted.seen[:, 0]
    assert lip_sync.correlation(gap, spoken[:, column["jawOpen"]]) > 0.99
    assert 6 < gap.max() - gap.min() < 12  # 0.3 of a jaw that opens by 30 mm
    assert fitted.error_mm < 0.5 and fitted.error_px < 0.8


def test_the_head_faces_where_it_was_turned(fitted):
    wanted = Rotation.from_euler("xyz", (3.0, 8.0, -2.0), degrees=True)
    apart = (Rotation.from_rotvec(fitted.pose[:, :3]) * wanted.inv()).magnitude()
    assert np.degrees(apart).max() < 4
    np.testing.assert_allclose(fitted.pose[:, 5], 1 / 1.6, rtol=0.05)


def test_curves_at_sixty_frames_pass_through_the_cameras():
    values = np.stack([seen_faces.speaking(), np.arange(75.0)], axis=1)
    moved = face_fit.at_frame_rate(values, 25, 190)
    np.testing.assert_allclose(moved[:180:12], values[::5], atol=1e-9)
    assert moved.min() >= 0 and moved[-1, 1] == 74
