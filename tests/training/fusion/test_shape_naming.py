"""Names of blendshapes."""

import numpy as np
import pytest

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.fusion.shape_naming import name_shapes, other_words


@pytest.fixture(scope="module")
def library() -> ExpressionLibrary:
    return ExpressionLibrary.load()


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
