"""Joints of a FLAME head: where they lie, how they follow a person, how smoothly the skin goes along."""

import numpy as np
import pytest

from blendshape_talker.face.flame import load_head
from blendshape_talker.face.joints import NAMES, joint_positions, joint_weights, sphere_middle


def test_weights_are_shares_and_smooth():
    head, weights = load_head(), joint_weights()
    assert weights.sum(axis=1) == pytest.approx(1.0) and weights.min() >= 0
    ends = np.concatenate([head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]])
    skin = ~np.isin(ends, np.concatenate(head.eyes)).any(axis=1)
    lengths = np.linalg.norm(head.vertices[ends[:, 0]] - head.vertices[ends[:, 1]], axis=1)
    steps = np.abs(weights[ends[:, 0]] - weights[ends[:, 1]]).max(axis=1)
    assert (steps[skin] / lengths[skin]).max() < 40.0  # a share a metre: whole to nothing in 25 mm at the steepest


def test_face_and_ears_are_the_heads_and_eyeballs_their_own():
    head, weights = load_head(), joint_weights()
    column = dict(zip(NAMES, weights.T, strict=True))
    ears = (np.abs(head.vertices[:, 0]) > 0.075) & (head.vertices[:, 1] > -0.05)
    for vertices in (head.lips, head.eye_region, head.forehead, head.mouth_corners, np.flatnonzero(ears)):
        own = np.setdiff1d(vertices, np.concatenate(head.eyes))
        assert column["head"][own].min() > 0.999
    assert (column["eye_L"] == 1.0).nonzero()[0].tolist() == sorted(head.left_eye.tolist())
    assert (column["eye_R"] == 1.0).nonzero()[0].tolist() == sorted(head.right_eye.tolist())
    assert column["root"][head.vertices[:, 1].argmin()] > 0.95


def test_joints_move_with_a_person():
    head = load_head()
    places = joint_positions(head.vertices)
    assert (np.diff(places[:3, 1]) > 0).all()  # root, neck, head: upwards
    for place, ball in zip(places[3:], head.eyes, strict=True):
        distances = np.linalg.norm(head.vertices[ball] - place, axis=1)
        assert distances.std() < 0.0006  # a cornea is no sphere
    wider = head.vertices * [1.2, 1.0, 1.0] + [0.0, 0.0, 0.01]
    moved = joint_positions(wider)
    assert moved[:, 2] == pytest.approx(places[:, 2] + 0.01, abs=5e-4)
    assert moved[3, 0] == pytest.approx(1.2 * places[3, 0], abs=1e-3)


def test_sphere_middle_needs_no_whole_sphere():
    generator = np.random.default_rng(0)
    outward = generator.normal(size=(200, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    outward[:, 2] = np.abs(outward[:, 2])
    assert sphere_middle(0.012 * outward + [1.0, 2.0, 3.0]) == pytest.approx([1.0, 2.0, 3.0], abs=1e-8)
