"""FACS shapes and identities in FLAME's vertex order: ICT-FaceKit's generic head carried over to FLAME's vertices.

ICT-FaceKit (USC ICT 2020, MIT licence) names its shapes as ARKit does (``jawOpen``, ``mouthSmile_L``, …) but has
another mesh. FLAME's template is wrapped around ICT's generic head by a non-rigid ICP, and every FLAME vertex then
moves as the point of ICT's surface that it lies on. The eyeballs, which are separate balls in both, are placed by a
similarity and move affinely. ICT's blink leaves a slit; here the lids meet.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from ... import checkpoint
from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT
from ...face.meshes import similarity
from ...job import Progress
from ...npz import read_npz
from .surface import (
    Surface,
    component_labels,
    cycle,
    follow_neighbours,
    ring_numbers,
    sphere,
    unique_edges,
    vertex_normals,
)

logger = logging.getLogger(__name__)
KIND = "FACS geometry"
SOURCES = {  # file: arrays that are read of it
    "ict_facekit.npz": "neutral quads landmarks_68 expression_names expression_deltas identity_deltas",
    "flame_topology.npz": "template faces landmark51_face landmark51_bary",
}

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
SOCKET_POLES = {"L": 3929, "R": 3930}
SOCKET_RINGS = 2
LID_RIM_RINGS = (3, 4)  # the rims of the lids, as rings around the poles
LID_OVERLAP = 0.0003  # m; how far the upper rim passes the lower in a blink
EYEBALL_SCALE = 0.9  # of ICT's, through whose cornea the lids would pass on their way down; FLAME's own are smaller


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


def load_facs(path: str | os.PathLike[str]) -> Facs:
    """Read what :func:`make_facs` wrote; :class:`TalkerError` when it is missing or something else."""
    try:
        arrays = checkpoint.load(path, KIND)[1]
    except TalkerError as error:
        raise TalkerError(f"{error}; `corpus geometry` makes one") from error
    return Facs(*(arrays[name] for name in ("names", "deltas", "neutral", "identities", "faces")))


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

    ``vertices`` (N, 3), ``target`` and ``landmark_positions`` (L, 3) in metres and roughly aligned; ``landmarks``
    (L, N) picks the template's landmarks; ``moving`` (N,) bool says which vertices are matched. Returns the wrapped
    vertices (N, 3).
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


def carry_eyeball(source: np.ndarray, source_deltas: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Deltas (S, M, 3) of a ball that follows the affine part of another's motion (turns, shifts, growth).

    ``source`` (N, 3), ``source_deltas`` (S, N, 3): the other ball and its motions; ``ball`` (M, 3): ours, in its place.
    """
    centre = source.mean(0)
    basis = np.hstack([source - centre, np.ones((len(source), 1))])
    maps = np.linalg.pinv(basis) @ source_deltas.transpose(1, 0, 2).reshape(len(source), -1)
    carried = np.hstack([ball - centre, np.ones((len(ball), 1))]) @ maps
    return carried.reshape(len(ball), len(source_deltas), 3).transpose(1, 0, 2)


def close_lids(vertices: np.ndarray, blink: np.ndarray, faces: np.ndarray, pole: int) -> np.ndarray:
    """What to add to a blink (N, 3) so that the upper lid's rim meets the lower's; ``pole`` is the socket's vertex.

    The rims are rings of edges around the pole. The upper one's missing way down spreads smoothly over the lid, up to
    where the blink moves nothing.
    """
    rings = ring_numbers(faces, [pole], len(vertices))
    edges = unique_edges(faces)
    closed = vertices + blink
    still = np.linalg.norm(blink, axis=1) < 0.03 * np.linalg.norm(blink, axis=1).max()
    missing, given = np.zeros_like(blink), still.copy()
    for ring in LID_RIM_RINGS:
        loop = cycle(edges[(rings[edges] == ring).all(1)])
        loop = np.roll(loop, -vertices[loop, 0].argmin())
        turn = vertices[loop, 0].argmax()
        halves = loop[: turn + 1], np.r_[loop[turn:], loop[0]][::-1]
        lower, upper = sorted(halves, key=lambda half: vertices[half, 1].mean())
        given[loop] = True
        inner = upper[1:-1]
        height = np.interp(closed[inner, 0], closed[lower, 0], closed[lower, 1])
        missing[inner, 1] = np.minimum(height - LID_OVERLAP - closed[inner, 1], 0)
    return follow_neighbours(missing, faces, ~given & (rings < len(vertices)))


