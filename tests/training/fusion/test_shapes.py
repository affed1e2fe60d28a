"""Sparse components, their names and the structure that keeps speech and expression apart."""

import numpy as np
import pytest
import torch

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.fusion.principal_components import fit_weights, principal_components
from blendshape_talker.training.fusion.shape_naming import name_shapes, other_words
from blendshape_talker.training.fusion.shape_structure import (
    ShapeStructure,
    StructureConfig,
    graph_laplacian,
    smooth_kernel,
)
from blendshape_talker.training.fusion.sliders import slider_scale
from blendshape_talker.training.fusion.sparse_components import sparse_components


@pytest.fixture(scope="module")
def library() -> ExpressionLibrary:
    return ExpressionLibrary.load()


@pytest.fixture(scope="module")
def structure(library) -> ShapeStructure:
    head = load_head()
    mouth = [i for i, name in enumerate(library.directions) if name.startswith(("mouth", "jaw"))]
    return ShapeStructure.build(head, head.faces, 0.2 * library.basis[mouth], StructureConfig())


def test_expression_shapes_move_lip_partners_together(structure, library):
    head = load_head()
    shapes = torch.from_numpy(library.basis)
    joined = structure.expression(shapes).numpy()
    upper, lower = head.lip_pairs.T
    before = np.abs(library.basis[:, upper] - library.basis[:, lower]).max()
    assert before > 5e-3
    assert np.abs(joined[:, upper] - joined[:, lower]).max() < 1e-6
    np.testing.assert_allclose(structure.expression(structure.expression(shapes)).numpy(), joined, atol=1e-6)


def test_joining_the_lips_leaves_the_upper_face_and_makes_no_dents(structure, library):
    head = load_head()
    joined = structure.expression(torch.from_numpy(library.basis)).numpy()
    brow = library.directions.index("browInnerUp_L")
    np.testing.assert_allclose(joined[brow], library.basis[brow], atol=2e-5)
    laplacian = graph_laplacian(head.faces, len(head.vertices))
    for name in ("mouthSmile_L", "noseSneer_R", "jawOpen", "mouthUpperUp_L"):
        shape = library.directions.index(name)
        roughest = np.abs(laplacian @ joined[shape])[head.lips].max()
        assert roughest < np.abs(laplacian @ library.basis[shape])[head.lips].max() + 3e-4, name


def test_a_dropped_jaw_is_speech_and_goes_as_a_whole(structure, library):
    jaw = library.basis[library.directions.index("jawOpen")]
    left = structure.expression(torch.from_numpy(jaw[None])).numpy()[0]
    assert np.square(left).sum() < 0.1 * np.square(jaw).sum()


def test_speech_shapes_leave_brows_and_lids_alone(structure, library):
    head = load_head()
    masked = structure.speech(torch.ones(2, len(head.vertices), 3)).numpy()
    assert np.abs(masked[:, head.forehead]).max() < 1e-3
    assert masked[:, head.lips].min() > 0.99


def test_structure_can_be_switched_off(library):
    head = load_head()
    config = StructureConfig(mask_upper_face=False, join_lips=False)
    free = ShapeStructure.build(head, head.faces, library.basis[:3], config)
    shapes = torch.from_numpy(library.basis)
    np.testing.assert_array_equal(free.speech(shapes).numpy(), library.basis)
    np.testing.assert_array_equal(free.expression(shapes).numpy(), library.basis)


def test_smooth_kernel_fades_with_distance():
    side = 21
    index = np.arange(side * side).reshape(side, side)
    corners = (index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:])
    a, b, c, d = (corner.ravel() for corner in corners)
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    pair = np.array([[index[9, 10], index[11, 10]]])
    field = smooth_kernel(faces, side * side, pair, 3.0).reshape(side, side)
    assert field[9, 10] > 0 > field[11, 10]
    assert abs(field[0, 0]) < 0.05 * field[9, 10]
    assert np.abs(graph_laplacian(faces, side * side) @ np.ones(side * side)).max() < 1e-12


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


def test_slider_scale_turns_the_longer_side_up():
    weights = np.array([[0.0, -4.0, 0.0], [2.0, 1.0, 0.0]] * 200)
    np.testing.assert_allclose(slider_scale(weights), [2.0, -4.0, 1.0])


def test_names_say_what_a_shape_does_and_are_unique(library):
    names = list(library.directions)
    left, right = names.index("mouthSmile_L"), names.index("mouthSmile_R")
    jaw, brow = names.index("jawOpen"), names.index("browDown_L")
    basis = library.basis
    shapes = np.stack([basis[jaw], basis[left] + basis[right], basis[left], basis[brow] + basis[jaw], basis[jaw]])
    found = name_shapes(shapes, names, basis, "speech")
    assert found[:3] == ["speech jaw open", "speech mouth smile", "speech mouth smile left"]
    assert found[3] == "speech jaw open + brow down left" or found[3] == "speech brow down left + jaw open"
    assert len(set(found)) == 5


def test_names_of_a_pair_differ_in_the_side_alone(library):
    names, basis = list(library.directions), library.basis
    left, right, pucker = (basis[names.index(name)] for name in ("mouthSmile_L", "mouthSmile_R", "mouthPucker"))
    across = load_head().vertices[:, 0]
    half = pucker * (across > 0)[:, None]
    other = pucker * (across <= 0)[:, None]
    shapes = np.stack([left + right, left, right, half, other, 0.9 * left, 0.9 * right])
    partner = np.array([0, 2, 1, 4, 3, 6, 5])
    found = name_shapes(shapes, names, basis, "speech", partner, across)
    assert found[:3] == ["speech mouth smile", "speech mouth smile left", "speech mouth smile right"]
    assert found[3:5] == ["speech lips pucker left", "speech lips pucker right"]
    assert found[6] == other_words(found[5]) and len(set(found)) == len(found)
