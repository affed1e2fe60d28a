"""FACS weights, head pose and identity from landmarks of a face in video, by fitting the canonical head.

A camera far away sees a scaled rotation of the head (weak perspective). Pose comes from the points that speech hardly
moves; with it the picture is turned to the front, where the FACS shapes add linearly. The weights are a non-negative,
regularised least squares of all frames at once; the gap between the lips, which is measured best of all and matters
most, is then met exactly. Depth is not seen: what only moves forwards (most of a pucker) is inferred from the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from ..geometry import landmark_map
from ..geometry.facs import Facs
from ..geometry.landmark_map import LandmarkMap
from .coarticulation import FRAME_RATE

# Inner lips, upper and lower: the middle and a little to both sides. The mean of the three is the gap.
GAP_PAIRS = ((13, 14), (82, 87), (312, 317))
_MIRRORED = ((33, 263), (133, 362), (61, 291), (234, 454), (127, 356), (58, 288))
# Shapes that the fit uses, left and right together where a camera and the speech network do not tell them apart.
_PAIRED = "browDown browInnerUp browOuterUp eyeBlink eyeSquint eyeWide mouthSmile mouthStretch".split()
_TOGETHER = "mouthPress mouthUpperUp mouthLowerDown".split()
_SINGLE = "jawOpen mouthClose mouthPucker mouthFunnel mouthRollLower mouthRollUpper".split()
_GAZE = "eyeLookDown eyeLookUp eyeLookIn eyeLookOut".split()
_STIFFNESS = {"eyeBlink": 0.02, "eyeLook": 0.02, "mouthPucker": 0.1, "mouthRoll": 0.2, "mouthPress": 0.2}
_SWEEPS = 60


@dataclass(frozen=True)
class Fitted:
    """One clip at its camera's rate: ``weights`` (T,57); ``pose`` (T,6): rotation vector, place in mm of the head's
    middle in the picture (x, y) and mm a pixel; ``seen`` (T,3): gap, width and protrusion of the mouth in mm, as
    measured; ``error_px``, ``error_mm``: root mean square distance of the landmarks from where the fit has them."""

    weights: np.ndarray
    pose: np.ndarray
    seen: np.ndarray
    error_px: float
    error_mm: float


@dataclass(frozen=True)
class Person:
    """What is one person's own: ``identity`` (I,) coefficients, ``rest`` (L,3) mm their landmarks with a shut mouth."""

    identity: np.ndarray
    rest: np.ndarray