def landmark_picker(flame: dict[str, np.ndarray]) -> sparse.csr_matrix:
    """(51, 5023): picks iBUG's inner landmarks from FLAME's vertices."""
    corners = flame["faces"][flame["landmark51_face"]]
    rows = np.repeat(np.arange(len(corners)), 3)
    weights = flame["landmark51_bary"].astype(float)
    return sparse.csr_matrix((weights.ravel(), (rows, corners.ravel())), shape=(len(corners), len(flame["template"])))


def place_ict(ict: dict[str, np.ndarray], flame: dict[str, np.ndarray]) -> tuple[float, np.ndarray, np.ndarray]:
    """``(scale, rotation (3, 3), shift (3,))`` that lay ICT's head (cm) onto FLAME's template (m), by the landmarks."""
    ict_landmarks = ict["neutral"][ict["landmarks_68"][ICT_LANDMARKS_INNER]].astype(float)
    return similarity(ict_landmarks, landmark_picker(flame) @ flame["template"].astype(float))


def ict_triangles(ict: dict[str, np.ndarray]) -> np.ndarray:
    """(F, 3): ICT's quads and triangles as triangles."""
    quads = ict["quads"]
    return np.vstack([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])


def carry_over(ict: dict[str, np.ndarray], flame: dict[str, np.ndarray], progress: Progress | None = None) -> Facs:
    """Register FLAME's template to ICT's generic head and carry all shapes over.

    ``ict`` and ``flame`` hold the arrays of ``ict_facekit.npz`` and ``flame_topology.npz``.
    """
    faces = flame["faces"].astype(np.int32)
    template = flame["template"].astype(float)
    landmarks = landmark_picker(flame)
    scale, rotation, shift = place_ict(ict, flame)
    ict_landmarks = ict["landmarks_68"][ICT_LANDMARKS_INNER]
    head = scale * ict["neutral"].astype(float) @ rotation.T + shift
    triangles = ict_triangles(ict)
    skin = Surface(head[:ICT_SKIN_END], triangles[(triangles < ICT_SKIN_END).all(1)])

    labels = component_labels(faces, len(template))
    body = labels == np.bincount(labels).argmax()
    body_faces = faces[body[faces].all(1)]
    hidden = ring_numbers(faces, list(SOCKET_POLES.values()), len(template)) <= SOCKET_RINGS
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
        fitted[ball] = centre + (template[ball] - own_centre) * (EYEBALL_SCALE * radius / own_radius)
        carried[:, ball] = carry_eyeball(head[first:last], source[:, first:last], fitted[ball])
    names = np.asarray(ict["expression_names"]).astype(str)
    for side, pole in SOCKET_POLES.items():
        blink = carried[list(names).index(f"eyeBlink_{side}")]
        blink += close_lids(fitted, blink, body_faces, pole)
    shapes = len(names)
    return Facs(
        names,
        carried[:shapes].astype(np.float32),
        fitted.astype(np.float32),
        carried[shapes:].astype(np.float32),
        faces,
    )


def read_sources(data_dir: str | Path) -> list[dict[str, np.ndarray]]:
    """The arrays of ``ict_facekit.npz`` and ``flame_topology.npz`` in ``data_dir``."""
    arrays = []
    for name, needed in SOURCES.items():
        try:
            found = read_npz(Path(data_dir) / name)
        except (OSError, ValueError) as error:
            raise TalkerError(f"{Path(data_dir) / name}: {error}; name the folder that holds it with --data") from None
        lacking = [part for part in needed.split() if part not in found]
        if lacking:
            raise TalkerError(f"{Path(data_dir) / name}: holds no {lacking[0]}; name the right folder with --data")
        arrays.append(found)
    return arrays


def make_facs(data_dir: str | Path, out: str | Path, progress: Progress | None = None) -> Path:
    """Make ``out`` (a :class:`Facs`) from ``ict_facekit.npz`` and ``flame_topology.npz`` in ``data_dir``."""
    arrays = read_sources(data_dir)
    facs = carry_over(arrays[0], arrays[1], progress)
    if facs.neutral.shape != (VERTEX_COUNT, 3):
        raise TalkerError(
            f"{data_dir}: flame_topology.npz holds {len(facs.neutral)} vertices, FLAME has {VERTEX_COUNT}"
        )
    return checkpoint.save(out, KIND, {}, vars(facs))
