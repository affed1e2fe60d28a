"""Losses of the speech network: zero where they should be, growing where they should."""

import numpy as np
import pytest
import torch

from blendshape_talker.training.speech import losses


def test_vertex_distance_is_a_length():
    target = torch.zeros(1, 2, 3)
    predicted = torch.tensor([[[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]])
    distance = losses.vertex_distance(predicted, target)
    assert distance[0, 0] == pytest.approx(0, abs=1e-6)
    assert distance[0, 1] == pytest.approx(4.9, abs=0.01)


def test_lip_gaps_equal_plain_geometry():
    generator = np.random.default_rng(0)
    pair_basis, neutral = generator.normal(size=(4, 2, 3)), generator.normal(size=(2, 3))
    coefficients = generator.normal(size=(1, 5, 4))
    plain = np.linalg.norm(neutral + np.einsum("btk,kpc->btpc", coefficients, pair_basis), axis=-1)
    gaps = losses.lip_gaps(*(torch.from_numpy(array) for array in (coefficients, pair_basis, neutral)))
    np.testing.assert_allclose(gaps, plain - np.linalg.norm(neutral, axis=-1), atol=1e-5)


def test_contact_frames_weigh_more():
    gap = torch.tensor([[0.0, 1.0, 2.0, 5.0, 10.0]])
    weight = losses.contact_weight(gap, torch.tensor([[10.0]]), extra=4)[0]
    assert weight[0] == weight[1] == 5 and 1 < weight[2] < 5 and weight[3] == weight[4] == 1


def test_liveliness_ignores_timing_and_sees_smoothing():
    time = torch.arange(240) / 60
    lively = torch.sin(2 * torch.pi * 4 * time)[None, :, None]
    late = torch.sin(2 * torch.pi * 4 * (time - 0.02))[None, :, None]
    assert losses.liveliness(late, lively) < 0.1 * losses.liveliness(0.5 * lively, lively)
    assert losses.liveliness(lively, lively) == 0


def test_lip_vertex_error_in_both_units():
    target = np.zeros((2, 3, 3))
    predicted = target.copy()
    predicted[0, 1] = [0.003, 0.004, 0]
    predicted[1, 2, 0] = 0.001
    millimetres, squared = losses.lip_vertex_error(predicted, target)
    assert millimetres == pytest.approx(3.0)
    assert squared == pytest.approx((25e-6 + 1e-6) / 2 * 1e5)


def test_false_closures_cost_and_true_ones_do_not():
    opening = torch.tensor([[10.0]])
    wanted = torch.tensor([[0.2, 1.6, 6.0]])
    assert losses.false_closure(wanted, wanted, opening) == 0
    assert losses.false_closure(torch.tensor([[0.0, 1.6, 6.0]]), wanted, opening) == 0
    assert losses.false_closure(torch.tensor([[9.0, 9.0, 3.0]]), wanted, opening) == 0
    too_narrow = losses.false_closure(torch.tensor([[0.2, 1.0, 0.8]]), wanted, opening)
    assert float(too_narrow) == pytest.approx((0.6 + 1.0) / 3)


def test_context_weight_follows_the_motion():
    target = torch.zeros(1, 120, 2)
    target[0, 60:66, 0] = torch.linspace(0, 5, 6)
    weight = losses.context_weight(target, strength=0.5)[0]
    assert float(weight.mean()) == pytest.approx(1)
    assert weight[62] > 3 * weight[10] and weight[115] == weight[10]
    torch.testing.assert_close(losses.context_weight(target, strength=0.0), torch.ones(1, 120))
    torch.testing.assert_close(losses.context_weight(0 * target, strength=0.5), torch.ones(1, 120))
