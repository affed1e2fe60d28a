"""Blinks as a layer: shut whatever the emotion does, never through the eye, each eye for itself; lids and gaze."""

import functools

import numpy as np
import pytest

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.expression.lids import SHUT, blink_layer, closing_weights, lid_opening
from blendshape_talker.face.flame import LEFT_LIDS, RIGHT_LIDS, lid_gaps, load_head
from blendshape_talker.face.joints import sphere_middle
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


def posed(emotion: str, strength: float, closure: float) -> np.ndarray:
    """(5023, 3) the canonical head, metres, at an emotion's apex."""
    apex = strength * LIBRARY.emotions[emotion].apex[None]
    shown = FusionModel.load().weights(apex, LIBRARY.basis, "expression")
    weights = shown + blink_layer(shapes(), shown, np.array([closure]))
    return load_head().vertices + np.tensordot(weights[0], shapes(), 1)


def depths_mm(vertices: np.ndarray) -> np.ndarray:
    """By how much the lids' rims, and the middles between their vertices, lie inside the eyeballs."""
    found = []
    for ball, lids in zip(load_head().eyes, (LEFT_LIDS, RIGHT_LIDS), strict=True):
        rims = vertices[lids[1:-1]]  # pairs, two rims
        points = np.concatenate([rims, 0.5 * (rims[1:] + rims[:-1])]).reshape(-1, 3)
        middle = sphere_middle(vertices[ball])
        surface, reach = vertices[ball] - middle, np.linalg.norm(points - middle, axis=1)
        radius = np.linalg.norm(surface, axis=1)
        nearest = ((points - middle) @ (surface / radius[:, None]).T).argmax(axis=1)
        found.append(radius[nearest] - reach)
    return 1e3 * np.concatenate(found)


@pytest.mark.parametrize("strength", [1.0, 1.5])
@pytest.mark.parametrize("emotion", LIBRARY.names)
def test_no_eye_comes_through_its_lids_on_their_way_down(emotion, strength):
    for closure in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert depths_mm(posed(emotion, strength, closure)).max() < 0.1, f"at a closure of {closure}"


def test_emotions_leave_the_skin_of_the_lids_the_right_way_round():
    head, faces = load_head(), load_head().faces
    near = np.isin(faces, head.eye_region).all(axis=1)
    for ball, side in zip(head.eyes, (1, -1), strict=True):  # behind the rims nobody sees it
        far = np.linalg.norm(head.vertices - sphere_middle(head.vertices[ball]), axis=1) > 0.015
        near &= (side * head.vertices[faces, 0].mean(axis=1) < 0) | far[faces].all(axis=1)

    def normals(vertices: np.ndarray) -> np.ndarray:
        a, b, c = (vertices[faces[near, corner]] for corner in range(3))
        return np.cross(b - a, c - a)

    turned = {}
    for emotion in LIBRARY.names:
        turned[emotion] = int((np.sum(normals(posed(emotion, 1.0, 0.0)) * normals(head.vertices), axis=1) < 0).sum())
    assert near.sum() > 500
    assert not any(turned[emotion] for emotion in ("happy", "sad", "surprised", "tired", "afraid")), turned
    assert sum(turned.values()) <= 10, turned  # pain squeezes folds into the outer corners


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("emotion", LIBRARY.names)
def test_shut_is_shut_and_no_lid_goes_through_the_eye(emotion, strength):
    shown = strength * emotion_weights(emotion)
    closed = shown + blink_layer(shapes(), shown, np.ones(len(TIMES)))
    np.testing.assert_allclose(1e3 * lid_opening(shapes(), closed), 0.0, atol=0.01)
    # one vertex may be ahead of the others, more so the more an emotion bends the lid
    slit = gaps_mm(closed) - 1e3 * SHUT
    corners = np.isin(PAIRS[:, 0], [*LEFT_LIDS[[0, -1], 0], *RIGHT_LIDS[[0, -1], 0]])
    assert np.abs(slit[:, ~corners]).max() < 0.4 + 1.0 * strength
    assert np.abs(slit[:, corners]).max() < 0.8 + 1.0 * strength, "there lids hardly move"
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


def test_upper_lids_turn_with_the_eyes_by_about_the_same_angle():
    still = np.zeros((3, len(shapes())))
    down, rest, up = 1e3 * np.tensordot(
        blink_layer(shapes(), still, np.zeros(3), pitch=np.radians([8.0, 0.0, -8.0])), shapes(), 1
    )
    head = load_head()
    for ball, lids in zip(head.eyes, (LEFT_LIDS, RIGHT_LIDS), strict=True):
        upper, lower = lids[5:9].T
        arm = 1e3 * (head.vertices[upper] - sphere_middle(head.vertices[ball]))[:, 2].mean()
        assert down[upper, 1].mean() == pytest.approx(-arm * np.radians(8.0), rel=0.15)
        assert up[upper, 1].mean() == pytest.approx(arm * np.radians(8.0), rel=0.15)
        assert np.abs(down[lower, 1]).max() < 0.2
    assert not rest.any()


def test_looking_down_shuts_no_eye_and_a_blink_shuts_it_anyhow():
    weights = np.concatenate([np.zeros((1, len(shapes()))), emotion_weights("pain")[100:101]])
    far = np.radians([40.0, 40.0])
    before = lid_opening(shapes(), weights)
    after = lid_opening(shapes(), weights + blink_layer(shapes(), weights, np.zeros(2), pitch=far))
    assert (after > 0.05 * before).all() and (after < 0.6 * before).all()
    np.testing.assert_allclose(after[1] / before[1], after[0] / before[0], atol=0.02, err_msg="narrow lids follow less")
    shut = lid_opening(shapes(), weights + blink_layer(shapes(), weights, np.ones(2), pitch=far))
    np.testing.assert_allclose(shut, 0.0, atol=1e-6)


def test_each_lid_follows_its_own_eye():
    still = np.zeros((1, len(shapes())))
    opening = lid_opening(shapes(), blink_layer(shapes(), still, np.zeros(1), pitch=np.radians([[12.0, 0.0]])))[0]
    at_rest = lid_opening(shapes(), still)[0]
    assert opening[0] < 0.75 * at_rest[0] and opening[1] == pytest.approx(at_rest[1], abs=1e-6)