def mean_shape(index: np.ndarray, shapes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean (L,2), from the front, of landmark ``shapes`` (L,3) of several people, y up."""
    row = {int(number): place for place, number in enumerate(index)}
    turned = []
    for shape in shapes:
        pairs = np.array([shape[row[b]] - shape[row[a]] for a, b in _MIRRORED])
        across = pairs.sum(axis=0)
        width = np.linalg.norm(across)
        rotation, _ = Rotation.align_vectors([[1.0, 0, 0], [0, 1.0, 0]], [across / width, [0, 1.0, 0]], [1e3, 1.0])
        turned.append(rotation.apply(shape - shape.mean(axis=0)) / width)
    return np.mean(turned, axis=0)[:, :2]


class FaceFit:
    """Fits the canonical head of ``facs`` to landmarks ``index`` (L,); ``shapes``: one (L,3) at least of each person,
    to find the landmarks on the head."""

    def __init__(self, facs: Facs, index: np.ndarray, shapes: Sequence[np.ndarray]):
        self.map: LandmarkMap = landmark_map.place_landmarks(facs, index, mean_shape(index, shapes))
        row = {int(number): place for place, number in enumerate(index)}
        self._columns = np.array([row[int(number)] for number in self.map.index])
        self._row = {int(number): place for place, number in enumerate(self.map.index)}
        self._neutral = 1000 * self.map.points(facs.neutral.astype(float))
        self._identities = 1000 * self.map.points(facs.identities.astype(float))
        self._names = [str(name) for name in facs.names]
        self._still = self.map.rows(landmark_map.STILL)
        self._channels, self._mixture = _channels(self._names)
        deltas = 1000 * self.map.points(facs.deltas.astype(float))
        self._basis = np.einsum("ks,sld->kld", self._mixture, deltas)
        self._trust = self._weights()

    def person(self, clips: Sequence[np.ndarray]) -> Person:
        """A speaker's rest and identity from all their clips (T,L',3) px."""
        points = np.concatenate([clip[:, self._columns] for clip in clips])
        rest = self._neutral.copy()
        identity = np.zeros(len(self._identities))
        still = _shut_frames(points, self._row)
        flat = self._identities[:, :, :2].reshape(len(identity), -1)
        for _ in range(3):
            front, _ = self.turn_to_front(points[still], rest)
            median = np.median(front[..., :2], axis=0)
            wanted = (median - self._neutral[:, :2]).ravel()
            identity = np.linalg.solve(flat @ flat.T + 30.0 * np.eye(len(flat)), flat @ wanted)
            rest = self._neutral + np.tensordot(identity, self._identities, 1)
            rest[:, :2] = median
        return Person(identity, rest)

    def turn_to_front(self, points: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (T,L,3) mm as seen from the front, z the camera's guess, and the pose (T,6) of :class:`Fitted`."""
        model = rest[self._still]
        picture = points[:, self._still, :2]
        middle = model.mean(axis=0)
        rotation, scale, place = _weak_perspective(picture, model - middle)
        depth = (points[..., 2] - points[:, self._still, 2].mean(axis=1, keepdims=True)) / scale[:, None]
        flat = (points[..., :2] - place[:, None]) / scale[:, None, None]
        # Undo the rotation in the picture's plane, at the depth that the head has there.
        known = rest[:, 2] - middle[2]
        rows = rotation[:, :2, :2]
        rest_of = rotation[:, :2, 2][:, None, :] * known[None, :, None]
        front = np.einsum("tij,tlj->tli", np.linalg.inv(rows), flat - rest_of) + middle[:2]
        seen = np.concatenate([flat, depth[..., None]], axis=2)
        turned_depth = np.einsum("tj,tlj->tl", rotation[:, :, 2], seen) + middle[2]
        pose = np.concatenate(
            [Rotation.from_matrix(rotation).as_rotvec(), place / scale[:, None], 1 / scale[:, None]], axis=1
        )
        return np.concatenate([front, turned_depth[..., None]], axis=2), pose

    def fit(self, clip: np.ndarray, person: Person) -> Fitted:
        """The weights of one clip (T,L',3) px."""
        points = clip[:, self._columns]
        front, pose = self.turn_to_front(points, person.rest)
        moved = front[..., :2] - person.rest[None, :, :2]
        basis = self._basis[:, :, :2].reshape(len(self._channels), -1)
        trusted = basis * np.repeat(self._trust, 2)
        gram = trusted @ basis.T + np.diag(self._stiff())
        wanted = moved.reshape(len(moved), -1) @ trusted.T
        solved = _non_negative(gram, wanted)
        left = (moved.reshape(len(moved), -1) - solved @ basis).reshape(len(moved), -1, 2)
        error = float(np.sqrt(np.square(left).sum(axis=2).mean()))
        pixels = float(np.sqrt((np.square(left).sum(axis=2) / pose[:, 5:] ** 2).mean()))
        return Fitted(solved @ self._mixture, pose, self._seen(front, person), pixels, error)

    def _seen(self, front: np.ndarray, person: Person) -> np.ndarray:
        def apart(a: int, b: int, points: np.ndarray) -> np.ndarray:
            return np.linalg.norm(points[..., self._row[a], :2] - points[..., self._row[b], :2], axis=-1)

        gap = np.mean([apart(a, b, front) for a, b in GAP_PAIRS], axis=0)
        width = apart(61, 291, front)
        lips = [self._row[number] for number in (0, 13, 14, 17)]
        protrusion = front[:, lips, 2].mean(axis=1)
        return np.stack([gap, width, protrusion], axis=1)

    def _weights(self) -> np.ndarray:
        trust = np.full(len(self.map.index), 0.5)
        for chain in (landmark_map.UPPER_LIP_RIM, landmark_map.LOWER_LIP_RIM):
            trust[self.map.rows(chain)] = 4.0
        for chain in (landmark_map.UPPER_LIP_EDGE, landmark_map.LOWER_LIP_EDGE):
            trust[self.map.rows(chain)] = 2.0
        for chain in (*landmark_map.UPPER_CHAINS[1:], *landmark_map.LOWER_CHAINS[1:]):
            trust[self.map.rows(chain)] = 1.0
        trust[self._still] = 0.1
        trust[self.map.rows(landmark_map.OVAL)] = 0.1
        return trust

    def _stiff(self) -> np.ndarray:
        size = np.einsum("kld,l->k", np.square(self._basis[:, :, :2]), self._trust)
        share = [next((v for k, v in _STIFFNESS.items() if name.startswith(k)), 0.05) for name in self._channels]
        return np.array(share) * np.median(size)


