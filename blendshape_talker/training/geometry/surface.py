"""Triangle surfaces, as vertices (N, 3) and faces (F, 3): normals, edges, boundaries, closest points."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree


def triangle_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals (F, 3) of the triangles, as long as twice their area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), the area-weighted mean of the adjacent triangles'; zero where a vertex has none."""
    normals = np.zeros_like(vertices)
    flat = triangle_normals(vertices, faces)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], flat)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)


def unique_edges(faces: np.ndarray) -> np.ndarray:
    """Undirected edges (E, 2) of the triangles, the smaller index first, sorted."""
    return np.unique(np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)


def component_labels(faces: np.ndarray, count: int) -> np.ndarray:
    """Connected component (count,) of every vertex."""
    edges = unique_edges(faces)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def closest_barycentric(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Barycentric coordinates (N, 3) of the point of each triangle (N, 3, 3) closest to each point (N, 3).

    Ericson, *Real-Time Collision Detection* (2005), section 5.1.5: the interior where the projection falls inside, else
    the best of the three edges.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    interior = np.stack([1 - v - w, v, w], axis=1)
    best, best_distance = interior.copy(), np.where((interior >= 0).all(1), -1.0, np.inf)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        origin, along = triangles[:, start], triangles[:, end] - triangles[:, start]
        t = np.clip(((points - origin) * along).sum(1) / np.maximum((along * along).sum(1), 1e-30), 0, 1)
        distance = ((points - origin - t[:, None] * along) ** 2).sum(1)
        nearer = distance < best_distance
        best[nearer] = 0.0
        best[nearer, start], best[nearer, end] = 1 - t[nearer], t[nearer]
        best_distance = np.where(nearer, distance, best_distance)
    return best


def boundary_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Closed boundary loops as vertex indices in the triangles' winding order, the longest first."""
    directed = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    following = {(int(start), int(end)) for start, end in directed}
    after = {start: end for start, end in sorted(following) if (end, start) not in following}
    loops = []
    while after:
        start = min(after)
        loop = [start]
        while (step := after.pop(loop[-1])) != start:
            loop.append(step)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


def cycle(edges: np.ndarray) -> np.ndarray:
    """The vertices of a closed chain of edges (E, 2) in order."""
    neighbours: dict[int, list[int]] = {}
    for a, b in edges.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    chain = [min(neighbours)]
    while len(chain) < len(neighbours):
        chain.append(next(v for v in neighbours[chain[-1]] if v not in chain[-2:]))
    return np.array(chain)


def ring_numbers(faces: np.ndarray, seeds: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """How many edges each vertex (count,) lies away from the nearest seed."""
    edges = unique_edges(faces)
    rings = np.full(count, count)
    rings[seeds] = 0
    for ring in range(count):
        reached = edges[(rings[edges] == ring).any(1)].ravel()
        new = reached[rings[reached] == count]
        if not len(new):
            break
        rings[new] = ring + 1
    return rings


def follow_neighbours(values: np.ndarray, faces: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Values (N, D) where the ``free`` (N,) vertices smoothly continue the others' (harmonic)."""
    count = len(values)
    edges = unique_edges(faces)
    both = np.vstack([edges, edges[:, ::-1]])
    adjacency = sparse.csr_matrix((np.ones(len(both)), both.T), shape=(count, count))
    laplacian = sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency
    fixed = ~free
    inner = laplacian[free][:, free] + 1e-9 * sparse.identity(int(free.sum()))
    result = values.copy()
    result[free] = splu(inner.tocsc()).solve(-(laplacian[free][:, fixed] @ values[fixed]))
    return result


def sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares sphere ``(centre (3,), radius)`` through points (N, 3)."""
    matrix = np.hstack([2 * points, np.ones((len(points), 1))])
    solution = np.linalg.lstsq(matrix, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + (solution[:3] ** 2).sum()))


class Surface:
    """A triangle surface that finds its points closest to others, with the normals agreeing."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        self.vertices, self.faces = vertices, faces
        normals = triangle_normals(vertices, faces)
        self.normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        self._tree = cKDTree(vertices[faces].mean(1))

    def closest(
        self, points: np.ndarray, normals: np.ndarray, cosine: float, candidates: int = 60
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Closest compatible places: ``(triangle (N,), barycentric (N, 3), distance (N,), agrees (N,) bool)``.

        Among the triangles near a point those whose normals make an angle of at most arccos(cosine) with the point's
        are preferred; where there is none (``agrees`` false) the nearest triangle of any direction is given.
        """
        near = self._tree.query(points, candidates)[1]
        count = len(points)
        flat = near.ravel()
        weights = closest_barycentric(np.repeat(points, candidates, axis=0), self.vertices[self.faces[flat]])
        places = np.einsum("nk,nkd->nd", weights, self.vertices[self.faces[flat]]).reshape(count, candidates, 3)
        distance = np.linalg.norm(places - points[:, None], axis=2)
        facing = np.einsum("nkd,nd->nk", self.normals[near], normals) >= cosine
        agrees = facing.any(1)
        choice = np.where(agrees, np.where(facing, distance, np.inf).argmin(1), distance.argmin(1))
        rows = np.arange(count)
        return near[rows, choice], weights.reshape(count, candidates, 3)[rows, choice], distance[rows, choice], agrees
