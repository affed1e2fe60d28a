"""FACS shapes and identities in FLAME's vertex order: ICT-FaceKit's generic head carried over to FLAME's vertices.

ICT-FaceKit (USC ICT 2020, MIT licence) names its shapes as ARKit does (``jawOpen``, ``mouthSmile_L``, …) but has
another mesh. FLAME's template is wrapped around ICT's generic head by a non-rigid ICP, and every FLAME vertex then moves
as the point of ICT's surface that it lies on. The eyeballs, which are separate balls in both, are placed by a
similarity and move affinely.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from .. import checkpoint
from ..errors import TalkerError
from ..flame import VERTEX_COUNT

logger = logging.getLogger(__name__)
Progress = Callable[[float, str], None]
KIND = "FACS geometry"

# Parts of ICT-FaceKit's generic head, as ranges of its vertices.
ICT_SKIN_END = 14062  # face, head, neck, mouth socket and eye sockets
ICT_EYEBALLS = ((21451, 22221), (23021, 23791))  # outer shells, left and right
ICT_LANDMARKS_INNER = slice(17, 68)  # iBUG's 68 without the jaw line, the order of FLAME's 51

# (stiffness, landmark weight) of each stage; soft enough in the end to follow lips and lids to 0.1 mm.
STAGES = ((50, 10), (20, 10), (10, 10), (5, 5), (2, 3), (1, 2), (0.5, 1), (0.3, 0.5))
STEPS_PER_STAGE = 2
MATCH_ANGLE_COSINE = 0.6  # a match must face the same way: lips and lids have two surfaces a millimetre apart
MATCH_DISTANCE = 0.012  # m
CARRY_ANGLE_COSINE, CARRY_DISTANCE = 0.3, 0.004  # m; beyond these a vertex follows its neighbours, not ICT's surface

# FLAME closes the eye sockets behind the eyeballs with one vertex each; it and the rings around it are never seen and
# have no counterpart in ICT's head.
SOCKET_POLES = (3929, 3930)
SOCKET_RINGS = 2


@dataclass(frozen=True)
class Facs:
    """FACS shapes on FLAME's vertices, in metres.

    ``names`` (S,) str; ``deltas`` (S, 5023, 3); ``neutral`` (5023, 3), the canonical head; ``identities`` (I, 5023, 3),
    offsets of the neutral per unit of a normally distributed coefficient; ``faces`` (F, 3), FLAME's, for training only.
    """

    names: np.ndarray
    deltas: np.ndarray
    neutral: np.ndarray
    identities: np.ndarray
    faces: np.ndarray


def load_facs(path: str | Path) -> Facs:
    """Read what :func:`make_facs` wrote; :class:`TalkerError` when it is missing or something else."""
    arrays = checkpoint.load(path, KIND)[1]
    return Facs(*(arrays[name] for name in ("names", "deltas", "neutral", "identities", "faces")))


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Least-squares ``(scale, rotation (3, 3), translation (3,))``: ``target ≈ scale · source @ rotation.T + translation``.

    Umeyama 1991, equations 40–42; the rotation is proper. Points are the rows of ``source`` and ``target`` (N, 3).
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    left, values, right = np.linalg.svd((target - target_mean).T @ (source - source_mean))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left * signs @ right
    scale = float((values * signs).sum() / ((source - source_mean) ** 2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


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


def register(
    vertices: np.ndarray,
    faces: np.ndarray,
    target: Surface,
    landmarks: sparse.spmatrix,
    landmark_positions: np.ndarray,
    moving: np.ndarray,
    progress: Progress | None = None,
) -> np.ndarray:
    """Wrap a template around a surface: optimal-step non-rigid ICP with an affine map per vertex (Amberg et al. 2007).

    ``vertices`` (N, 3), ``target`` and ``landmark_positions`` (L, 3) in metres and roughly aligned; ``landmarks`` (L, N)
    picks the template's landmarks; ``moving`` (N,) bool says which vertices are matched. Returns the wrapped vertices.
    """
    unit = 10.0  # work in decimetres, so that rotation and translation rows of the affine maps weigh alike
    count = len(vertices)
    current = vertices * unit
    edges = unique_edges(faces)
    rows = np.arange(len(edges))
    signs = np.ones(len(edges))
    incidence = sparse.csr_matrix(
        (np.r_[signs, -signs], (np.r_[rows, rows], np.r_[edges[:, 0], edges[:, 1]])), shape=(len(edges), count)
    )
    stiffness = sparse.kron(incidence, sparse.identity(4)).tocsr()
    stiffness = (stiffness.T @ stiffness).tocsc()
    homogeneous = np.hstack([current, np.ones((count, 1))])
    positions = sparse.csr_matrix(
        (homogeneous.ravel(), (np.repeat(np.arange(count), 4), np.arange(4 * count))), shape=(count, 4 * count)
    )
    at_landmarks = (landmarks @ positions).tocsr()
    pull = at_landmarks.T @ (landmark_positions * unit)
    weak = 1e-6 * sparse.identity(4 * count)
    identity_maps = np.tile(np.vstack([np.eye(3), np.zeros((1, 3))]), (count, 1))
    for number, (alpha, beta) in enumerate(STAGES):
        for _ in range(STEPS_PER_STAGE):
            normals = vertex_normals(current, faces)
            triangle, weights, distance, agrees = target.closest(current / unit, normals, MATCH_ANGLE_COSINE)
            places = np.einsum("nk,nkd->nd", weights, target.vertices[target.faces[triangle]]) * unit
            matched = (agrees & (distance < MATCH_DISTANCE) & moving).astype(float)
            data = sparse.diags(matched) @ positions
            matrix = alpha**2 * stiffness + data.T @ data + beta**2 * (at_landmarks.T @ at_landmarks) + weak
            right = data.T @ (matched[:, None] * places) + beta**2 * pull + weak @ identity_maps
            current = positions @ splu(matrix.tocsc()).solve(right)
        mean = 1e3 * distance[matched > 0].mean()
        logger.info("stiffness %g: %d vertices matched, mean distance %.3f mm", alpha, int(matched.sum()), mean)
        if progress:
            progress((number + 1) / len(STAGES), f"registration: {mean:.3f} mm from the surface")
    return current / unit


def within_rings(faces: np.ndarray, count: int, seeds: tuple[int, ...], rings: int) -> np.ndarray:
    """Mask (count,) of the vertices at most ``rings`` edges away from one of the ``seeds``."""
    edges = unique_edges(faces)
    mask = np.zeros(count, bool)
    mask[list(seeds)] = True
    for _ in range(rings):
        touching = mask[edges].any(1)
        mask[edges[touching].ravel()] = True
    return mask


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


def carry_eyeball(source: np.ndarray, source_deltas: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Deltas (S, M, 3) of a ball that follows the affine part of another's motion (turns, shifts, growth).

    ``source`` (N, 3), ``source_deltas`` (S, N, 3): the other ball and its motions; ``ball`` (M, 3): ours, in its place.
    """
    centre = source.mean(0)
    basis = np.hstack([source - centre, np.ones((len(source), 1))])
    maps = np.linalg.pinv(basis) @ source_deltas.transpose(1, 0, 2).reshape(len(source), -1)
    carried = np.hstack([ball - centre, np.ones((len(ball), 1))]) @ maps
    return carried.reshape(len(ball), len(source_deltas), 3).transpose(1, 0, 2)


def sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares sphere ``(centre (3,), radius)`` through points (N, 3)."""
    matrix = np.hstack([2 * points, np.ones((len(points), 1))])
    solution = np.linalg.lstsq(matrix, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + (solution[:3] ** 2).sum()))


def carry_over(ict: dict[str, np.ndarray], flame: dict[str, np.ndarray], progress: Progress | None = None) -> Facs:
    """Register FLAME's template to ICT's generic head and carry all shapes over.

    ``ict`` and ``flame`` hold the arrays of ``ict_facekit.npz`` and ``flame_topology.npz``.
    """
    faces = flame["faces"].astype(np.int32)
    template = flame["template"].astype(float)
    corners, weights = faces[flame["landmark51_face"]], flame["landmark51_bary"].astype(float)
    rows = np.repeat(np.arange(len(corners)), 3)
    landmarks = sparse.csr_matrix((weights.ravel(), (rows, corners.ravel())), shape=(len(corners), len(template)))
    ict_landmarks = ict["landmarks_68"][ICT_LANDMARKS_INNER]
    ict_neutral = ict["neutral"].astype(float)
    scale, rotation, shift = similarity(ict_neutral[ict_landmarks], landmarks @ template)
    head = scale * ict_neutral @ rotation.T + shift
    quads = ict["quads"]
    triangles = np.vstack([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])
    skin = Surface(head[:ICT_SKIN_END], triangles[(triangles < ICT_SKIN_END).all(1)])

    labels = component_labels(faces, len(template))
    body = labels == np.bincount(labels).argmax()
    body_faces = faces[body[faces].all(1)]
    hidden = within_rings(faces, len(template), SOCKET_POLES, SOCKET_RINGS)
    fitted = register(template, body_faces, skin, landmarks, head[ict_landmarks], body & ~hidden, progress)

    source = np.concatenate([ict["expression_deltas"], ict["identity_deltas"]]).astype(float) * scale @ rotation.T
    triangle, weights, distance, agrees = skin.closest(fitted, vertex_normals(fitted, body_faces), CARRY_ANGLE_COSINE)
    carried = np.einsum("nk,snkd->nsd", weights, source[:, skin.faces[triangle]])
    follow = body & (hidden | ~agrees | (distance > CARRY_DISTANCE))
    logger.info("%d vertices follow their neighbours", int(follow.sum()))
    smooth = follow_neighbours(carried.reshape(len(template), -1), body_faces, follow)
    carried = smooth.reshape(carried.shape).transpose(1, 0, 2)
    for number in np.unique(labels[~body]):
        ball = np.flatnonzero(labels == number)
        first, last = min(ICT_EYEBALLS, key=lambda span: abs(head[slice(*span), 0].mean() - template[ball, 0].mean()))
        centre, radius = sphere(head[first:last])
        own_centre, own_radius = sphere(template[ball])
        fitted[ball] = centre + (template[ball] - own_centre) * (radius / own_radius)
        carried[:, ball] = carry_eyeball(head[first:last], source[:, first:last], fitted[ball])
    shapes = len(ict["expression_deltas"])
    return Facs(
        np.asarray(ict["expression_names"]).astype(str),
        carried[:shapes].astype(np.float32),
        fitted.astype(np.float32),
        carried[shapes:].astype(np.float32),
        faces,
    )


def make_facs(data_dir: str | Path, out: str | Path, progress: Progress | None = None) -> Path:
    """Make ``out`` (a :class:`Facs`) from ``ict_facekit.npz`` and ``flame_topology.npz`` in ``data_dir``."""
    arrays = []
    for name in ("ict_facekit.npz", "flame_topology.npz"):
        try:
            with np.load(Path(data_dir) / name, allow_pickle=False) as archive:
                arrays.append({key: archive[key] for key in archive.files})
        except (OSError, ValueError) as error:
            raise TalkerError(f"{Path(data_dir) / name}: {error}; name the folder that holds it with --data") from None
    facs = carry_over(*arrays, progress)
    if facs.neutral.shape != (VERTEX_COUNT, 3):
        raise TalkerError(
            f"{data_dir}: flame_topology.npz holds {len(facs.neutral)} vertices, FLAME has {VERTEX_COUNT}"
        )
    return checkpoint.save(out, KIND, {}, vars(facs))
