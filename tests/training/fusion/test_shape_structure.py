"""The structure that keeps the blendshapes of speech and expression apart."""

import numpy as np
import pytest
import torch

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.fusion.shape_structure import (
    ShapeStructure,
    StructureConfig,
    graph_laplacian,
    smooth_kernel,
)


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
