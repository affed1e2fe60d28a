"""Flat maps of a triangle surface with one outer boundary: conformal for triangulating anew, equal-area for images.

Both are convex-combination maps (Tutte 1963, Floater 2003): the outer boundary goes to a convex polygon, every other
vertex to a positive-weighted mean of its neighbours, so no triangle folds over. Holes are closed by a vertex each.
"""

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from .surface import unique_edges

Loops = list[np.ndarray]


def close_holes(faces: np.ndarray, count: int, holes: Loops) -> np.ndarray:
    """Faces with each hole closed by a fan around a new vertex, numbered from ``count`` on in the holes' order."""
    fans = [
        np.stack([np.roll(loop, -1), loop, np.full(len(loop), count + number)], axis=1)
        for number, loop in enumerate(holes)
    ]
    return np.vstack([faces, *fans])


def mean_value_weights(vertices: np.ndarray, faces: np.ndarray) -> sparse.csr_matrix:
    """Floater's mean value weights (N, N): close to conformal, always positive. Floater 2003, equation 6."""
    count = len(vertices)
    rows, columns, values = [], [], []
    for corner in range(3):
        here, ahead, behind = (faces[:, (corner + shift) % 3] for shift in range(3))
        first, second = vertices[ahead] - vertices[here], vertices[behind] - vertices[here]
        length_first, length_second = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1)
        cosine = np.clip((first * second).sum(1) / (length_first * length_second), -1, 1)
        half_tangent = np.sqrt((1 - cosine) / np.maximum(1 + cosine, 1e-9))
        rows += [here, here]
        columns += [ahead, behind]
        values += [half_tangent / length_first, half_tangent / length_second]
    return sparse.csr_matrix((np.hstack(values), (np.hstack(rows), np.hstack(columns))), shape=(count, count))


def embed(weights: sparse.csr_matrix, boundary: np.ndarray, boundary_positions: np.ndarray) -> np.ndarray:
    """Positions (N, 2): the boundary (B,) at its positions (B, 2), the others at their neighbours' weighted mean."""
    count = weights.shape[0]
    inner = np.setdiff1d(np.arange(count), boundary)
    laplacian = (sparse.diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr()
    positions = np.zeros((count, 2))
    positions[boundary] = boundary_positions
    right = -(laplacian[inner][:, boundary] @ boundary_positions)
    positions[inner] = splu(laplacian[inner][:, inner].tocsc()).solve(right)
    return positions


def on_circle(vertices: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """Places (B, 2) on the unit circle for a boundary loop, spaced as its vertices are in space."""
    fractions = _fractions(vertices, loop)
    return np.stack([np.cos(2 * np.pi * fractions), np.sin(2 * np.pi * fractions)], axis=1)


def on_square(vertices: np.ndarray, loop: np.ndarray, corners: list[int]) -> np.ndarray:
    """Places (B, 2) on the border of the unit square; ``corners`` are four vertices of the loop, in its order, that go
    to (0, 0), (1, 0), (1, 1), (0, 1)."""
    at = [int(np.flatnonzero(loop == corner)[0]) for corner in corners]
    order = (np.arange(len(loop)) + at[0]) % len(loop)
    cuts = [(place - at[0]) % len(loop) for place in at] + [len(loop)]
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
    places = np.zeros((len(loop), 2))
    for side in range(4):
        part = np.arange(cuts[side], cuts[side + 1] + 1)
        points = vertices[loop[order[part % len(loop)]]]
        lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
        along = (lengths / lengths[-1])[:-1, None]
        places[order[part[:-1]]] = square[side] + along * (square[side + 1] - square[side])
    return places


def nearest_corners(loop: np.ndarray, angle: np.ndarray, degrees: tuple[float, ...]) -> list[int]:
    """The vertices of the loop whose ``angle`` (B,) is nearest to each of the given ones."""
    away = [np.abs(np.angle(np.exp(1j * (angle - np.deg2rad(degree))))) for degree in degrees]
    return [int(loop[distance.argmin()]) for distance in away]


def equal_area(
    faces: np.ndarray, boundary: np.ndarray, boundary_positions: np.ndarray, share: np.ndarray, rounds: int = 200
) -> np.ndarray:
    """Positions (N, 2) in which every vertex's neighbourhood has about the area that its ``share`` (N,) asks for.

    Starts from Tutte's map and stiffens the edges between too large triangles, again and again; the weights stay
    positive, so the map stays without folds.
    """
    count = len(share)
    edges = unique_edges(faces)
    numbers = {tuple(edge): number for number, edge in enumerate(edges.tolist())}
    sides = np.array([[numbers[tuple(sorted((int(f[k]), int(f[k - 1]))))] for k in range(3)] for f in faces])
    valence = np.bincount(faces.ravel(), minlength=count)
    target = np.asarray(share / valence)[faces].sum(1)
    target = target / target.sum()
    stiffness = np.ones(len(edges))
    best, best_spread = np.zeros((count, 2)), np.inf
    for _ in range(rounds):
        both = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
        weights = sparse.csr_matrix((np.r_[stiffness, stiffness], both), shape=(count, count))
        positions = embed(weights, boundary, boundary_positions)
        areas = triangle_areas(positions, faces)
        vertex_area, vertex_target = np.zeros(count), np.zeros(count)
        for corner in range(3):
            np.add.at(vertex_area, faces[:, corner], areas)
            np.add.at(vertex_target, faces[:, corner], target)
        excess = np.log(np.maximum(vertex_area, 1e-12) / vertex_target)
        spread = float(np.std(excess))
        if spread < best_spread:
            best, best_spread = positions, spread
        triangle_excess = np.log(np.maximum(areas, 1e-12) / target)
        summed = np.bincount(sides.ravel(), np.repeat(triangle_excess, 3), len(edges))
        edge_excess = summed / np.bincount(sides.ravel(), minlength=len(edges))
        step = 0.15 * edge_excess + 0.15 * excess[edges].mean(1)
        stiffness *= np.exp(np.clip(step, -0.5, 0.5))
        stiffness /= np.exp(np.log(stiffness).mean())
    return best


def triangle_areas(positions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Signed areas (F,) of triangles in the plane."""
    a, b, c = positions[faces[:, 0]], positions[faces[:, 1]], positions[faces[:, 2]]
    first, second = b - a, c - a
    return 0.5 * (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def _fractions(vertices: np.ndarray, loop: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vertices[np.roll(loop, -1)] - vertices[loop], axis=1)
    return np.r_[0, np.cumsum(lengths)[:-1]] / lengths.sum()
