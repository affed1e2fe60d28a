"""``assets/mouth.npz``: ICT-FaceKit's teeth, gums and tongue in FLAME's head, with fewer triangles, and a lining.

ICT's parts come to FLAME's head by the similarity that brought its face there (:mod:`.facs`), lose the roots that no
one sees and two thirds of their vertices, and keep ICT's own jaw motions. The lining, which closes the mouth between
FLAME's lips and the gums, is ours: rings that leave FLAME's mouth opening, pass around the convex hull of gums and
teeth and meet behind the throat.
"""

import logging
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from ... import checkpoint
from ...errors import TalkerError
from ...face.mouth import KIND, PARTS, Mouth
from ...job import Progress
from .decimate import decimate
from .facs import Facs, ict_triangles, load_facs, place_ict, read_sources
from .surface import boundary_loops, component_labels, triangle_normals, vertex_normals

logger = logging.getLogger(__name__)

# Ranges of ICT's vertices
_GUMS, _TEETH, _LOWER_TEETH_START = slice(14062, 17039), slice(17039, 21451), 19247
# The tongue is one surface with the gums: those of its vertices that come last, but for the uvula behind them
_TONGUE_START, _TONGUE_BACK = 16450, 0.0265  # index; cm·0.01 from the back of the throat
_TEETH_KEPT, _GUMS_KEPT = 0.85, 0.4  # share of the vertices
_ROOT_DEPTH = 0.0012  # m; what lies deeper behind the gums is never seen
_BACK = 0.0015  # m; FLAME's lips are closed surfaces inside too: teeth stand back by this
_JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft")
_DETECTOR_COUNT = 240
_DETECTOR_NOISE = 2e-4  # m; what FLAME's surface may move for other reasons than the named shapes
_VESTIBULE_RINGS, _THROAT_RINGS = 5, 6
_MARGIN = 0.0008  # m between the lining and what it lines
_LINING_PULL = 0.012  # m; the lining's inner part moves as the gums within about this distance


def make_mouth(facs_path: str | Path, data_dir: str | Path, out: str | Path, progress: Progress | None = None) -> Path:
    """Make ``out`` (a :class:`Mouth`) from the shapes of ``corpus geometry`` and ICT's mesh in ``data_dir``."""
    report = progress or (lambda fraction, message: None)
    facs = load_facs(facs_path)
    mouth = build_mouth(facs, *read_sources(data_dir))
    report(1.0, f"mouth of {len(mouth.vertices)} vertices, {len(mouth.faces)} triangles")
    arrays: dict[str, np.ndarray] = {
        "vertices": mouth.vertices.astype(np.float32),
        "faces": mouth.faces.astype(np.uint16),
        "parts": mouth.parts.astype(np.uint8),
        "jaw": mouth.jaw.astype(np.float16),
        "lip_vertices": mouth.lip_vertices.astype(np.int32),
        "lip_weights": mouth.lip_weights.astype(np.float32),
        "detector_vertices": mouth.detector_vertices.astype(np.int32),
        "detector": mouth.detector.astype(np.float32),
    }
    return checkpoint.save(out, KIND, {"parts": list(PARTS)}, arrays)


def build_mouth(facs: Facs, ict: dict[str, np.ndarray], flame: dict[str, np.ndarray]) -> Mouth:
    """The canonical head's mouth from the arrays of ``ict_facekit.npz`` and ``flame_topology.npz``."""
    scale, rotation, shift = place_ict(ict, flame)
    head = scale * ict["neutral"].astype(float) @ rotation.T + shift - [0.0, 0.0, _BACK]
    names = [str(name) for name in ict["expression_names"]]
    missing = [name for name in _JAW_SHAPES if name not in names]
    if missing:
        raise TalkerError(f"ict_facekit.npz has no shape {missing[0]}; name the folder that holds it with --data")
    jaw = np.stack([ict["expression_deltas"][names.index(name)] for name in _JAW_SHAPES]).astype(float)
    jaw = jaw * scale @ rotation.T
    triangles = ict_triangles(ict)

    pieces = [_gums(head, triangles, jaw), _teeth(head, triangles, jaw)]
    inner = np.concatenate([piece[0] for piece in pieces])
    inner_jaw = np.concatenate([piece[3] for piece in pieces], axis=1)
    loop = mouth_opening(facs)
    places, faces, lip_vertices, lip_weights = lining(facs.neutral.astype(float), loop, inner)
    pieces.append((places, faces, np.full(len(faces), PARTS.index("lining")), _carried(places, inner, inner_jaw)))

    starts = np.cumsum([0] + [len(piece[0]) for piece in pieces])
    still = starts[-2]
    vertices, weights = detector(facs, loop)
    return Mouth(
        vertices=np.concatenate([piece[0] for piece in pieces]),
        faces=np.concatenate([piece[1] + start for piece, start in zip(pieces, starts, strict=False)]),
        parts=np.concatenate([piece[2] for piece in pieces]),
        jaw=np.concatenate([piece[3] for piece in pieces], axis=1),
        lip_vertices=np.r_[np.full(still, loop[0]), lip_vertices],
        lip_weights=np.r_[np.zeros(still), lip_weights],
        detector_vertices=vertices,
        detector=weights,
    )


