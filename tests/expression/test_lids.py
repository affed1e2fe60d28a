"""Blinks as a layer: shut whatever the emotion does, never through the eye, each eye for itself."""

import functools

import numpy as np
import pytest

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.expression.lids import SHUT, blink_layer, closing_weights, lid_opening
from blendshape_talker.face.flame import LEFT_LIDS, RIGHT_LIDS, lid_gaps, load_head
from blendshape_talker.fusion import FusionModel

LIBRARY = ExpressionLibrary.load()
TIMES = np.arange(240) / 60.0
PAIRS = np.vstack([LEFT_LIDS, RIGHT_LIDS])


@functools.cache
def shapes() -> np.ndarray:
    model = FusionModel.load()
    return model.blendshapes[model.speech_count :]


@functools.cache
def emotion_weights(emotion: str) -> np.ndarray:
    return FusionModel.load().weights(LIBRARY.trajectory(emotion, TIMES), LIBRARY.basis, "expression")


def gaps_mm(weights: np.ndarray) -> np.ndarray:
    """(T, 28) vertical gap of every pair of lid vertices."""
    return 1e3 * sum(
        sign * (load_head().vertices[side, 1] + weights @ shapes()[:, side, 1])
        for sign, side in ((1, PAIRS[:, 0]), (-1, PAIRS[:, 1]))
    )


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("emotion", LIBRARY.names)
def test_shut_is_shut_and_no_lid_goes_through_the_eye(emotion, strength):
    shown = strength * emotion_weights(emotion)
    closed = shown + blink_layer(shapes(), shown, np.ones(len(TIMES)))
    np.testing.assert_allclose(1e3 * lid_opening(shapes(), closed), 0.0, atol=0.01)
    # one vertex may be ahead of the others, more so the more an emotion bends the lid
    slit = gaps_mm(closed) - 1e3 * SHUT
    assert np.abs(slit).max() < 0.4 + 1.0 * strength
    half = shown + blink_layer(shapes(), shown, np.full(len(TIMES), 0.5))
    still = shown + blink_layer(shapes(), shown, np.zeros(len(TIMES)))
    opening = lid_opening(shapes(), shown)
    np.testing.assert_allclose(lid_opening(shapes(), half), 0.5 * np.maximum(opening, 0), atol=1e-5)
    np.testing.assert_allclose(lid_opening(shapes(), still), np.maximum(opening, 0), atol=1e-5)


def test_an_open_eye_needs_no_layer_and_a_pinched_one_is_held_back():
    wide = emotion_weights("surprised")
    assert not blink_layer(shapes(), wide, np.zeros(len(TIMES))).any()
    pinched = 0.009 * closing_weights(shapes()).sum(axis=0, keepdims=True)
    assert lid_opening(shapes(), pinched).max() < -0.003
    for closure in (0.0, 0.3, 1.0):
        held = blink_layer(shapes(), pinched, np.array([closure]))
        assert held.dtype == np.float32 and held.min() < -0.1 and held.max() <= 0
        np.testing.assert_allclose(lid_opening(shapes(), pinched + held), 0.0, atol=1e-6)


def test_each_eye_is_closed_by_few_shapes_and_alone():
    closing = closing_weights(shapes())
    assert np.count_nonzero(closing.any(axis=0)) == 2
    np.testing.assert_allclose(closing @ lid_gaps(shapes()), -np.eye(2), atol=1e-6)
    narrowed = 0.004 * closing[:1]
    assert np.diff(lid_opening(shapes(), narrowed))[0] > 0.003, "the left eye is the narrower one"
    layer = blink_layer(shapes(), narrowed, np.ones(1))
    np.testing.assert_allclose(lid_opening(shapes(), narrowed + layer), 0.0, atol=1e-6)
    assert np.ptp(layer[:, closing.any(axis=0)]) > 0.1


def test_a_blink_leaves_the_rest_of_the_face_alone():
    layer = blink_layer(shapes(), np.zeros((1, len(shapes()))), np.ones(1))
    moved = 1e3 * np.linalg.norm(np.tensordot(layer[0], shapes(), 1), axis=1)
    head = load_head()
    assert moved[head.lips].max() < 0.2 and moved[PAIRS].max() > 7


def test_lid_vertices_lie_at_the_eyes_and_pair_up():
    head = load_head()
    for lids, eye, side in ((LEFT_LIDS, head.left_eye, 1), (RIGHT_LIDS, head.right_eye, -1)):
        upper, lower = head.vertices[lids[:, 0]], head.vertices[lids[:, 1]]
        assert (upper[:, 1] > lower[:, 1]).all() and np.abs(upper[:, 0] - lower[:, 0]).max() < 0.002
        assert (np.diff(side * upper[:, 0]) > 0).all(), "from the inner to the outer corner"
        centre = head.vertices[eye].mean(axis=0)
        assert np.linalg.norm(np.vstack([upper, lower]) - centre, axis=1).max() < 0.018
        assert np.isin(lids[:, 0], head.eye_region).all()
    left, right = lid_gaps(head.vertices)
    assert 0.004 < left < 0.008 and abs(left - right) < 0.0005


def test_shapes_that_close_no_eye_are_refused():
    with pytest.raises(ValueError, match="closes one eye"):
        blink_layer(np.zeros((3, 5023, 3)), np.zeros((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="do not fit"):
        blink_layer(shapes(), np.zeros((2, 3)), np.ones(2))
