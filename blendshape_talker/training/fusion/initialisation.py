"""Where the training of the fusion module starts: sparse components, and encoders that read them linearly."""

import numpy as np
import torch

from ...face.flame import Head
from ...fusion import Encoder, FusionConfig
from ..geometry.facs import Facs
from ..geometry.mirror import Mirror, in_pairs
from .data import LinearCorpus
from .frames import TrainingFrames
from .shape_structure import ShapeStructure
from .sparse_components import sparse_components


def initial_shapes(
    speech: LinearCorpus,
    expression: LinearCorpus,
    structure: ShapeStructure,
    head: Head,
    config: FusionConfig,
    mirrors: tuple[Mirror | None, Mirror | None],
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Sparse localised components of either corpus within the structure: (K, V, 3), metres at weight 1, and partners.

    partners (K,): index of a shape's mirror image; its own without a mirror.
    """
    result = []
    for corpus, constrain, count, mirror in (
        (speech, structure.speech, config.speech_count, mirrors[0]),
        (expression, structure.expression, config.expression_count, mirrors[1]),
    ):
        curves, _ = corpus.frames("train")
        basis = constrain(torch.from_numpy(np.asarray(corpus.basis, np.float32))).numpy()
        image = (lambda shapes, mirror=mirror: mirror(torch.from_numpy(shapes)).numpy()) if mirror else None
        shapes = sparse_components(curves, basis, head.vertices, count, mirror=image)
        result.append(in_pairs(shapes, mirror, head.vertices) if mirror else (shapes, np.arange(len(shapes))))
    return result[0], result[1]


def facs_mirrors(head: Head, facs: Facs, structure: ShapeStructure) -> tuple[Mirror, Mirror]:
    """Mirrors that are exact for FACS shapes as the structure leaves them, speech's and expression's."""
    names = [str(name) for name in facs.names]
    deltas = torch.from_numpy(np.asarray(facs.deltas, np.float32))
    made = (constrain(deltas).numpy() for constrain in (structure.speech, structure.expression))
    first, second = (Mirror(head, facs.faces, names, muscles) for muscles in made)
    return first, second


@torch.no_grad()
def start_encoder(encoder: Encoder, domain: TrainingFrames, wanted: torch.Tensor) -> None:
    """Patches start as low cosines, the shortcut as the best linear reading of them, the branch at zero output.

    wanted (K, S): weights of all S blendshapes that each of the K basis shapes of the domain should get.
    """
    kernel = encoder.patches.weight
    side = kernel.shape[-1]
    position = (torch.arange(side) + 0.5) / side
    cosines = [torch.cos(np.pi * order * position) for order in range(side)]
    orders = sorted(((i, j) for i in range(side) for j in range(side)), key=lambda pair: (sum(pair), pair))
    kernel.zero_()
    for channel in range(len(kernel)):
        i, j = orders[channel // 3]
        wave = torch.outer(cosines[i], cosines[j])
        kernel[channel, channel % 3] = wave / wave.norm()
    encoder.shortcut.weight.copy_(linear_reading(encoder.patches(domain.images).flatten(1), domain.frames, wanted))
    encoder.output.weight.zero_()


def linear_reading(patches: torch.Tensor, frames: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(S, M) best linear reading of the weights wanted (K, S) from the patches (K, M) of K basis shapes.

    The error counts over frames (N, K), coefficients of the basis; a slight ridge picks the smallest reading.
    """
    patches, frames = patches.double(), frames.double()
    moment = frames.T @ frames / len(frames)
    values, vectors = torch.linalg.eigh(moment)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    seen = root @ patches
    gram = seen @ seen.T
    ridge = 1e-7 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return (seen.T @ torch.linalg.solve(gram + ridge, root @ wanted.double())).T.float()


def least_squares(targets: torch.Tensor, shapes: torch.Tensor, vertex_weights: torch.Tensor) -> torch.Tensor:
    """Weights (N, K) of shapes (K, V, 3) that come nearest to targets (N, V, 3), vertices weighted."""
    root = vertex_weights.sqrt()[:, None].double()
    flat, wanted = (shapes * root).flatten(1), (targets * root).flatten(1)
    gram = flat @ flat.T
    ridge = 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + ridge, flat @ wanted.T).T.float()
