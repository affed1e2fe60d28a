"""``assets/head.npz``: the canonical head with faces of our own, its geometry map and its regions."""

import logging
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ... import checkpoint
from ...face.flame import HEAD_KIND, IMAGE_SIZE, LOWER_LIP, UPPER_LIP, GeometryMap
from ...job import Progress
from .facs import SOCKET_POLES, SOCKET_RINGS, Facs, load_facs
from .geometry_map import geometry_map, map_loss_mm
from .surface import boundary_loops, component_labels, cycle, ring_numbers, unique_edges
from .triangulate import ball, delaunay, follow_creases
from .unwrap import close_holes, embed, equal_area, mean_value_weights, nearest_corners, on_circle, on_square

logger = logging.getLogger(__name__)

# Poses (shapes at 0.8) in which the demo head's faces must run along the creases.
POSES = (
    (),
    ("jawOpen",),
    ("eyeBlink_L", "eyeBlink_R"),
    ("mouthSmile_L", "mouthSmile_R"),
    ("mouthFunnel",),
    ("mouthPucker",),
    ("eyeWide_L", "eyeWide_R"),
    ("mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R"),
    ("mouthPress_L", "mouthPress_R"),
    ("browDown_L", "browDown_R", "eyeSquint_L", "eyeSquint_R"),
    ("mouthRollLower", "mouthRollUpper"),
)
# The face on the canonical head, in metres: in front of the ears, from under the chin to the hairline.
FACE_BACK, FACE_BOTTOM, FACE_TOP = -0.020, -0.115, 0.085
LIP_RINGS = (3, 4, 5)  # rings of edges around the mouth opening: where the lips touch, up to vertices 3546 and 3504
OPENING_RINGS = 12  # lips and lids, as rings of edges around the mouth opening and the sockets' poles
EARS_OUT, EAR_RINGS = 0.074, 6  # m from the middle: only the ears; rings of edges from there to the cheek
LID_MOTION = 0.0015  # m; what a blink moves farther than this belongs to the lids
EYE_STRIP = 0.12  # lower part of the texture square, for the eyeballs


def make_head(facs_path: str | Path, out: str | Path, progress: Progress | None = None) -> Path:
    """Compute the bundled head from what :func:`..geometry.make_facs` wrote. Equal input gives equal bytes."""
    report = progress or (lambda fraction, message: None)
    facs = load_facs(facs_path)
    neutral, faces = facs.neutral.astype(float), facs.faces
    labels = component_labels(faces, len(neutral))
    body = labels == np.bincount(labels).argmax()
    body_faces = faces[body[faces].all(1)]
    mouth_hole, neck = sorted(boundary_loops(body_faces), key=lambda loop: -neutral[loop, 1].mean())
    report(0.05, "faces")
    eyes = [np.flatnonzero(labels == number) for number in np.unique(labels[~body])]
    left, right = sorted(eyes, key=lambda eye: -neutral[eye, 0].mean())
    own_faces = demo_faces(facs, body_faces, mouth_hole, neck, (left, right))
    report(0.5, "texture coordinates")
    uv = texture_coordinates(neutral, body_faces, mouth_hole, neck, (left, right))
    report(0.7, "geometry map")
    region = face_region(neutral, faces, body)
    pixel_vertices, pixel_weights = geometry_map(neutral, region)
    rings = ring_numbers(faces, mouth_hole, len(neutral))
    arrays = {
        "vertices": facs.neutral,
        "faces": own_faces.astype(np.int32),
        "uv": uv.astype(np.float32),
        "pixel_vertices": pixel_vertices.astype(np.int32),
        "pixel_weights": pixel_weights.astype(np.float32),
        "left_eye": left.astype(np.int32),
        "right_eye": right.astype(np.int32),
        **regions(facs, region, rings),
    }
    loss = map_loss_mm(GeometryMap(pixel_vertices, pixel_weights), facs.deltas, np.unique(region))
    report(1.0, f"head; its geometry map loses {loss:.3f} mm rms on the FACS shapes")
    return checkpoint.save(out, HEAD_KIND, {"image_size": IMAGE_SIZE}, arrays)


