"""The geometry map: how the face lies in the square image that the fusion module's encoders see."""

import logging

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from ...face.flame import IMAGE_SIZE, GeometryMap
from .surface import boundary_loops
from .unwrap import close_holes, equal_area, nearest_corners, on_square

logger = logging.getLogger(__name__)

HOLE_SHARE = 4.0  # pixels' worth of vertices that each hole (mouth, eyes) takes in the image


def geometry_map(neutral: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels' vertices and barycentric weights (64, 64, 3), zero off the face; row 0 is the forehead.

    The face is laid into the square so that every vertex has the same area, which gives lips, lids and nostrils, where
    FLAME is dense, their share. Each vertex owns the nearest free pixel and is sampled there alone; the other pixels
    interpolate. Holes keep the lips apart: no pixel mixes upper and lower lip.
    """
    used = np.unique(region)
    local = np.searchsorted(used, region)
    positions = neutral[used]
    loops = sorted(boundary_loops(local), key=lambda loop: -np.ptp(positions[loop], axis=0).sum())
    outer, holes = loops[0], loops[1:]
    angle = np.arctan2(positions[outer, 0], positions[outer, 1] + 0.02)
    corners = nearest_corners(outer, angle, (-140, 140, 40, -40))
    share = np.r_[np.ones(len(used)), np.full(len(holes), HOLE_SHARE)]
    flat = equal_area(close_holes(local, len(used), holes), outer, on_square(positions, outer, corners), share)
    flat = np.stack([flat[: len(used), 0], 1 - flat[: len(used), 1]], axis=1) * IMAGE_SIZE
    vertices, weights = rasterise(flat, local, IMAGE_SIZE)
    owner = own_pixels(flat, IMAGE_SIZE)
    vertices.reshape(-1, 3)[owner] = np.arange(len(used))[:, None]
    weights.reshape(-1, 3)[owner] = [1, 0, 0]
    return used[vertices], weights


def rasterise(flat: np.ndarray, faces: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and weights (size, size, 3) of the triangle under each pixel's centre, ``flat`` in pixels."""
    vertices, weights = np.zeros((size, size, 3), int), np.zeros((size, size, 3))
    for face in faces:
        corners = flat[face]
        first = np.maximum(np.ceil(corners.min(0) - 0.5).astype(int), 0)
        last = np.minimum(np.floor(corners.max(0) - 0.5).astype(int), size - 1)
        sides = np.stack([corners[1] - corners[0], corners[2] - corners[0]], axis=1)
        if (last < first).any() or abs(np.linalg.det(sides)) < 1e-9:
            continue
        columns, rows = np.meshgrid(np.arange(first[0], last[0] + 1), np.arange(first[1], last[1] + 1))
        offsets = np.stack([columns + 0.5, rows + 0.5], axis=-1) - corners[0]
        barycentric = offsets @ np.linalg.inv(sides).T
        barycentric = np.concatenate([1 - barycentric.sum(-1, keepdims=True), barycentric], axis=-1)
        inside = (barycentric >= -1e-9).all(-1)
        vertices[rows[inside], columns[inside]] = face
        weights[rows[inside], columns[inside]] = barycentric[inside].clip(0)
    return vertices, weights


def own_pixels(flat: np.ndarray, size: int, candidates: int = 40) -> np.ndarray:
    """For each point (N, 2) a near pixel (N,) of its own, row · size + column: least sum of squared distances."""
    columns, rows = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    distance, pixel = cKDTree(np.stack([columns.ravel(), rows.ravel()], axis=1)).query(flat, candidates)
    cost = sparse.csr_matrix(
        (distance.ravel() ** 2 + 1e-3, (np.repeat(np.arange(len(flat)), candidates), pixel.ravel())),
        shape=(len(flat), size * size),
    )
    rows, pixels = min_weight_full_bipartite_matching(cost)
    logger.info("farthest own pixel: %.2f pixels", np.sqrt(cost[rows, pixels].max()))
    return pixels[np.argsort(rows)]


def map_loss_mm(mapping: GeometryMap, deltas: np.ndarray, face: np.ndarray) -> float:
    """Root mean square over shapes (S, 5023, 3) and ``face`` vertices of the error of image and back, in mm."""
    errors = (mapping.to_vertices(mapping.to_image(deltas)) - deltas)[:, face]
    return float(1e3 * np.sqrt((errors**2).sum(-1).mean()))
