"""The maps of the neutral face, made from a few shapes and people of our own."""

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.face.neutral import KIND
from blendshape_talker.training.geometry import facs, neutral

LIBRARY = ExpressionLibrary.load()


@pytest.fixture
def geometry(tmp_path):
    """FACS shapes of the bundled library and three people who differ in width, height and depth."""
    head = load_head().vertices
    identities = np.stack([0.05 * head * axis for axis in np.eye(3)]).astype(np.float32)
    arrays = {
        "names": np.array(LIBRARY.directions), "deltas": LIBRARY.basis, "neutral": head, "identities": identities,
        "faces": load_head().faces,
    }  # fmt: skip
    return checkpoint.save(tmp_path / "facs.npz", facs.KIND, {}, arrays)


def test_a_shape_answers_to_itself_and_not_to_people(tmp_path, geometry):
    out = neutral.make_neutral_model(geometry, LIBRARY.directions, tmp_path / "neutral.npz")
    config, made = checkpoint.load(out, KIND)
    assert tuple(config["directions"]) == LIBRARY.directions
    weights = made["weights"].astype(float) * made["scale"]
    shapes = LIBRARY.basis[:, made["vertices"]].reshape(len(weights), -1)
    np.testing.assert_allclose(weights @ shapes.T, made["normal"], rtol=0.05, atol=0.02 * np.abs(made["normal"]).max())
    wide = (0.05 * load_head().vertices * [1, 0, 0])[made["vertices"]].ravel()
    smile = shapes[LIBRARY.directions.index("mouthSmile_L")]
    answers = [np.abs(weights @ move).max() / np.linalg.norm(move) for move in (wide, smile)]
    assert answers[0] < 0.05 * answers[1]


def test_the_figures_are_one_line(geometry):
    told = neutral.measure(geometry, LIBRARY.basis, [LIBRARY.emotions["happy"].apex])
    assert "of 100 neutral people" in told and "10 of 10 with an emotion at intensity 1" in told and "\n" not in told


def test_a_geometry_without_a_direction_is_refused(tmp_path, geometry):
    with pytest.raises(TalkerError, match="lacks the shapes earsOut"):
        neutral.make_neutral_model(geometry, ("earsOut",), tmp_path / "neutral.npz")