def demo_faces(
    facs: Facs, body_faces: np.ndarray, mouth_hole: np.ndarray, neck: np.ndarray, eyes: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Faces (F, 3) of our own: Delaunay in a conformal flat map, diagonals along the creases, balls for the eyes."""
    neutral = facs.neutral.astype(float)
    count = int(body_faces.max()) + 1  # the body's vertices come first in FLAME's order
    closed = close_holes(body_faces, count, [mouth_hole])
    positions = np.vstack([neutral[:count], neutral[mouth_hole].mean(0)])
    flat = embed(mean_value_weights(positions, closed), neck, on_circle(positions, neck))
    names = list(facs.names)
    poses = [
        neutral + 0.8 * sum((facs.deltas[names.index(name)] for name in pose), np.zeros_like(neutral)) for pose in POSES
    ]
    poses = np.stack(poses)[:, :count]
    skin = follow_creases(delaunay(flat, mouth_hole), flat, poses)
    openings = np.r_[mouth_hole, list(SOCKET_POLES.values())]
    around = ring_numbers(body_faces, openings, count) <= OPENING_RINGS
    ears = np.flatnonzero(np.abs(neutral[:count, 0]) > EARS_OUT)
    around |= ring_numbers(body_faces, ears, count) <= EAR_RINGS
    skin = follow_creases(skin, flat, poses, around, heat=0.05, hot_passes=500)
    return np.vstack([skin, *(eye[ball(neutral[eye])] for eye in eyes)])


def texture_coordinates(
    neutral: np.ndarray, body_faces: np.ndarray, mouth_hole: np.ndarray, neck: np.ndarray, eyes: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Texture coordinates (5023, 2): the skin fills the square above a strip with the eyeballs seen from the front."""
    count = int(body_faces.max()) + 1
    closed = close_holes(body_faces, count, [mouth_hole])
    positions = np.vstack([neutral[:count], neutral[mouth_hole].mean(0)])
    angle = np.arctan2(positions[neck, 0], positions[neck, 2] - positions[neck, 2].mean())
    flat = equal_area(
        closed, neck, on_square(positions, neck, nearest_corners(neck, angle, (-45, 45, 135, -135))), np.ones(count + 1)
    )
    uv = np.zeros((len(neutral), 2))
    uv[:count] = flat[:count] * [1, 1 - EYE_STRIP] + [0, EYE_STRIP]
    for number, eye in enumerate(eyes):
        direction = neutral[eye] - neutral[eye].mean(0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        # Lambert's azimuthal equal-area projection around the line of sight
        disk = direction[:, :2] / np.sqrt(2 * (1 + np.maximum(direction[:, 2:], -0.999)))
        uv[eye] = [EYE_STRIP * (1.5 - number), EYE_STRIP / 2] + 0.48 * EYE_STRIP * disk / max(1.0, np.abs(disk).max())
    return uv


def face_region(neutral: np.ndarray, faces: np.ndarray, body: np.ndarray) -> np.ndarray:
    """FLAME's faces (F, 3) of the face: one piece with three holes, the mouth and the two eyes."""
    hidden = ring_numbers(faces, list(SOCKET_POLES.values()), len(neutral)) < SOCKET_RINGS
    inside = body & ~hidden & (neutral[:, 2] > FACE_BACK) & (neutral[:, 1] > FACE_BOTTOM) & (neutral[:, 1] < FACE_TOP)
    region = faces[inside[faces].all(1)]
    while True:
        labels = component_labels(region, len(neutral))
        region = region[labels[region[:, 0]] == np.bincount(labels[region[:, 0]]).argmax()]
        outer = np.zeros(len(neutral), bool)
        outer[max(boundary_loops(region), key=lambda loop: np.ptp(neutral[loop], axis=0).sum())] = True
        # a triangle with all corners on the border would become flat on a side of the square
        ears = outer[region].all(1)
        if not ears.any():
            return region
        region = region[~ears]


def lip_pairs(neutral: np.ndarray, faces: np.ndarray, rings: np.ndarray) -> np.ndarray:
    """Partners (P, 2), upper and lower, on three rings around the mouth: inner lip to the middle of the red.

    On each ring the upper and the lower lip run from corner to corner; partners lie at the same share of the way.
    """
    edges = unique_edges(faces)
    pairs = set()
    for ring in LIP_RINGS:
        loop = cycle(edges[(rings[edges] == ring).all(1)])
        rightmost, leftmost = neutral[loop, 0].argmin(), neutral[loop, 0].argmax()
        loop = np.roll(loop, -rightmost)
        turn = (leftmost - rightmost) % len(loop)
        halves = [loop[: turn + 1], np.r_[loop[turn:], loop[0]][::-1]]
        shares = []
        for half in halves:
            lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(neutral[half], axis=0), axis=1))]
            shares.append(lengths / lengths[-1])
        upper, lower = (
            (0, 1) if UPPER_LIP in halves[0] or neutral[halves[0], 1].mean() > neutral[halves[1], 1].mean() else (1, 0)
        )
        for own, other in ((upper, lower), (lower, upper)):
            for vertex, share in zip(halves[own][1:-1], shares[own][1:-1], strict=True):
                partner = halves[other][1:-1][np.abs(shares[other][1:-1] - share).argmin()]
                pairs.add((int(vertex), int(partner)) if own == upper else (int(partner), int(vertex)))
    pairs.add((UPPER_LIP, LOWER_LIP))
    return np.array(sorted(pairs, key=lambda pair: (neutral[pair[0], 0], pair)))


