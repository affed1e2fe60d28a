"""Skin that does not fold at the wings of the nose and between a lowered brow and the upper lid.

Trained shapes are a little rougher than those that they learned from: beside the nostrils vertices a millimetre apart
move half a millimetre against each other, which turns triangles inside out. And a lowered brow comes to a stop within
one edge of the crease above the lid, so that beyond full strength its skin hangs over the lid in a jagged ledge. So
neighbours there move more alike, and the brow comes to its stop over several edges. Lips, lids and all else stay as
they are. Nothing here is trained: equal input gives equal shapes.
"""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ...face.flame import Head
from ...face.joints import sphere_middle
from ..geometry.facs import SOCKET_POLES
from ..geometry.surface import ring_numbers, unique_edges

_NOSE = 0.036  # m from the tip of the nose: wings, nostrils and the creases beside them
_BROWS = (11, 14)  # rings of edges around the socket's pole: from above the crease of the lid to the hairs of the brow
_NEAR_NOSE, _NEAR_BROWS = 1.6e-3, 1.5e-3  # m; edges that long hold two vertices together as much as each its own way


def mend_folds(shapes: np.ndarray, head: Head, faces: np.ndarray) -> np.ndarray:
    """Expression shapes (K, 5023, 3), metres, that fold the skin less; float32. faces (F, 3): FLAME's.

    All but the wings of the nose and the skin below the brows stays, to the last bit.
    """
    result = np.asarray(shapes, np.float32).copy()
    wings, brows = regions(head, faces)
    result[:, wings] = _alike(result, head.vertices, faces, wings, _NEAR_NOSE)
    lower = np.flatnonzero(result[:, brows, 1].mean(axis=1) < 0.0)  # raised brows stretch the skin: they lose nothing
    result[np.ix_(lower, np.flatnonzero(brows))] = _alike(result[lower], head.vertices, faces, brows, _NEAR_BROWS)
    return result


def regions(head: Head, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(wings (5023,), brows (5023,)) bool: the vertices that :func:`mend_folds` may move."""
    vertices, count = head.vertices, len(head.vertices)
    sockets = ring_numbers(faces, list(SOCKET_POLES.values()), count)
    lips = ring_numbers(faces, head.lips, count)
    tip = vertices[vertices[:, 2].argmax()]
    wings = (np.linalg.norm(vertices - tip, axis=1) < _NOSE) & (lips > 1) & (sockets > _BROWS[1] + 2)
    eyes = np.mean([sphere_middle(vertices[ball])[1] for ball in head.eyes])
    brows = (sockets >= _BROWS[0]) & (sockets <= _BROWS[1]) & (vertices[:, 1] > eyes)
    return wings, brows


def _alike(shapes: np.ndarray, vertices: np.ndarray, faces: np.ndarray, free: np.ndarray, near: float) -> np.ndarray:
    """What the ``free`` (V,) vertices of shapes (K, V, 3) do, (K, free, 3), when neighbours move alike; others stay.

    Least squares: every vertex wants its own displacement, every edge of length l none across it, by (near / l)².
    """
    count = len(vertices)
    edges = unique_edges(faces)
    edges = edges[free[edges].any(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    pull = np.square(near / np.maximum(length.astype(np.float64), 1e-5))
    half = sparse.coo_matrix((pull, edges.T), shape=(count, count))
    stiffness = (half + half.T).tocsr()[free]
    own = sparse.diags(1.0 + np.asarray(stiffness.sum(axis=1)).ravel()) - stiffness[:, free]
    given = shapes.astype(np.float64).transpose(1, 0, 2).reshape(count, -1)
    moved = splu(own.tocsc()).solve(given[free] + stiffness[:, ~free] @ given[~free])
    return moved.reshape(int(free.sum()), len(shapes), 3).transpose(1, 0, 2)
