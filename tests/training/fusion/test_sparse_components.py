"""Sparse components of frames, and principal ones beside them."""

import numpy as np

from blendshape_talker.training.fusion.principal_components import fit_weights, principal_components
from blendshape_talker.training.fusion.sparse_components import sparse_components


def make_frames(generator: np.random.Generator, count: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three local motions on a line of 90 vertices, mixed into a basis that hides them."""
    positions = np.stack([np.linspace(-0.1, 0.1, 90), np.zeros(90), np.zeros(90)], 1).astype(np.float32)
    truth = np.zeros((3, 90, 3), np.float32)
    for number, centre in enumerate((-0.07, 0.0, 0.07)):
        bump = np.maximum(1 - np.abs(positions[:, 0] - centre) / 0.025, 0)
        truth[number, :, number] = 0.01 * bump
    weights = np.maximum(generator.standard_normal((count, 3)), 0).astype(np.float32)
    mixing = generator.standard_normal((3, 3)).astype(np.float32)
    basis = np.tensordot(mixing, truth, 1)
    return weights @ np.linalg.inv(mixing), basis, positions


def test_sparse_components_find_the_local_motions():
    curves, basis, positions = make_frames(np.random.default_rng(0))
    components = sparse_components(curves, basis, positions, 3, radius=0.03)
    reach = (np.linalg.norm(components, axis=2) > 0.05 * np.abs(components).max()).sum(axis=1)
    assert reach.max() <= 26  # each stays within one bump of 23 vertices, principal components would not
    assert {int(np.abs(c).max(axis=0).argmax()) for c in components} == {0, 1, 2}
    weights = fit_weights(curves, basis, components)
    error = np.tensordot(weights, components, 1) - np.tensordot(curves, basis, 1)
    assert np.abs(error).max() < 2e-4
    assert 0.8 < np.percentile(weights, 99.5) < 1.3 and weights.min() > -0.1


def test_components_stop_where_the_frames_have_no_more_to_give():
    curves, basis, positions = make_frames(np.random.default_rng(1))
    assert len(principal_components(curves, basis, 10)) == 3
    assert 3 <= len(sparse_components(curves, basis, positions, 40)) < 40


def test_principal_components_reach_any_frame():
    curves, basis, _ = make_frames(np.random.default_rng(2))
    components = principal_components(curves, basis, 3)
    error = np.tensordot(fit_weights(curves, basis, components), components, 1) - np.tensordot(curves, basis, 1)
    assert np.abs(error).max() < 1e-5