def regions(facs: Facs, faces: np.ndarray, rings: np.ndarray) -> dict[str, np.ndarray]:
    """Masks and vertex lists of the head (see :class:`..flame.Head`); ``faces`` are those of the face."""
    neutral = facs.neutral.astype(float)
    height = neutral[:, 1]
    on_face = np.zeros(len(neutral), bool)
    on_face[faces] = True
    pairs = lip_pairs(neutral, facs.faces, rings)
    lips = np.flatnonzero((rings >= LIP_RINGS[0] - 1) & (rings <= LIP_RINGS[-1] + 2))
    corners = neutral[[lips[neutral[lips, 0].argmin()], lips[neutral[lips, 0].argmax()]]]
    blink = [np.linalg.norm(facs.deltas[list(facs.names).index(name)], axis=1) for name in ("eyeBlink_L", "eyeBlink_R")]
    lids = on_face & (np.maximum(*blink) > LID_MOTION)
    return {
        "lip_pairs": pairs.astype(np.int32),
        "lips": lips.astype(np.int32),
        "mouth_corners": np.flatnonzero(on_face & (_distance(neutral, corners) < 0.005)).astype(np.int32),
        "mouth": _falling(_distance(neutral, neutral[lips]), 0.010, 0.035).astype(np.float32),
        "upper_face": (1 - _falling(height, -0.012, 0.010)).astype(np.float32),
        "eye_region": np.flatnonzero(on_face & (_distance(neutral, neutral[lids]) < 0.004)).astype(np.int32),
        "forehead": np.flatnonzero(on_face & (height > 0.038)).astype(np.int32),
        "face": on_face.astype(np.float32),
    }


def _falling(values: np.ndarray, one: float, zero: float) -> np.ndarray:
    """A mask that is 1 up to ``one``, 0 from ``zero`` on and smooth between."""
    t = np.clip((values - one) / (zero - one), 0, 1)
    return 1 - t * t * (3 - 2 * t)


def _distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return cKDTree(others).query(points)[0]
