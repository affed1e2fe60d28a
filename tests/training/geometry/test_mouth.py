"""Making the mouth: the lining around what it lines, the jaw's detector."""

import numpy as np

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.training.geometry.facs import Facs
from blendshape_talker.training.geometry.mouth import _JAW_SHAPES, detector, lining
from blendshape_talker.training.geometry.surface import boundary_loops, component_labels


def opening():
    """The bundled head's vertices around its mouth opening, in order."""
    head = load_head()
    labels = component_labels(head.faces, len(head.vertices))
    loops = boundary_loops(head.faces[(labels == np.bincount(labels).argmax())[head.faces].all(1)])
    return max(loops, key=lambda loop: head.vertices[loop, 1].mean())


def test_the_lining_is_a_bag_around_what_it_lines():
    head, loop = load_head(), opening()
    rim = head.vertices[loop].astype(float)
    inner = np.random.default_rng(0).normal(size=(400, 3))
    inner = inner / np.linalg.norm(inner, axis=1, keepdims=True) * [0.03, 0.022, 0.03]
    inner += rim.mean(0) - [0, 0, 0.034]
    vertices, faces, follows, weights = lining(head.vertices.astype(float), loop, inner)
    np.testing.assert_allclose(vertices[: len(loop)], rim)
    assert set(boundary_loops(faces)[0]) == set(range(len(loop))) and len(boundary_loops(faces)) == 1
    assert (weights[: len(loop)] == 1).all() and weights[-1] == 0 and set(follows) == set(loop)
    # from inside every direction but the mouth's own meets the bag farther out than what it lines
    centre = inner.mean(0)
    for direction in np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, -1]], float):
        assert ((vertices - centre) @ direction).max() > ((inner - centre) @ direction).max()


def test_the_detector_answers_to_the_jaw_alone():
    head, library = load_head(), ExpressionLibrary.load()
    names, deltas = list(library.directions), library.basis.astype(float)
    for missing in ("jawLeft", "jawRight", *_JAW_SHAPES):
        if missing not in names:  # the bundled directions hold only what emotions use: a shove of the chin will do
            shove = np.zeros_like(deltas[:1])
            chin = np.linalg.norm(deltas[names.index("jawOpen")], axis=1, keepdims=True)
            shove[0] = chin * [{"jawLeft": 0.2, "jawRight": -0.2}.get(missing, 0.0), 0, 0.2 * (missing == "jawForward")]
            names, deltas = [*names, missing], np.concatenate([deltas, shove])
    facs = Facs(np.array(names), deltas, head.vertices, deltas[:0], head.faces)
    vertices, weights = detector(facs, opening())
    answers = np.einsum("snd,jnd->sj", deltas[:, vertices], weights)
    for column, name in enumerate(_JAW_SHAPES):
        assert abs(answers[names.index(name), column] - 1) < 0.1
        others = [row for row, other in enumerate(names) if not other.startswith("jaw")]
        assert np.abs(answers[others, column]).max() < 0.1
