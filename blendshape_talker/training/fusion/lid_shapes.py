"""Lids that close over the eyeball and keep their skin the right way round.

Two things go wrong where blendshapes add up at the eyes. FLAME's lids have triangles as thin as 0.1 mm: neighbours that
a shape moves by half a millimetre against each other turn them inside out. And a lid that goes straight down cuts
through the cornea, most when it comes from wide open. So vertices that are near each other move together, and the
blinks take a way that leads outwards. Nothing here is trained: equal input gives equal shapes.
"""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ...expression.lids import closing_weights
from ...face.flame import LEFT_LIDS, RIGHT_LIDS, Head
from ...face.joints import sphere_middle
from ..geometry.facs import SOCKET_POLES
from ..geometry.surface import ring_numbers, unique_edges

_SKIN = (3, 14)  # rings of edges around the socket's pole: from the inner rim to the brow and the cheek
_NEAR = 8e-4  # m; edges that much long and shorter are held together more than they are kept as they were
_OF_THE_LIDS = 0.75  # of a blink's energy lies around the eyes; of a lowered brow, which narrows the eye too, a tenth
_OUTWARDS = 0.13  # of a blink's way: 1 mm in the middle of the upper lid, about what a cornea stands out by


def mend_lids(shapes: np.ndarray, head: Head, faces: np.ndarray) -> np.ndarray:
    """Expression shapes (K, 5023, 3), metres, with lids that neither fold nor cut through the eye; float32.

    faces (F, 3): FLAME's. How far each shape closes the lids stays; so does all that is no lid, to the last bit.
    """
    shapes = np.asarray(shapes, np.float64)
    count = shapes.shape[1]
    rings = ring_numbers(faces, list(SOCKET_POLES.values()), count)
    skin = (rings >= _SKIN[0]) & (rings <= _SKIN[1])
    result = _together(shapes, head.vertices, faces, skin)
    for blink, ball, side in zip(_blinks(shapes, head), head.eyes, (1.0, -1.0), strict=False):
        lids = (rings <= _SKIN[1]) & (side * head.vertices[:, 0] > 0)
        halfway = head.vertices[lids] + 0.5 * shapes[blink, lids] - sphere_middle(head.vertices[ball])
        outwards = halfway / np.linalg.norm(halfway, axis=1, keepdims=True)
        result[blink, lids] += _OUTWARDS * np.linalg.norm(shapes[blink, lids], axis=1, keepdims=True) * outwards
    still = np.ones(count, bool)
    still[rings <= _SKIN[1]] = False
    result[:, still] = shapes[:, still]
    return result.astype(np.float32)


def _blinks(shapes: np.ndarray, head: Head) -> list[int]:
    """The shapes that close the left and the right eye and do little else; none where a corpus has no blinks."""
    try:
        found = [int(number) for number in closing_weights(shapes).argmax(axis=1)]
    except ValueError:
        return []
    energy = np.square(shapes[found]).sum(axis=2)
    local = energy[:, head.eye_region].sum(axis=1) / energy.sum(axis=1)
    return found if local.min() > _OF_THE_LIDS else []


def _together(shapes: np.ndarray, vertices: np.ndarray, faces: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Shapes (K, V, 3) nearest to the given ones of which near neighbours in ``skin`` (V,) move alike.

    Least squares: every vertex wants its own displacement, every edge of length l none across it, by (near / l)²; the
    opening between the lids stays, pair by pair, but for those in the corners.
    """
    count = len(vertices)
    edges = unique_edges(faces)
    edges = edges[skin[edges].all(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    pull = np.square(_NEAR / np.maximum(length, 1e-5))
    half = sparse.coo_matrix((pull, edges.T), shape=(count, count))
    stiffness = half + half.T
    laplacian = sparse.diags(np.asarray(stiffness.sum(axis=1)).ravel()) - stiffness
    system = splu((sparse.identity(count) + laplacian).tocsc())
    moved = system.solve(shapes.transpose(1, 0, 2).reshape(count, -1)).reshape(count, len(shapes), 3)
    pairs = np.vstack([LEFT_LIDS[1:-1], RIGHT_LIDS[1:-1]])
    opening = np.zeros((len(pairs), count))
    opening[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    opening[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    spread = system.solve(opening.T)
    missing = opening @ (shapes[..., 1].T - moved[..., 1])
    moved[..., 1] += spread @ np.linalg.solve(opening @ spread, missing)
    return moved.transpose(1, 0, 2)