def mouth_opening(facs: Facs) -> np.ndarray:
    """FLAME's vertices (B,) around its mouth opening, in order."""
    labels = component_labels(facs.faces, len(facs.neutral))
    body = labels == np.bincount(labels).argmax()
    loops = boundary_loops(facs.faces[body[facs.faces].all(1)])
    return max(loops, key=lambda loop: facs.neutral[loop, 1].mean())


Piece = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _gums(head: np.ndarray, triangles: np.ndarray, jaw: np.ndarray) -> Piece:
    start, stop = _GUMS.start, _GUMS.stop
    inside = ((triangles >= start) & (triangles < stop)).all(1)
    faces = triangles[inside] - start
    vertices = head[start:stop]
    tongue = np.arange(start, stop) >= _TONGUE_START
    tongue &= vertices[:, 2] > vertices[:, 2].min() + _TONGUE_BACK
    places, made, nearest = decimate(vertices, faces, round(_GUMS_KEPT * len(vertices)))
    parts = np.where(tongue[nearest][made].sum(1) >= 2, PARTS.index("tongue"), PARTS.index("gums"))
    return places, made, parts, jaw[:, start:stop][:, nearest]


def _teeth(head: np.ndarray, triangles: np.ndarray, jaw: np.ndarray) -> Piece:
    start, stop = _TEETH.start, _TEETH.stop
    faces = triangles[((triangles >= start) & (triangles < stop)).all(1)] - start
    gums = triangles[((triangles >= _GUMS.start) & (triangles < _GUMS.stop)).all(1)]
    normals = vertex_normals(head, gums)[_GUMS]
    near = cKDTree(head[_GUMS]).query(head[start:stop], 6)[1]
    depth = np.einsum("nkd,nkd->nk", head[start:stop, None] - head[_GUMS][near], normals[near]).mean(1)
    faces = faces[(depth[faces] > -_ROOT_DEPTH).any(1)]
    used = np.unique(faces)
    local = np.searchsorted(used, faces)
    places, made, nearest = decimate(head[start:stop][used], local, round(_TEETH_KEPT * len(used)))
    lower = used[nearest] + start >= _LOWER_TEETH_START
    # a tooth is rigid: every vertex of the lower row moves by the same affine map, the upper row not at all
    rigid = _affine(head[_LOWER_TEETH_START:stop], jaw[:, _LOWER_TEETH_START:stop], places) * lower[:, None]
    return places, made, np.full(len(made), PARTS.index("teeth")), rigid


