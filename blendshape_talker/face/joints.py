"""The joints of a FLAME head: where neck, head and eyes turn, and how far each vertex goes along. numpy alone.

FLAME's own model file brings a regressor and weights of its own; a mesh brings none. So both come from the canonical
head: a joint lies where anatomy has it (vertebra C7, the joint of atlas and skull, the eyeball's middle), and moves
with the skin around it to other identities. The jaw has none: the blendshapes move it.
"""

from functools import lru_cache

import numpy as np

from .flame import load_head

NAMES = ("root", "neck", "head", "eye_L", "eye_R")
PARENTS = (None, "root", "neck", "head", "head")
NECK_SHARE = 0.4  # of a turn of the head; the cervical spine below the skull does the rest of a nod
# Metres on the canonical head. The skin of a ring at a joint's height tells where another person's lies.
_ROOT, _NECK, _HEAD = (0.0, -0.165, -0.070), (0.0, -0.122, -0.064), (0.0, -0.022, -0.040)
_RING = 0.012  # half its height
_TILT = 0.6  # throat below the chin lies lower than the nape below the skull
_HEAD_EDGE = (-0.132, -0.045)  # height along the tilt where the head's share begins, and is whole
_NECK_EDGE = (-0.168, -0.100)  # the same for all that moves: below it is the body
_SHOULDER = 0.05  # metres from the middle where shoulders begin


def joint_positions(vertices: np.ndarray) -> np.ndarray:
    """(5, 3) metres: the joints :data:`NAMES` of a head at rest, (5023, 3) in FLAME's order, metres and axes."""
    vertices = np.asarray(vertices, float)
    canonical = load_head().vertices
    found = []
    for joint in np.array([_ROOT, _NECK, _HEAD]):
        ring = np.abs(canonical[:, 1] - joint[1]) < _RING
        found.append(joint + (vertices[ring] - canonical[ring]).mean(axis=0))
    found += [sphere_middle(vertices[ball]) for ball in load_head().eyes]
    return np.stack(found)


def sphere_middle(points: np.ndarray) -> np.ndarray:
    """(3,) the middle of the sphere that fits points (N, 3) best."""
    around = points.mean(axis=0)
    offset = points - around
    system = np.concatenate([2 * offset, np.ones((len(points), 1))], axis=1)
    middle: np.ndarray = around + np.linalg.lstsq(system, np.square(offset).sum(axis=1), rcond=None)[0][:3]
    return middle


@lru_cache(maxsize=1)
def joint_weights() -> np.ndarray:
    """(5023, 5) share of each joint :data:`NAMES` in a vertex's motion; rows sum to 1.

    Head over neck over root fade into each other with continuous curvature; an eyeball follows its own joint alone.
    """
    head = load_head()
    aside, height, depth = head.vertices.T
    tilted = height + _TILT * (depth - _HEAD[2])
    skull = _rise(tilted, *_HEAD_EDGE)
    # shoulders and back slope away from the neck: what lies far out belongs to the body though it lies high
    slope = height + 0.3 * (depth - _ROOT[2]) - 0.7 * np.maximum(np.abs(aside) - _SHOULDER, 0.0)
    moving = np.maximum(_rise(slope, *_NECK_EDGE), skull)
    weights = np.zeros((len(head.vertices), len(NAMES)))
    weights[:, 0], weights[:, 1], weights[:, 2] = 1 - moving, moving - skull, skull
    for column, ball in enumerate(head.eyes, 3):
        weights[ball] = np.eye(len(NAMES))[column]
    weights[weights < 1e-4] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    weights.setflags(write=False)
    return weights


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """From 0 at ``low`` to 1 at ``high``, smooth to the second derivative."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    risen: np.ndarray = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return risen