def _channels(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Names (K,) of what is fitted, and how each is made of the shapes: (K,57)."""
    channels, rows = [], []

    def add(name: str, *parts: str) -> None:
        row = np.zeros(len(names))
        for part in parts:
            row[names.index(part)] = 1.0
        channels.append(name)
        rows.append(row)

    for name in _SINGLE:
        add(name, name)
    for name in _TOGETHER:
        add(name, f"{name}_L", f"{name}_R")
    for name in (*_PAIRED, *_GAZE):
        for side in "LR":
            add(f"{name}_{side}", f"{name}_{side}")
    return channels, np.array(rows)


def _shut_frames(points: np.ndarray, row: dict[int, int]) -> np.ndarray:
    """Frames of (T,L,3) in which the mouth rests: of the tenth with the narrowest gap."""
    gap = np.mean([np.linalg.norm(points[:, row[a], :2] - points[:, row[b], :2], axis=1) for a, b in GAP_PAIRS], axis=0)
    return np.flatnonzero(gap <= np.percentile(gap, 10))


def _weak_perspective(picture: np.ndarray, model: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (T,3,3), scales (T,) and places (T,2) that take ``model`` (L,3), about its middle, to (T,L,2)."""
    place = picture.mean(axis=1)
    rotation, scale = np.tile(np.eye(3), (len(picture), 1, 1)), np.ones(len(picture))
    centred = picture - place[:, None]
    for _ in range(12):
        turned = np.einsum("tij,lj->tli", rotation, model)
        scale = (turned[..., :2] * centred).sum((1, 2)) / np.square(turned[..., :2]).sum((1, 2))
        # Gauss and Newton's step of the rotation; in the picture d(R x) = w x (R x)
        x, y, z = np.moveaxis(turned, 2, 0)
        zero = np.zeros_like(x)
        jacobian = scale[:, None, None, None] * np.stack(
            [np.stack([zero, z, -y], axis=2), np.stack([-z, zero, x], axis=2)], axis=2
        )
        flat = jacobian.reshape(len(picture), -1, 3)
        left = (centred - scale[:, None, None] * turned[..., :2]).reshape(len(picture), -1)
        normal = np.einsum("tni,tnj->tij", flat, flat)
        normal = normal + 1e-3 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
        step = np.linalg.solve(normal, np.einsum("tni,tn->ti", flat, left)[..., None])[..., 0]
        rotation = Rotation.from_rotvec(step).as_matrix() @ rotation
    return rotation, scale, place


def _non_negative(gram: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weights (T,K) >= 0 that minimise w gram w - 2 w wanted, row by row of ``wanted`` (T,K): coordinate descent."""
    result = np.maximum(wanted @ np.linalg.inv(gram), 0)
    for _ in range(_SWEEPS):
        for k in range(len(gram)):
            step = (wanted[:, k] - result @ gram[:, k]) / gram[k, k]
            result[:, k] = np.maximum(result[:, k] + step, 0)
    return result


def at_frame_rate(values: np.ndarray, fps: float, frames: int) -> np.ndarray:
    """Values (T,D) at ``fps`` as (frames,D) at 60 a second: cubic in between, within their range, the last held."""
    times = np.arange(len(values)) / fps
    wanted = np.minimum(np.arange(frames) / FRAME_RATE, times[-1])
    return np.clip(CubicSpline(times, values, axis=0)(wanted), values.min(axis=0), values.max(axis=0))
