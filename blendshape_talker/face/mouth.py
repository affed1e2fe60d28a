"""The inside of the mouth, which FLAME's mesh lacks: teeth, gums, tongue and the lining behind the lips.

Its motion is a linear function of the head's: teeth, gums and tongue of the lower jaw ride on the jaw that a detector
reads off the head's surface; the lining's rim is sewn to the edge of FLAME's mouth opening. So every shape key of a
head has its partner here, with the same weight.
"""

import os
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from .. import checkpoint
from ..errors import TalkerError
from .fit import similarity
from .flame import load_head

KIND = "mouth"
FILE_NAME = "mouth.npz"
PARTS = ("teeth", "gums", "tongue", "lining")
JAW_MOTIONS = ("open", "forward", "left")  # ARKit's jawOpen, jawForward, jawLeft; right is left with a minus


@dataclass(frozen=True)
class Mouth:
    """The mouth of the canonical head, in metres, all computed by ``corpus geometry --mouth``.

    ``vertices`` (V, 3); ``faces`` (F, 3); ``parts`` (F,): index into :data:`PARTS`; ``jaw`` (3, V, 3): displacement per
    unit of each of :data:`JAW_MOTIONS`; ``lip_vertices``, ``lip_weights`` (V,): the vertex of FLAME's mouth opening
    that a vertex of the lining follows, and how much of it; ``detector_vertices`` (D,), ``detector`` (3, D, 3): jaw
    motions per metre of displacement of those FLAME vertices.
    """

    vertices: np.ndarray
    faces: np.ndarray
    parts: np.ndarray
    jaw: np.ndarray
    lip_vertices: np.ndarray
    lip_weights: np.ndarray
    detector_vertices: np.ndarray
    detector: np.ndarray

    def jaw_motion(self, deltas: np.ndarray) -> np.ndarray:
        """How far the jaw moves (…, 3), in :data:`JAW_MOTIONS`, where the head moves by (…, 5023, 3) metres."""
        motion: np.ndarray = np.tensordot(deltas[..., self.detector_vertices, :], self.detector, ([-2, -1], [1, 2]))
        return motion

    def deltas(self, deltas: np.ndarray) -> np.ndarray:
        """Displacements (…, V, 3) that belong to displacements (…, 5023, 3) of the head; both in metres. Linear."""
        return self._moved(self.jaw_motion(deltas), deltas)

    def _moved(self, motion: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        share = self.lip_weights[:, None]
        moved: np.ndarray = np.tensordot(motion, (1 - share) * self.jaw, 1)
        rim = np.flatnonzero(self.lip_weights)
        moved[..., rim, :] += share[rim] * deltas[..., self.lip_vertices[rim], :]
        return moved.astype(np.float32)

    def key_deltas(self, deltas: np.ndarray) -> np.ndarray:
        """:meth:`deltas` for shape keys (K, 5023, 3), each for weights from 0 up: a jaw that is shut shuts no farther.

        Expressions raise the chin without the jaw; teeth would pass through each other.
        """
        motion = self.jaw_motion(deltas)
        motion[..., 0] = np.maximum(motion[..., 0], 0.0)
        return self._moved(motion, deltas)

    def fitted(self, rest: np.ndarray) -> np.ndarray:
        """The vertices (V, 3) in another person's mouth: ``rest`` (5023, 3), that head in the canonical frame, metres.

        Placed by a similarity of the lower face, which keeps the teeth's shape; the lining's rim meets the lips.
        """
        head = load_head()
        near = head.mouth > 0.5
        scale, rotation, shift = similarity(head.vertices[near].astype(float), np.asarray(rest, float)[near])
        placed: np.ndarray = scale * self.vertices @ rotation.T + shift
        rims = scale * head.vertices[self.lip_vertices] @ rotation.T + shift
        placed += self.lip_weights[:, None] * (rest[self.lip_vertices] - rims)
        return placed.astype(np.float32)


def load_mouth(path: str | os.PathLike[str] | None = None) -> Mouth:
    """The bundled mouth, or the one in ``path``; read once. Its arrays are shared: do not write into them."""
    return _load_mouth(os.fspath(path) if path is not None else str(checkpoint.ASSETS / FILE_NAME))


@lru_cache(maxsize=4)
def _load_mouth(path: str) -> Mouth:
    arrays = checkpoint.load(path, KIND)[1]
    try:
        parts = {field.name: arrays[field.name] for field in fields(Mouth)}
    except KeyError as missing:
        raise TalkerError(f"{path}: the mouth lacks {missing}; make it again with: corpus geometry --mouth") from None
    for name, array in parts.items():
        kind = np.float32 if array.dtype.kind == "f" else np.int32
        parts[name] = array.astype(kind)
        parts[name].setflags(write=False)
    return Mouth(**parts)
