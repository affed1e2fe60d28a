"""Faces of our own making for FLAME's vertices: flat Delaunay, then diagonals turned to follow the creases."""

import numpy as np
from scipy.spatial import ConvexHull, Delaunay

from .surface import unique_edges
from .unwrap import triangle_areas

MOTION, LENGTH = 3.0, 0.1  # weights of relative motion and of length against curvature


def delaunay(flat: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Counter-clockwise Delaunay triangles (F, 3) of flat points (N, 2), without those that span the ``hole``.

    The last point closes the hole (see :func:`..unwrap.close_holes`) and is left out; ``hole`` is its border.
    """
    faces = Delaunay(flat).simplices
    faces = faces[(faces < len(flat) - 1).all(1) & ~np.isin(faces, hole).all(1)]
    clockwise = triangle_areas(flat, faces) < 0
    faces[clockwise] = faces[clockwise][:, ::-1]
    return faces


def ball(vertices: np.ndarray) -> np.ndarray:
    """Faces (F, 3), normals outward, of a closed ball around its vertices' mean: the hull of their directions."""
    directions = vertices - vertices.mean(0)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    faces = ConvexHull(directions).simplices
    a, b, c = (directions[faces[:, corner]] for corner in range(3))
    inward = (np.cross(b - a, c - a) * a).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return faces


def follow_creases(
    faces: np.ndarray,
    flat: np.ndarray,
    poses: np.ndarray,
    where: np.ndarray | None = None,
    heat: float = 0.0,
    hot_passes: int = 0,
) -> np.ndarray:
    """Flip diagonals as long as that lowers the total absolute curvature Σ |edge|·|angle| over all poses.

    Dyn et al. 2001, *Optimizing 3D triangulations using discrete curvature analysis*: creases such as the rims of lips
    and lids then run along edges, in every pose. ``flat`` (N, 2) keeps the triangulation without folds; ``poses``
    (P, N, 3). Single flips get stuck where a strip of thin triangles must turn as a whole: ``hot_passes`` at ``heat``
    (m·rad, falling to zero) accept worse ones by chance; ``where`` (N,) limits the flips to some vertices.
    """
    faces = faces.copy()
    count = len(flat)
    where = np.ones(count, bool) if where is None else where
    random = np.random.default_rng(0)
    number_of_pass = 0
    while True:
        temperature = heat * max(0.0, 1 - number_of_pass / max(hot_passes, 1))
        number_of_pass += 1
        quads, owners, existing = _quads(faces, count)
        i, j, k, m = quads[:, :4].T
        allowed = where[quads[:, :4]].all(1) & (_area(flat, k, m, j) > 0) & (_area(flat, m, k, i) > 0)
        allowed &= ~np.isin(np.minimum(k, m) * count + np.maximum(k, m), existing)
        quads, owners = quads[allowed], owners[allowed]
        gain = _curvature(quads, poses) - _curvature(_flipped(quads), poses)
        gain += temperature * random.laplace(size=len(gain))
        order = np.argsort(-gain, kind="stable")
        order = order[gain[order] > 1e-6]
        if not len(order) and not temperature:
            return faces
        touched = np.zeros(count, bool)
        for number in order:
            corners = quads[number, :4]
            if touched[corners].any():
                continue
            touched[corners] = True
            i, j, k, m = corners
            faces[owners[number, 0]] = k, m, j
            faces[owners[number, 1]] = m, k, i


def _area(flat: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return triangle_areas(flat, np.stack([a, b, c], axis=1)) - 1e-14


def _quads(faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every inner edge (i, j), its two triangles (i, j, k) and (j, i, m) and the vertices beyond their other sides.

    Returns rows (i, j, k, m, beyond jk, ki, im and mj), −1 for none; their two faces; keys of all edges.
    """
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    third = np.roll(faces, -2, axis=1).ravel()
    keys = start.astype(np.int64) * count + end
    order = np.argsort(keys)
    sorted_keys, opposite, owner = keys[order], third[order], np.repeat(np.arange(len(faces)), 3)[order]

    def across(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        place = np.minimum(np.searchsorted(sorted_keys, a.astype(np.int64) * count + b), len(sorted_keys) - 1)
        found = sorted_keys[place] == a.astype(np.int64) * count + b
        return np.where(found, opposite[place], -1), owner[place]

    i, j = unique_edges(faces).T
    (k, first), (m, second) = across(i, j), across(j, i)
    inner = (k >= 0) & (m >= 0)
    i, j, k, m = i[inner], j[inner], k[inner], m[inner]
    beyond = [across(b, a)[0] for a, b in ((j, k), (k, i), (i, m), (m, j))]
    existing = np.minimum(start, end).astype(np.int64) * count + np.maximum(start, end)
    return np.stack([i, j, k, m, *beyond], axis=1), np.stack([first[inner], second[inner]], axis=1), np.unique(existing)


def _flipped(quads: np.ndarray) -> np.ndarray:
    """The same quads with the other diagonal: triangles (k, m, j) and (m, k, i)."""
    i, j, k, m, beyond_jk, beyond_ki, beyond_im, beyond_mj = quads.T
    return np.stack([k, m, j, i, beyond_mj, beyond_jk, beyond_ki, beyond_im], axis=1)


def _curvature(quads: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Σ |edge|·|angle between the triangles at it| of a quad's diagonal and four sides, summed over the poses.

    A diagonal costs by its length besides, and by how its ends move apart from pose to pose.
    """
    i, j, k, m, beyond_jk, beyond_ki, beyond_im, beyond_mj = quads.T
    total = np.zeros(len(quads))
    for pose in poses:
        total += LENGTH * np.linalg.norm(pose[i] - pose[j], axis=1)
        total += MOTION * np.linalg.norm(pose[i] - pose[j] - poses[0][i] + poses[0][j], axis=1)

        def normal(a, b, c, pose=pose):
            flat = np.cross(pose[b] - pose[a], pose[c] - pose[a])
            return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)

        def bend(a, b, first, second, exists, pose=pose):
            angle = np.arccos(np.clip((first * second).sum(1), -1, 1))
            return np.where(exists, np.linalg.norm(pose[b] - pose[a], axis=1) * angle, 0.0)

        upper, lower = normal(i, j, k), normal(j, i, m)
        total += bend(i, j, upper, lower, True)
        sides = ((j, k, upper, beyond_jk), (k, i, upper, beyond_ki), (i, m, lower, beyond_im), (m, j, lower, beyond_mj))
        for a, b, own, beyond in sides:
            total += bend(a, b, own, normal(b, a, beyond), beyond >= 0)
    return total
