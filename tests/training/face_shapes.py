"""A few FACS shapes of our own making for tests: all names, movement at the two lip vertices only."""

import numpy as np

from blendshape_talker import checkpoint
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from blendshape_talker.training.geometry.facs import KIND, Facs

# Rough movement in mm (upper lip y, z; lower lip y, z) of a whole unit; what is not here does not move the lips.
_LIPS = {
    "jawOpen": (-2.4, -0.2, -34.4, -16.5),
    "mouthClose": (-0.5, 1.0, 37.0, 14.0),
    "mouthFunnel": (6.3, 6.9, -8.0, 7.0),
    "mouthPucker": (3.0, 8.0, 0.3, 8.6),
    "mouthRollLower": (0.0, 0.0, 4.0, -11.7),
    "mouthRollUpper": (-4.3, -9.1, 0.0, 0.0),
    "mouthLowerDown_L": (0.0, 0.0, -3.2, -0.5),
    "mouthLowerDown_R": (0.0, 0.0, -3.2, -0.5),
    "mouthUpperUp_L": (3.8, -0.6, 0.3, -0.1),
    "mouthUpperUp_R": (3.8, -0.6, 0.3, -0.1),
    "mouthPress_L": (-0.5, -0.4, 1.0, 0.7),
    "mouthPress_R": (-0.5, -0.4, 1.0, 0.7),
    "mouthSmile_L": (1.7, -1.4, 1.8, -0.6),
    "mouthSmile_R": (1.7, -1.4, 1.8, -0.6),
    "mouthStretch_L": (-0.4, -0.9, 0.0, -0.5),
    "mouthStretch_R": (-0.4, -0.9, 0.0, -0.5),
}
_UPPER_FACE = ("browDown", "browInnerUp", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide")
NAMES = (*_LIPS, *(f"{name}_{side}" for name in _UPPER_FACE for side in "LR"))


def neutral_head() -> np.ndarray:
    neutral = np.random.default_rng(0).normal(0, 0.05, (VERTEX_COUNT, 3)).astype(np.float32)
    neutral[UPPER_LIP], neutral[LOWER_LIP] = (0.0, -0.0376, 0.0628), (0.0, -0.0444, 0.0593)
    return neutral


def shape_deltas() -> np.ndarray:
    deltas = np.zeros((len(NAMES), VERTEX_COUNT, 3), np.float32)
    for number, name in enumerate(NAMES):
        upper_y, upper_z, lower_y, lower_z = _LIPS.get(name, (0.0, 0.0, 0.0, 0.0))
        deltas[number, UPPER_LIP, 1:] = upper_y / 1000, upper_z / 1000
        deltas[number, LOWER_LIP, 1:] = lower_y / 1000, lower_z / 1000
    return deltas


def write_geometry(path) -> None:
    """A file as ``corpus geometry`` writes it."""
    identities = np.random.default_rng(1).normal(0, 1e-3, (4, VERTEX_COUNT, 3)).astype(np.float32)
    facs = Facs(np.array(NAMES), shape_deltas(), neutral_head(), identities, load_head().faces)
    checkpoint.save(path, KIND, {}, vars(facs))
