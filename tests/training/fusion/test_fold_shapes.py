"""Skin that does not fold, on the emotions that the bundled networks show."""

import functools

import numpy as np

from blendshape_talker.expression.cues import Cue
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import LEFT_LIDS, RIGHT_LIDS, load_head
from blendshape_talker.pipeline import Expressions
from blendshape_talker.training.fusion.fold_shapes import mend_folds, regions
from blendshape_talker.training.geometry.facs import SOCKET_POLES
from blendshape_talker.training.geometry.surface import ring_numbers, triangle_normals

LIBRARY = ExpressionLibrary.load()


@functools.cache
def mended() -> np.ndarray:
    return mend_folds(LIBRARY.basis, load_head(), load_head().faces)


def turned(vertices: np.ndarray, faces: np.ndarray) -> int:
    """How many triangles stand at more than a right angle to where they are on the canonical head."""
    before = triangle_normals(load_head().vertices.astype(float), faces)
    return int((np.sum(before * triangle_normals(vertices, faces), axis=1) < 0).sum())


def test_lips_lids_and_eyes_stay_to_the_last_bit():
    head = load_head()
    still = ~np.logical_or(*regions(head, head.faces))
    kept = [head.lips, head.mouth_corners, head.left_eye, head.right_eye, LEFT_LIDS.ravel(), RIGHT_LIDS.ravel()]
    assert still[np.concatenate(kept)].all() and 300 < (~still).sum() < 700
    np.testing.assert_array_equal(mended()[:, still], LIBRARY.basis[:, still])
    assert mended().dtype == np.float32 and np.abs(mended() - LIBRARY.basis).max() > 2e-4


def test_an_expression_loses_little():
    energy = [
        np.square(np.tensordot(emotion.apex, shapes, 1)).sum()
        for emotion in LIBRARY.emotions.values()
        for shapes in (LIBRARY.basis, mended() - LIBRARY.basis)
    ]
    assert sum(energy[1::2]) < 1e-3 * sum(energy[::2])


def test_emotions_of_the_bundled_shapes_turn_few_triangles_of_nose_and_brow():
    head, expressions = load_head(), Expressions.load("cpu")
    model = expressions.fusion_model
    shapes = model.blendshapes[model.speech_count :].astype(float)
    wings, _ = regions(head, head.faces)
    rings = ring_numbers(head.faces, list(SOCKET_POLES.values()), len(head.vertices))
    middle = head.vertices[head.faces].mean(axis=1)
    above = (rings[head.faces].min(axis=1) > 8) & (rings[head.faces].max(axis=1) <= 16) & (middle[:, 1] > 0.024)
    nose = head.faces[wings[head.faces].all(axis=1)]
    counts = {}
    for intensity in (1.0, 1.5):
        for emotion in LIBRARY.names:
            weights = expressions.cue_weights(Cue(0.0, 4.0, emotion, intensity), np.array([2.0]))[0]
            vertices = head.vertices + np.tensordot(weights.astype(float), shapes, 1)
            counts[emotion, intensity] = turned(vertices, nose), turned(vertices, head.faces[above])
    assert not any(sum(count) for (_, intensity), count in counts.items() if intensity == 1.0)
    assert counts["angry", 1.5][0] == 0 and counts["angry", 1.5][1] < 6
    assert sum(brow for _, brow in counts.values()) < 8
