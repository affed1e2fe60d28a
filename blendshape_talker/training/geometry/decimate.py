"""Fewer triangles for the same surface: edges collapse where a plane loses least (Garland & Heckbert 1997)."""

import heapq

import numpy as np

from .surface import triangle_normals, unique_edges

_BORDER_WEIGHT = 10.0  # of the planes that stand on open edges, so that borders keep their place
_FLIP_COSINE = 0.2  # a collapse may turn no triangle farther than this
_FLATNESS = 1e-3  # smallest singular value of a quadric, relative to the largest, that fixes a vertex's place


def decimate(vertices: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A surface (N, 3), (F, 3) with about ``count`` vertices: ``(vertices (M, 3), faces (G, 3), nearest (M,))``.

    ``nearest`` is the old vertex that lies closest to each new one among those it stands for. Equal input gives equal
    output. Stops early where every further collapse would fold the surface.
    """
    places = np.asarray(vertices, float).copy()
    triangles = np.asarray(faces, int).copy()
    around: list[set[int]] = [set() for _ in places]
    for number, triangle in enumerate(triangles):
        for vertex in triangle:
            around[vertex].add(number)
    quadrics = _quadrics(places, triangles)
    stands_for = [[vertex] for vertex in range(len(places))]
    version = np.zeros(len(places), int)
    alive = np.array([bool(near) for near in around])
    dead = np.zeros(len(triangles), bool)
    heap: list[tuple[float, int, int, int, int]] = []

    def offer(first: int, second: int) -> None:
        cost, _ = _best_place(quadrics[first] + quadrics[second], places[first], places[second])
        heapq.heappush(heap, (cost, first, second, int(version[first]), int(version[second])))

    for first, second in unique_edges(triangles).tolist():
        offer(first, second)
    left = int(alive.sum())
    while left > count and heap:
        _, first, second, first_version, second_version = heapq.heappop(heap)
        if not (alive[first] and alive[second]) or (version[first], version[second]) != (first_version, second_version):
            continue
        place = _best_place(quadrics[first] + quadrics[second], places[first], places[second])[1]
        shared = around[first] & around[second]
        if len(_neighbours(triangles, around, first) & _neighbours(triangles, around, second)) != len(shared):
            continue  # two sheets would touch
        moved = sorted((around[first] | around[second]) - shared)
        if _folds(places, triangles[moved], (first, second), place):
            continue
        for number in shared:
            dead[number] = True
            for vertex in triangles[number]:
                around[vertex].discard(number)
        for number in around[second]:
            triangles[number][triangles[number] == second] = first
        around[first] |= around[second]
        around[second] = set()
        places[first], alive[second] = place, False
        quadrics[first] = quadrics[first] + quadrics[second]
        stands_for[first] += stands_for[second]
        version[first] += 1
        left -= 1
        for neighbour in sorted(_neighbours(triangles, around, first)):
            offer(min(first, neighbour), max(first, neighbour))
    kept = np.unique(triangles[~dead])
    renumbered = np.full(len(places), -1)
    renumbered[kept] = np.arange(len(kept))
    nearest = [_nearest(vertices, stands_for[vertex], places[vertex]) for vertex in kept.tolist()]
    return places[kept], renumbered[triangles[~dead]], np.array(nearest, int)


def _nearest(vertices: np.ndarray, candidates: list[int], place: np.ndarray) -> int:
    return candidates[int(((vertices[candidates] - place) ** 2).sum(1).argmin())]


def _quadrics(places: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N, 4, 4): the sum of squared distances to the planes at each vertex, weighted by area; open edges stand firm."""
    normals = triangle_normals(places, triangles)
    area = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(area, 1e-20)
    quadrics = np.zeros((len(places), 4, 4))

    def add(corners: np.ndarray, planes: np.ndarray, weights: np.ndarray) -> None:
        for corner in corners.T:
            np.add.at(quadrics, corner, weights[:, None, None] * planes[:, :, None] * planes[:, None, :])

    offset = -np.einsum("nd,nd->n", normals, places[triangles[:, 0]])
    add(triangles, np.c_[normals, offset], area[:, 0] / 2)
    directed = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there = {(int(a), int(b)) for a, b in directed}
    border = np.flatnonzero([(int(b), int(a)) not in there for a, b in directed])
    edges = directed[border]
    along = places[edges[:, 1]] - places[edges[:, 0]]
    upright = np.cross(along, normals[border % len(triangles)])
    length = np.linalg.norm(upright, axis=1, keepdims=True)
    upright = upright / np.maximum(length, 1e-20)
    offset = -np.einsum("nd,nd->n", upright, places[edges[:, 0]])
    add(edges, np.c_[upright, offset], _BORDER_WEIGHT * (along**2).sum(1))
    return quadrics


def _best_place(quadric: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, np.ndarray]:
    """The cheapest place for two vertices in one: where the planes meet, or on the edge where they do not fix it."""
    middle = (first + second) / 2
    left, values, right = np.linalg.svd(quadric[:3, :3])
    firm = values > _FLATNESS * max(values[0], 1e-30)
    gradient = quadric[:3, :3] @ middle + quadric[:3, 3]
    place = middle - right[firm].T @ ((left[:, firm].T @ gradient) / values[firm])
    if np.linalg.norm(place - middle) > np.linalg.norm(second - first):
        place = middle
    point = np.append(place, 1.0)
    return float(point @ quadric @ point), place


def _neighbours(triangles: np.ndarray, around: list[set[int]], vertex: int) -> set[int]:
    return {int(other) for number in around[vertex] for other in triangles[number]} - {vertex}


def _folds(places: np.ndarray, moved: np.ndarray, pair: tuple[int, int], place: np.ndarray) -> bool:
    if not len(moved):
        return True
    before = places[moved]
    after = np.where(np.isin(moved, pair)[..., None], place, before)
    old = np.cross(before[:, 1] - before[:, 0], before[:, 2] - before[:, 0])
    new = np.cross(after[:, 1] - after[:, 0], after[:, 2] - after[:, 0])
    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    return bool((np.einsum("nd,nd->n", old, new) < _FLIP_COSINE * lengths).any() or (lengths < 1e-18).any())
