"""Where MediaPipe's face landmarks lie on the canonical head: a barycentric point for each, from their mean shape.

MediaPipe numbers 478 points and publishes no mesh that we could ship. The rims of lids and lips are known on both
sides; a thin-plate spline through them carries the mean shape of the measured faces to the head, seen from the front,
and every other landmark is the foremost point of the skin there.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from ...face.flame import load_head
from .facs import Facs
from .surface import component_labels

# The chains run from the head's right (the picture's left) to its left.
UPPER_LIP_RIM: tuple[int, ...] = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP_RIM: tuple[int, ...] = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIP_EDGE: tuple[int, ...] = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_LIP_EDGE: tuple[int, ...] = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
RIGHT_UPPER_LID: tuple[int, ...] = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID: tuple[int, ...] = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID: tuple[int, ...] = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_LOWER_LID: tuple[int, ...] = (362, 382, 381, 380, 374, 373, 390, 249, 263)
UPPER_CHAINS = (UPPER_LIP_RIM, RIGHT_UPPER_LID, LEFT_UPPER_LID)
LOWER_CHAINS = (LOWER_LIP_RIM, RIGHT_LOWER_LID, LEFT_LOWER_LID)
# FLAME's vertices of the same rims: of the lips the pairs that stand furthest apart at rest, of the lids the fourth
# ring around each eye's socket.
_UPPER_LIP: tuple[int, ...] = (2848, 2851, 2784, 2865, 2866, 3546, 1751, 1750, 1737, 1736, 1733)
_LOWER_LIP: tuple[int, ...] = (2894, 2895, 2885, 2907, 2938, 3504, 1849, 1804, 1787, 1792, 1791)
_LIDS: tuple[tuple[int, ...], ...] = (
    (2406, 2451, 2453, 2495, 3689, 2494, 2491, 2486, 3632),
    (3833, 1331, 1340, 1343, 3855, 1344, 1218, 1216, 1170),
    (2406, 2267, 2359, 2358, 2355, 2276, 2273, 2505, 3632),
    (3833, 1354, 824, 827, 991, 994, 995, 807, 1170),
)
NOSE_TIP, CHIN = 1, 152
RIGHT_PUPIL, LEFT_PUPIL = 468, 473
IRIS_RIMS = (469, 470, 471, 472, 474, 475, 476, 477)
# Points that speech hardly moves: temples and forehead, bridge and back of the nose, corners of the eyes.
STILL: tuple[int, ...] = (
    10,
    338,
    297,
    332,
    284,
    251,
    389,
    356,
    454,
    109,
    67,
    103,
    54,
    21,
    162,
    127,
    234,
    168,
    6,
    197,
    195,
    5,
    4,
)
STILL += (33, 133, 362, 263)
# The outline of the face, which is where the cheek turns away rather than a point of the skin; the chin is apart.
OVAL = (93, 132, 58, 172, 136, 150, 149, 323, 361, 288, 397, 365, 379, 378)


@dataclass(frozen=True)
class LandmarkMap:
    """``index`` (L,) MediaPipe's numbers; ``vertices``, ``weights`` (L,3): three vertices of the head and their shares.

    Rims of the irises are left out: the pupils tell the same with less noise.
    """

    index: np.ndarray
    vertices: np.ndarray
    weights: np.ndarray

    def points(self, values: np.ndarray) -> np.ndarray:
        """Values (…,L,D) at the landmarks of values (…,5023,D) at the vertices."""
        return np.einsum("lk,...lkd->...ld", self.weights, values[..., self.vertices, :])

    def rows(self, numbers: tuple[int, ...]) -> np.ndarray:
        """Rows of the landmarks with these ``numbers``."""
        place = {int(number): row for row, number in enumerate(self.index)}
        return np.array([place[number] for number in numbers if number in place])


def place_landmarks(facs: Facs, index: np.ndarray, mean: np.ndarray) -> LandmarkMap:
    """The map of landmarks ``index`` (L,), whose mean shape from the front is ``mean`` (L,2), y up, in any unit."""
    rims = rim_points(facs)
    row = {int(number): place for place, number in enumerate(index)}
    sources, targets = [], []
    for upper, lower in zip(UPPER_CHAINS, LOWER_CHAINS, strict=True):
        for pair in zip(
            upper, lower, strict=True
        ):  # where the two rims meet: a mouth is shut or open, the middle stays
            sources.append(mean[[row[number] for number in pair]].mean(axis=0))
            targets.append(facs.neutral[[vertex for number in pair for vertex in rims[number]]].mean(axis=0)[:2])
    for number, vertex in _middle_line(facs).items():
        sources.append(mean[row[number]])
        targets.append(facs.neutral[vertex, :2])
    carried = RBFInterpolator(np.array(sources), np.array(targets), kernel="thin_plate_spline", smoothing=1.0)(mean)

    labels = component_labels(facs.faces, len(facs.neutral))
    body = labels == np.bincount(labels).argmax()
    skin = facs.faces[body[facs.faces].all(axis=1)]
    kept, vertices, weights = [], [], []
    for number, place in zip(index.tolist(), carried, strict=True):
        if number in IRIS_RIMS:
            continue
        if number in rims:
            chosen = rims[number]
            corners, shares = np.resize(chosen, 3), np.eye(3)[0] if len(chosen) == 1 else np.array([0.5, 0.5, 0.0])
        else:
            corners, shares = _foremost(facs.neutral, skin, place)
        kept.append(number)
        vertices.append(corners)
        weights.append(shares)
    return LandmarkMap(np.array(kept), np.array(vertices), np.array(weights))


def rim_points(facs: Facs) -> dict[int, list[int]]:
    """Vertices (one, or two to be averaged) of the landmarks on the rims of lids and lips, and of the pupils."""
    result: dict[int, list[int]] = {}
    for chain, rim in ((UPPER_LIP_RIM, _UPPER_LIP), (LOWER_LIP_RIM, _LOWER_LIP)):
        result |= {number: [vertex] for number, vertex in zip(chain, rim, strict=True)}
    for place in (0, -1):  # the corners of the mouth, where the rims meet
        result[UPPER_LIP_RIM[place]] = [_UPPER_LIP[place], _LOWER_LIP[place]]
    for chain, rim in zip((*UPPER_CHAINS[1:], *LOWER_CHAINS[1:]), _LIDS, strict=True):
        result |= {number: [vertex] for number, vertex in zip(chain, rim, strict=True)}
    head = load_head()
    for number, ball in ((LEFT_PUPIL, head.left_eye), (RIGHT_PUPIL, head.right_eye)):
        result[number] = [int(ball[facs.neutral[ball, 2].argmax()])]
    return result


def _middle_line(facs: Facs) -> dict[int, int]:
    """Vertices of the tip of the nose and of the chin's lowest point."""
    head = load_head()
    middle = np.flatnonzero((np.abs(facs.neutral[:, 0]) < 0.003) & (head.face > 0.5) & (facs.neutral[:, 2] > 0.02))
    z, y = facs.neutral[middle, 2], facs.neutral[middle, 1]
    return {NOSE_TIP: int(middle[z.argmax()]), CHIN: int(middle[y.argmin()])}


def _foremost(neutral: np.ndarray, faces: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The foremost point of the skin at ``place`` (2,), seen from the front: its triangle (3,) and shares (3,).

    Beside the head: the vertex that is nearest in the picture.
    """
    corners = neutral[faces][:, :, :2].astype(float)
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    w = place - corners[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        second = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
        third = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    shares = np.stack([1 - second - third, second, third], axis=1)
    inside = np.flatnonzero((shares >= -1e-9).all(axis=1) & (np.abs(area) > 1e-12))
    if len(inside):
        depth = np.einsum("nk,nk->n", shares[inside], neutral[faces[inside]][:, :, 2])
        best = inside[depth.argmax()]
        return faces[best], shares[best]
    used = np.unique(faces)
    front = used[neutral[used, 2] > neutral[used, 2].mean() - 0.03]
    nearest = front[np.linalg.norm(neutral[front, :2] - place, axis=1).argmin()]
    return np.array([nearest] * 3), np.array([1.0, 0.0, 0.0])
