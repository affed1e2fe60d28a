"""The pure functions of the fusion module's loss against their definitions."""

import numpy as np
import pytest
import torch

from blendshape_talker.training.fusion.losses import (
    laplacian_energy,
    linear_frame_error,
    shape_sparsity,
    weighted_shapes,
)
from blendshape_talker.training.fusion.shape_structure import graph_laplacian


def test_frame_error_is_the_weighted_squared_distance():
    generator = torch.Generator().manual_seed(0)
    shapes, basis = torch.randn(3, 7, 3, generator=generator), torch.randn(2, 7, 3, generator=generator)
    weights, frames = torch.randn(5, 3, generator=generator), torch.randn(5, 2, generator=generator)
    vertex_weights = torch.rand(7, generator=generator)
    difference = torch.tensordot(weights, shapes, 1) - torch.tensordot(frames, basis, 1)
    expected = (difference.square().sum(dim=2) * vertex_weights).sum(dim=1)
    made, wanted = weighted_shapes(shapes, vertex_weights), weighted_shapes(basis, vertex_weights)
    error = linear_frame_error(weights, frames, made @ made.T, made @ wanted.T, wanted @ wanted.T)
    torch.testing.assert_close(error, expected)


def test_sparsity_measures_motion_and_not_the_choice_of_units():
    weights, sizes = torch.tensor([[1.0, -2.0]]), torch.tensor([0.5, 1.0])
    assert float(shape_sparsity(weights, sizes)) == pytest.approx(2.5)
    assert float(shape_sparsity(weights / 4, sizes * 4)) == pytest.approx(2.5)


def test_laplacian_energy_is_zero_for_a_rigid_shift():
    faces = np.array([[0, 1, 2], [1, 3, 2]])
    laplacian = graph_laplacian(faces, 4).tocoo()
    indices = torch.from_numpy(np.stack([laplacian.row, laplacian.col]).astype(np.int64))
    sparse = torch.sparse_coo_tensor(indices, torch.from_numpy(laplacian.data).float(), (4, 4), check_invariants=True)
    assert float(laplacian_energy(torch.ones(2, 4, 3), sparse)) == pytest.approx(0.0, abs=1e-10)
    spike = torch.zeros(1, 4, 3)
    spike[0, 0, 0] = 1.0
    expected = float(torch.tensor(laplacian.toarray()[:, 0]).square().sum()) / 4
    assert float(laplacian_energy(spike, sparse)) == pytest.approx(expected)
