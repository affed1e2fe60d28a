"""What belongs to speech and what to expression, written into the blendshapes themselves.

A loss alone does not disentangle the two: with any weight on the cross-domain terms either the expression shapes learn
the open mouth as their own or the speech shapes learn the brows. So the free parameters of the decoder pass through a
structure: speech shapes cannot move the upper face, and expression shapes cannot move a point of the upper lip against
its partner on the lower lip. Whatever the lips did in speech, contact included, they still do under any expression.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg
import torch

from ...face.flame import Head
from ..geometry.surface import unique_edges


@dataclass(frozen=True)
class StructureConfig:
    """reach: how far (edges of the mesh) a closed lip pulls its surroundings along; smooth_share: part of the prior
    for the way lips close that is plain smoothness, the rest being the way they open in speech; opening_modes: number
    of ways to open (more would count the smile of a friendly speaker as one); mask_upper_face, join_lips: ablations.
    """

    reach: float = 6.0
    smooth_share: float = 0.3
    opening_modes: int = 1
    mask_upper_face: bool = True
    join_lips: bool = True
    mirrored: bool = True


class ShapeStructure:
    """Maps free shapes (K, V, 3) to shapes with the structure; works on torch tensors and is linear.

    speech: multiplied by a smooth mask (V,). expression: u - H C u, where C takes the relative displacement of the lip
    pairs (3 P numbers) and H spreads it over the mouth as a speech-like, smooth deformation: the posterior mean of a
    Gaussian process whose covariance is that of speech plus a smooth kernel on the mesh (kriging): C (u - H C u) = 0.
    """

    def __init__(self, speech_mask: np.ndarray, lip_pairs: np.ndarray, spread: np.ndarray) -> None:
        self.speech_mask = torch.from_numpy(speech_mask.astype(np.float32))
        self.lip_pairs = torch.from_numpy(lip_pairs.astype(np.int64))
        self.spread = torch.from_numpy(spread.astype(np.float32))

    @classmethod
    def build(
        cls, head: Head, faces: np.ndarray, speech_modes: np.ndarray, config: StructureConfig
    ) -> "ShapeStructure":
        """speech_modes (R, V, 3): principal components of speech times their standard deviation; faces (F, 3)."""
        count = speech_modes.shape[1]
        mask = 1.0 - head.upper_face if config.mask_upper_face else np.ones(count)
        pairs = head.lip_pairs[head.lip_pairs[:, 0] != head.lip_pairs[:, 1]]
        if not config.join_lips:
            return cls(mask, pairs, np.zeros((count * 3, len(pairs) * 3)))
        smooth = smooth_kernel(faces, count, pairs, config.reach)  # (V, P)
        modes = (speech_modes * mask[:, None]).reshape(len(speech_modes), -1)
        relative = _relative(modes.reshape(-1, count, 3), pairs).reshape(len(modes), -1)  # (R, 3 P)
        # what the head does while the lips part: its regression on the largest relative motions of the pairs
        directions = np.linalg.svd(relative, full_matrices=False)[2][: config.opening_modes]
        scores = relative @ directions.T  # (R, M)
        opening = (modes.T @ scores) / np.linalg.norm(scores, axis=0)
        speech = opening @ _relative(opening.T.reshape(-1, count, 3), pairs).reshape(opening.shape[1], -1)
        smooth = np.einsum("vp,xy->vxpy", smooth, np.eye(3)).reshape(count * 3, -1)
        columns_of = lambda field: _relative(field.T.reshape(-1, count, 3), pairs).reshape(field.shape[1], -1)  # noqa: E731
        level = np.trace(columns_of(speech)) / np.trace(columns_of(smooth))
        share = config.smooth_share
        prior = (1.0 - share) * speech + share * level * smooth
        return cls(mask, pairs, np.linalg.solve(columns_of(prior), prior.T).T)

    def speech(self, free: torch.Tensor) -> torch.Tensor:
        return free * self.speech_mask[:, None]

    def expression(self, free: torch.Tensor) -> torch.Tensor:
        return free - self.aperture(free)

    def aperture(self, free: torch.Tensor) -> torch.Tensor:
        """The part of deformations (K, V, 3) that moves the lips against each other, spread over the mouth."""
        relative = free[:, self.lip_pairs[:, 0]] - free[:, self.lip_pairs[:, 1]]
        return (relative.flatten(1) @ self.spread.T).reshape(free.shape)


def graph_laplacian(faces: np.ndarray, count: int) -> sparse.csr_matrix:
    """(V, V): a vertex minus the mean of its neighbours; zero for a vertex without any."""
    edges = unique_edges(faces)
    ones = np.ones(len(edges))
    adjacency = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(count, count))
    adjacency = (adjacency + adjacency.T).tocsr()
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    return sparse.diags((degree > 0).astype(float)) - sparse.diags(1.0 / np.maximum(degree, 1.0)) @ adjacency


def smooth_kernel(faces: np.ndarray, count: int, pairs: np.ndarray, reach: float) -> np.ndarray:
    """(V, P): the smoothest scalar fields pulled apart at one pair each, fading over ``reach`` edges.

    Columns of the inverse of L'L + reach^-4: bending energy and a weak pull to zero (a Matérn covariance on the mesh).
    """
    laplacian = graph_laplacian(faces, count)
    energy = (laplacian.T @ laplacian + reach**-4.0 * sparse.identity(count)).tocsc()
    load = np.zeros((count, len(pairs)))
    load[pairs[:, 0], np.arange(len(pairs))] = 1.0
    load[pairs[:, 1], np.arange(len(pairs))] = -1.0
    return scipy.sparse.linalg.splu(energy).solve(load)


def _relative(shapes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return shapes[:, pairs[:, 0]] - shapes[:, pairs[:, 1]]