def _affine(points: np.ndarray, deltas: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Deltas (S, M, 3) at ``places`` (M, 3) of the affine maps that fit ``deltas`` (S, N, 3) at ``points`` (N, 3)."""
    basis = np.hstack([points, np.ones((len(points), 1))])
    maps = np.linalg.pinv(basis) @ deltas
    return np.hstack([places, np.ones((len(places), 1))]) @ maps


def _carried(places: np.ndarray, inner: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Deltas (S, M, 3) at ``places`` as a mean of the ``deltas`` (S, N, 3) of the ``inner`` (N, 3) points around."""
    weights = np.exp(-0.5 * (((places[:, None] - inner[None]) / _LINING_PULL) ** 2).sum(-1))
    return np.einsum("mn,snd->smd", weights / weights.sum(1, keepdims=True), deltas)


def lining(
    neutral: np.ndarray, loop: np.ndarray, inner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A bag from the mouth opening ``loop`` (B,) of the head ``neutral`` (5023, 3) around the ``inner`` points (N, 3).

    Returns its vertices (M, 3), faces (F, 3) that look into the mouth, the loop's vertex each one follows (M,) and how
    much (M,): 1 at the rim, 0 from the fold behind the lips on.
    """
    hull = ConvexHull(inner)
    rim = neutral[loop]
    angle = _even_angles(rim)
    centre = np.array([inner[:, 0].mean(), (inner[:, 1].min() + inner[:, 1].max()) / 2])
    outward = np.stack([np.cos(angle), np.sin(angle), np.zeros(len(angle))], axis=1)
    depths = np.linspace(inner[:, 2].max() - _MARGIN, inner[:, 2].min() - _MARGIN, 60)[1:-1]
    axis = np.stack([np.full_like(depths, centre[0]), np.full_like(depths, centre[1]), depths], axis=1)
    radius = np.stack([_exit(hull, point, outward) for point in axis], axis=1) + _MARGIN  # (B, 58)
    widest = (radius > radius.max(1, keepdims=True) - 0.002).argmax(1)  # the foremost place near the widest
    fold = axis[widest] + radius[np.arange(len(loop)), widest][:, None] * outward
    rings, shares = [rim], [np.ones(len(loop))]
    push = outward * 0.5 + [0.0, 0.0, 0.9]
    for share in np.arange(1, _VESTIBULE_RINGS) / _VESTIBULE_RINGS:
        rings.append(_pushed_out(hull, (1 - share) * rim + share * fold, push))
        shares.append(np.full(len(loop), 1 - share * share * (3 - 2 * share)))
    for share in np.arange(_THROAT_RINGS) / _THROAT_RINGS:
        place = widest + share * (len(depths) - 1 - widest)
        below = place.astype(int)
        above, part = np.minimum(below + 1, len(depths) - 1), (place - below)[:, None]
        row = np.arange(len(loop))
        ends = [axis[at] + radius[row, at][:, None] * outward for at in (below, above)]
        rings.append((1 - part) * ends[0] + part * ends[1])
        shares.append(np.zeros(len(loop)))
    end = np.array([[*centre, depths[-1] - 0.001]])
    count, size = len(rings), len(loop)
    first = (np.arange(count - 1)[:, None] * size + np.arange(size)).ravel()
    after = (np.arange(count - 1)[:, None] * size + (np.arange(size) + 1) % size).ravel()
    last = (count - 1) * size + np.arange(size)
    faces = np.vstack([
        np.stack([first, after, first + size], axis=1),
        np.stack([after, after + size, first + size], axis=1),
        np.stack([last, np.roll(last, -1), np.full(size, count * size)], axis=1),
    ])  # fmt: skip
    vertices = np.vstack([*rings, end])
    if np.einsum("fd,fd->f", triangle_normals(vertices, faces), vertices[faces].mean(1) - inner.mean(0)).sum() > 0:
        faces = faces[:, ::-1]
    return vertices, faces, np.r_[np.tile(loop, count), loop[0]], np.r_[np.concatenate(shares), 0.0]


def _even_angles(rim: np.ndarray) -> np.ndarray:
    """Angle (B,) of each rim point (B, 3) around the mouth: corners at 0 and π, even shares of the way between."""
    left, right = rim[:, 0].argmax(), rim[:, 0].argmin()
    steps = np.linalg.norm(np.roll(rim, -1, axis=0) - rim, axis=1)
    order = np.roll(np.arange(len(rim)), -left)
    way = np.r_[0, np.cumsum(steps[order])]
    turn = int((right - left) % len(rim))
    upper = rim[order[: turn + 1], 1].mean() > rim[order[turn:], 1].mean()
    way, whole = way[:-1], way[-1]
    share = np.where(np.arange(len(rim)) <= turn, way / way[turn], 1 + (way - way[turn]) / (whole - way[turn]))
    angle = np.empty(len(rim))
    angle[order] = np.pi * share * (1 if upper else -1)
    return angle


def _exit(hull: ConvexHull, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How far (B,) from ``point`` (3,) in each direction (B, 3) the hull ends; 0 where the point is outside."""
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    room = -(normals @ point + offsets)
    if (room < 0).any():
        return np.zeros(len(directions))
    speed = directions @ normals.T
    return np.where(speed > 1e-9, room / np.maximum(speed, 1e-9), np.inf).min(1)


def _pushed_out(hull: ConvexHull, points: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Points (B, 3), those inside the hull moved along ``directions`` (B, 3) until :data:`_MARGIN` outside it."""
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    missing = _MARGIN - (points @ normals.T + offsets)
    speed = directions @ normals.T
    way = np.where(speed > 1e-9, missing / np.maximum(speed, 1e-9), np.inf).min(1)
    return points + np.clip(way, 0, None)[:, None] * directions


def detector(facs: Facs, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (D,) of the lower face and the linear map (3, D, 3) from their displacements to the jaw's motions.

    The ridge solution that answers 1 to each jaw shape, -1 to jawRight and 0 to every other FACS shape.
    """
    names = list(facs.names)
    size = np.linalg.norm(facs.deltas[[names.index(name) for name in _JAW_SHAPES]], axis=2).max(0)
    near = np.flatnonzero(size > 0.25 * size.max())
    distance = np.linalg.norm(facs.neutral[near] - facs.neutral[loop].mean(0), axis=1)
    near = near[np.argsort(distance)[: 5 * _DETECTOR_COUNT]]
    vertices = np.sort(near[np.linspace(0, len(near) - 1, _DETECTOR_COUNT).astype(int)])
    shapes = facs.deltas[:, vertices].reshape(len(names), -1).astype(float)
    wanted = np.zeros((len(names), len(_JAW_SHAPES)))
    for column, name in enumerate(_JAW_SHAPES):
        wanted[names.index(name), column] = 1
    wanted[names.index("jawRight"), _JAW_SHAPES.index("jawLeft")] = -1
    noise = _DETECTOR_NOISE**2 * shapes.shape[1]
    weights = shapes.T @ np.linalg.solve(shapes @ shapes.T + noise * np.eye(len(names)), wanted)
    worst = np.abs(shapes @ weights - wanted).max()
    logger.info("jaw detector: at most %.3f of a jaw shape off on the FACS shapes", worst)
    return vertices, weights.T.reshape(len(_JAW_SHAPES), -1, 3)
