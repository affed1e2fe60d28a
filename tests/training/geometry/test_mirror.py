"""The mirror, and blendshapes kept in pairs of left and right."""

import numpy as np
import pytest
import torch

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.fusion.sparse_components import sparse_components
from blendshape_talker.training.geometry.mirror import (
    Mirror,
    Pairing,
    in_pairs,
    mirror_distance,
    other_side,
    surface_mirror,
)


@pytest.fixture(scope="module")
def library() -> ExpressionLibrary:
    return ExpressionLibrary.load()


@pytest.fixture(scope="module")
def mirror(library) -> Mirror:
    head = load_head()
    return Mirror(head, head.faces, list(library.directions), library.basis)


def of(library: ExpressionLibrary, *names: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([library.basis[library.directions.index(name)] for name in names]))


def test_other_side():
    assert other_side("mouthSmile_L") == "mouthSmile_R" and other_side("mouthSmile_R") == "mouthSmile_L"
    assert other_side("jawLeft") == "jawRight" and other_side("mouthRight") == "mouthLeft"
    assert other_side("jawOpen") == "jawOpen"


def test_over_the_surface_a_muscle_nearly_becomes_its_opposite(library):
    head = load_head()
    assert mirror_distance(head, head.faces).max() < 5e-3
    surface = surface_mirror(head, head.faces)
    np.testing.assert_allclose(surface.to_dense().sum(dim=1).numpy(), 1.0, atol=1e-5)
    for left in ("mouthSmile_L", "browDown_L", "eyeBlink_L", "noseSneer_L"):
        shape, wanted = of(library, left, other_side(left))
        made = (surface @ shape) * torch.tensor([-1.0, 1.0, 1.0])
        assert (made - wanted).norm() < 0.15 * wanted.norm(), left


def test_a_muscle_exactly_becomes_its_opposite_and_back(library, mirror):
    left, right = of(library, "mouthSmile_L", "jawOpen"), of(library, "mouthSmile_R", "jawOpen")
    torch.testing.assert_close(mirror(left), right, atol=2e-6, rtol=0)
    torch.testing.assert_close(mirror(mirror(left)), left, atol=2e-6, rtol=0)
    torch.testing.assert_close(mirror(3.0 * left), 3.0 * mirror(left))


def test_pairing_keeps_what_is_paired_and_makes_the_rest_so(library, mirror):
    free = torch.cat([of(library, "jawOpen", "browDown_L"), 1e-3 * torch.randn(1, len(load_head().vertices), 3)])
    made = Pairing(mirror, np.array([0, 2, 1]))(free)
    torch.testing.assert_close(made[0], free[0], atol=2e-6, rtol=0)
    torch.testing.assert_close(made[1], free[1])
    torch.testing.assert_close(made[2:], of(library, "browDown_R"), atol=2e-6, rtol=0)
    torch.testing.assert_close(Pairing(None, np.arange(3))(free), free)


def test_pairs_stand_side_by_side_left_first(library, mirror):
    shapes = of(library, "eyeBlink_R", "jawOpen", "mouthSmile_R", "eyeBlink_L", "mouthSmile_L").numpy()
    found, partner = in_pairs(shapes, mirror, load_head().vertices)
    assert partner.tolist() == [1, 0, 2, 4, 3]
    np.testing.assert_array_equal(found, shapes[[3, 0, 1, 4, 2]])


def test_components_of_lopsided_frames_come_in_pairs(library, mirror):
    names = ["browOuterUp_L", "browOuterUp_R", "mouthPucker", "mouthFrown_R"]
    generator = np.random.default_rng(0)
    curves = np.maximum(generator.standard_normal((150, len(names))), 0).astype(np.float32)
    curves[:, 0] *= 0.3
    image = lambda shapes: mirror(torch.from_numpy(shapes)).numpy()  # noqa: E731
    found = sparse_components(curves, of(library, *names).numpy(), load_head().vertices, 8, iterations=20, mirror=image)
    shapes, partner = in_pairs(found, mirror, load_head().vertices)
    assert (partner != np.arange(len(partner))).sum() >= 4
    error = np.linalg.norm(image(shapes)[partner] - shapes, axis=2).max(axis=1)
    assert (error < 0.03 * np.linalg.norm(shapes, axis=2).max(axis=1)).all()
