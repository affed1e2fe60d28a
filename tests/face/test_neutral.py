"""People and their expressions told apart, and heads brought back to neutral."""

import numpy as np
import pytest

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face import neutral
from blendshape_talker.face.fit import fit_to_canonical
from blendshape_talker.face.flame import load_head
from blendshape_talker.face.neutral import expression_of, expression_warning, load_neutral_model, neutralised

LIBRARY = ExpressionLibrary.load()
HEAD = load_head()


def someone(emotion: str, amount: float = 1.0) -> np.ndarray:
    """A person unlike the canonical one, wider, with a longer jaw, who feels something."""
    vertices = HEAD.vertices.astype(float)
    vertices = vertices * [1.06, 1.0, 0.97]
    vertices[:, 1] -= 0.004 * np.clip(-vertices[:, 1] / 0.06, 0, 1) ** 2
    return vertices + amount * np.tensordot(LIBRARY.emotions[emotion].apex, LIBRARY.basis, 1)


def warning(vertices: np.ndarray) -> str | None:
    return expression_warning(expression_of(vertices, fit_to_canonical(vertices)))


def test_the_model_speaks_of_the_librarys_directions():
    assert load_neutral_model().directions == LIBRARY.directions


@pytest.mark.parametrize("emotion", ["neutral", "happy", "afraid"])
def test_amounts_are_those_of_all_sweeps(emotion, monkeypatch):
    vertices = someone(emotion)
    fit = fit_to_canonical(vertices)
    found = expression_of(vertices, fit)
    monkeypatch.setattr(neutral, "_SETTLED", 0.0)
    np.testing.assert_allclose(found, expression_of(vertices, fit), atol=2e-6)


def test_neutral_heads_are_left_alone():
    for vertices in (HEAD.vertices.astype(float), someone("neutral"), 1000 * someone("neutral")):
        assert warning(vertices) is None
        fit = fit_to_canonical(vertices)
        np.testing.assert_array_equal(neutralised(vertices, fit, LIBRARY.basis), vertices)


@pytest.mark.parametrize(
    ("emotion", "words"),
    [("happy", "smile"), ("afraid", "brows"), ("angry", "brows"), ("disgusted", "nose"), ("surprised", "brows")],
)
def test_expressions_are_said_and_taken_out(emotion, words):
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    vertices = 1000 * someone(emotion) @ turn.T
    said = warning(vertices)
    assert "not neutral" in said and words in said and "\n" not in said
    calm = neutralised(vertices, fit_to_canonical(vertices), LIBRARY.basis)
    wanted = 1000 * someone("neutral") @ turn.T
    face = HEAD.face > 0.5
    before, after = (np.sqrt(((mesh - wanted)[face] ** 2).sum(1).mean()) for mesh in (vertices, calm))
    assert after < 0.45 * before
    assert warning(calm) is None


def test_lips_meet_afterwards_and_a_split_mesh_is_brought_back_too():
    split = np.concatenate([np.arange(len(HEAD.vertices)), [3546, 17]])
    vertices = someone("happy") + 0.6 * LIBRARY.basis[LIBRARY.directions.index("jawOpen")]
    calm = neutralised(vertices[split], fit_to_canonical(vertices[split]), LIBRARY.basis)
    np.testing.assert_array_equal(calm[-2:], calm[[3546, 17]])
    upper, lower = HEAD.lip_pairs.T

    def opening(mesh):
        return (
            1000
            * np.abs(
                (mesh[upper] - mesh[lower])[:, 1] - (someone("neutral")[upper] - someone("neutral")[lower])[:, 1]
            ).mean()
        )

    assert opening(vertices) > 3 and opening(calm[:5023]) < 1
