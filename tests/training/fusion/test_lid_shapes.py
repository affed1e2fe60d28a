"""Lids that close over the eyeball, on the muscles of the bundled library."""

import functools

import numpy as np

from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import LEFT_LIDS, RIGHT_LIDS, load_head
from blendshape_talker.face.joints import sphere_middle
from blendshape_talker.training.fusion.lid_shapes import mend_lids
from blendshape_talker.training.geometry.surface import unique_edges

LIBRARY = ExpressionLibrary.load()


@functools.cache
def mended() -> np.ndarray:
    return mend_lids(LIBRARY.basis, load_head(), load_head().faces)


def test_what_is_no_lid_stays_to_the_last_bit():
    head = load_head()
    distance = np.min(
        [np.linalg.norm(head.vertices - head.vertices[ball].mean(axis=0), axis=1) for ball in head.eyes], 0
    )
    far = distance > 0.095
    far[[*head.lips, *head.mouth_corners, *head.left_eye, *head.right_eye]] = True
    assert far.sum() > 2000
    np.testing.assert_array_equal(mended()[:, far], LIBRARY.basis[:, far])
    assert mended().dtype == np.float32 and np.abs(mended() - LIBRARY.basis).max() > 5e-4


def test_near_neighbours_move_alike_and_lids_close_as_before():
    head = load_head()
    edges = unique_edges(head.faces)
    edges = edges[np.isin(edges, head.eye_region).all(axis=1)]
    length = np.linalg.norm(head.vertices[edges[:, 0]] - head.vertices[edges[:, 1]], axis=1)
    short = edges[length < 3e-4]
    apart = [
        np.linalg.norm(shapes[:, short[:, 0]] - shapes[:, short[:, 1]], axis=2) for shapes in (LIBRARY.basis, mended())
    ]
    assert len(short) > 5 and apart[1].max() < 0.4 * apart[0].max()
    still = [number for number, name in enumerate(LIBRARY.directions) if not name.startswith("eyeBlink")]
    for upper, lower in (LEFT_LIDS[1:-1].T, RIGHT_LIDS[1:-1].T):
        gaps = [shapes[still][:, upper, 1] - shapes[still][:, lower, 1] for shapes in (LIBRARY.basis, mended())]
        np.testing.assert_allclose(*gaps, atol=1e-6)


def test_a_blink_goes_round_the_eye():
    head = load_head()
    for side, ball, lids in (("L", head.left_eye, LEFT_LIDS), ("R", head.right_eye, RIGHT_LIDS)):
        blink, upper = LIBRARY.directions.index(f"eyeBlink_{side}"), lids[4:10, 0]
        out = [
            np.linalg.norm(
                head.vertices[upper] + 0.5 * shapes[blink, upper] - sphere_middle(head.vertices[ball]), axis=1
            )
            for shapes in (LIBRARY.basis, mended())
        ]
        assert 0.3 < 1e3 * (out[1] - out[0]).mean() < 0.9


def test_shapes_without_blinks_are_mended_too():
    brows = [number for number, name in enumerate(LIBRARY.directions) if name.startswith("brow")]
    made = mend_lids(LIBRARY.basis[brows], load_head(), load_head().faces)
    np.testing.assert_allclose(made, mended()[brows], atol=1e-7)
