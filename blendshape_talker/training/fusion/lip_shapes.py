"""The last shapes of the expression set: how an emotion opens the mouth, and both lips moved together.

The structure (:mod:`shape_structure`) takes out of every expression what moves the lips against each other, so that
speech keeps them. Here that part gets shapes of its own, those of the muscles that open a mouth, and the expression's
encoder the weights for them; :mod:`...expression.aperture` says when they may be seen. Nothing here is trained: equal
input gives equal shapes, and the weights before are as they were.
"""

from dataclasses import replace

import numpy as np
import torch

from ...errors import TalkerError
from ...face.flame import Head
from ...fusion import FusionNetwork
from ..geometry.facs import Facs
from ..geometry.mirror import Mirror
from .frames import TrainingFrames
from .initialisation import least_squares, linear_reading
from .shape_structure import ShapeStructure
from .sliders import slider_scale

OPENING: dict[str, str] = {  # muscle -> name of its opening part
    "jawOpen": "expression jaw drop",
    "mouthUpperUp": "expression upper lip off",
    "mouthLowerDown": "expression lower lip off",
    "mouthStretch": "expression stretch off",
    "mouthSmile": "expression smile off",
}
TOGETHER = ("expression both lips up", "expression both lips forward")
_TOGETHER_SIZE = 0.005  # m at weight 1
_MOUTH_WIDTH = 0.016  # m from the middle, where both lips together move by 61 %
_MM = 1000.0


def opening_parts(facs: Facs, structure: ShapeStructure, head: Head) -> tuple[list[str], torch.Tensor]:
    """(names, shapes (K, V, 3) in metres) of the opening part of the muscles that the geometry knows.

    Symmetric, and each without what the ones before can do (they would be nearly one: an open mouth is an open mouth).
    """
    names = [str(name) for name in facs.names]
    found = {}
    for muscle, title in OPENING.items():
        sides = [index for index, name in enumerate(names) if name in (muscle, f"{muscle}_L", f"{muscle}_R")]
        if sides:
            found[title] = np.asarray(facs.deltas[sides], np.float32).sum(axis=0)
    nothing: tuple[list[str], torch.Tensor] = ([], torch.zeros(0, facs.deltas.shape[1], 3))
    if not found:
        return nothing
    parts = structure.aperture(torch.from_numpy(np.stack(list(found.values()))))
    if not parts.any():  # the ablation that does not join the lips has none
        return nothing
    mirror = Mirror(head, head.faces, names, np.asarray(facs.deltas, np.float32))
    parts = 0.5 * (parts + mirror(parts))
    orthogonal: list[torch.Tensor] = []
    for part in parts.flatten(1).double():
        for before in orthogonal:
            part = part - (part @ before) / (before @ before) * before
        orthogonal.append(part)
    return list(found), torch.stack(orthogonal).float().reshape(parts.shape)


def together_shapes(head: Head, structure: ShapeStructure) -> torch.Tensor:
    """(2, V, 3) metres: both lips up and forward by 5 mm in the middle, fading to the corners and off the mouth."""
    middle = head.vertices[head.lips].mean(axis=0)
    field = head.mouth * head.face * np.exp(-0.5 * np.square((head.vertices[:, 0] - middle[0]) / _MOUTH_WIDTH))
    shapes = np.zeros((2, len(field), 3), np.float32)
    shapes[0, :, 1] = shapes[1, :, 2] = _TOGETHER_SIZE * field
    return structure.expression(torch.from_numpy(shapes))


@torch.no_grad()
def add_lip_shapes(
    network: FusionNetwork,
    expression: TrainingFrames,
    structure: ShapeStructure,
    facs: Facs,
    head: Head,
    headroom: float,
) -> tuple[FusionNetwork, list[str]]:
    """The trained network (in metres) with the lip shapes behind its own, and their names.

    The expression's encoder reads the new weights linearly from the patches that it has; speech's gives none.
    """
    names, parts = opening_parts(facs, structure, head)
    extra = together_shapes(head, structure)
    weights = torch.zeros(len(expression.basis), 0)
    if names:
        weights, parts = _sized(expression, structure, parts, head, headroom)
        extra = torch.cat([parts, extra])
    network = _larger(network, extra)
    encoder = network.expression_encoder
    patches = encoder.patches(expression.images / _MM).flatten(1)
    encoder.shortcut.weight[-len(extra) : -len(TOGETHER)] = linear_reading(patches, expression.frames, weights)
    return network, [*names, *TOGETHER]


def _sized(
    expression: TrainingFrames, structure: ShapeStructure, parts: torch.Tensor, head: Head, headroom: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(weights (K, P) of the corpus's basis, parts (P, V, 3)) with the parts so large that weights fill -1 … 1."""
    vertices = np.asarray(0.1 * head.mouth, np.float32)
    vertices[head.lips] += 1.0
    weights = least_squares(structure.aperture(expression.basis / _MM), parts, torch.from_numpy(vertices))
    used = (expression.frames @ weights).numpy()
    factor = torch.from_numpy(headroom * np.abs(slider_scale(used))).float()
    return weights / factor, parts * factor[:, None, None]


def _larger(network: FusionNetwork, extra: torch.Tensor) -> FusionNetwork:
    """A copy of the network with more expression shapes, to which no encoder gives weight yet."""
    config = replace(network.config, expression_count=network.config.expression_count + len(extra))
    larger = FusionNetwork(config)
    state = network.state_dict()
    for name, tensor in larger.state_dict().items():
        tensor.zero_()
        tensor[tuple(slice(size) for size in state[name].shape)] = state[name]
    larger.blendshapes[-len(extra) :] = extra
    return larger


@torch.no_grad()
def without_lip_shapes(network: FusionNetwork, names: tuple[str, ...]) -> tuple[FusionNetwork, tuple[str, ...]]:
    """The network and its names as :func:`add_lip_shapes` got them; as they are when they have none."""
    kept = tuple(name for name in names if name not in (*OPENING.values(), *TOGETHER))
    if names[: len(kept)] != kept:
        raise TalkerError("the lip shapes of this fusion.npz are not its last ones; train it again")
    config = replace(network.config, expression_count=len(kept) - network.config.speech_count)
    smaller = FusionNetwork(config)
    state = network.state_dict()
    for name, tensor in smaller.state_dict().items():
        tensor.copy_(state[name][tuple(slice(size) for size in tensor.shape)])
    return smaller, kept
