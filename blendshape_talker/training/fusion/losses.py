"""The fusion module's loss: that of the paper, and what it needs besides to disentangle.

Paper: arXiv 2510.25234, section 3.2. With x_a a frame of speech, x_e one of expression and w(.) the encoders' weights:

    L = |B_A w_A(x_a) + B_E w_E(x_a) - x_a|^2 + the same for x_e + λ_s (|w_E(x_a)|_1 + |w_A(x_e)|_1) + λ_L |L B|^2

plus the same reconstruction for velocities. Ours, because that loss alone does not disentangle: two terms that ask the
primary weights alone, which are what inference keeps, for the mouth of speech (contact frames count more) and for the
expression without its lip aperture; and a group lasso that keeps blendshapes local.
"""

import numpy as np
import torch

from ...face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, Head
from ...fusion import Domain, FusionNetwork
from ...speech import lip_sync
from .frames import TrainingFrames
from .settings import FusionTraining
from .shape_structure import ShapeStructure, graph_laplacian


class FusionLoss:
    """All terms of the loss for two corpora.

    faces (F, 3), for the Laplacian; ``structure`` says what of an expression its blendshapes can and should follow.
    """

    def __init__(
        self,
        domains: dict[Domain, TrainingFrames],
        structure: ShapeStructure,
        head: Head,
        faces: np.ndarray,
        settings: FusionTraining,
    ) -> None:
        self.domains, self.settings = domains, settings
        laplacian = graph_laplacian(faces, VERTEX_COUNT).tocoo()
        indices = torch.from_numpy(np.stack([laplacian.row, laplacian.col]).astype(np.int64))
        values = torch.from_numpy(laplacian.data).float()
        size = (VERTEX_COUNT, VERTEX_COUNT)
        self.laplacian = torch.sparse_coo_tensor(indices, values, size, check_invariants=True).coalesce()

        whole = 0.1 + head.face
        whole[head.lips] += settings.lip_weight
        whole[head.eye_region] += settings.eye_weight
        self.whole = torch.from_numpy((whole / whole.sum()).astype(np.float32))
        mouth = (1.0 - head.upper_face) * (0.1 + head.mouth)
        mouth[head.lips] += settings.lip_weight
        self.mouth = torch.from_numpy((mouth / mouth.sum()).astype(np.float32))
        self.expression_target = structure.expression(domains["expression"].basis)
        self.targets = {kind: Target(domain.basis, self.whole) for kind, domain in domains.items()}
        self.mouth_target = Target(domains["speech"].basis, self.mouth)
        self.joined_target = Target(self.expression_target, self.whole)
        lips = domains["speech"].basis
        self._gap_direction = lips[:, UPPER_LIP] - lips[:, LOWER_LIP]
        gaps = (domains["speech"].frames @ self._gap_direction)[:, 1]
        self._closed_below = max(lip_sync.closed_below(gaps.numpy()), 1e-3)

    def terms(
        self,
        network: FusionNetwork,
        speech_shapes: torch.Tensor,
        expression_shapes: torch.Tensor,
        generator: torch.Generator,
    ) -> dict[str, torch.Tensor]:
        """The weighted terms on one batch of each domain, of B_A (K_A, V, 3) and B_E (K_E, V, 3) in mm."""
        settings, count = self.settings, network.config.speech_count
        both = torch.cat([speech_shapes, expression_shapes])
        sizes = both.square().mean(dim=(1, 2)).sqrt().detach()  # mm that a weight of 1 moves a vertex
        made, made_mouth = weighted_shapes(both, self.whole), weighted_shapes(speech_shapes, self.mouth)
        own = made @ made.T
        terms: dict[str, torch.Tensor] = {}
        for kind, domain in self.domains.items():
            frames = domain.batch(settings.batch, generator)
            encoder = network.encoder(kind)
            # the first convolution is linear: what it makes of the basis is enough, and noise there is noise in pixels
            patches = torch.tensordot(frames, encoder.patches(domain.images), 1)
            patches = patches + settings.image_noise * torch.randn(patches.shape, generator=generator)
            weights = encoder.read_patches(patches)
            half = len(frames) // 2
            moving = torch.cat([weights, weights[half:] - weights[:half]])
            wanted = torch.cat([frames, frames[half:] - frames[:half]])
            error = self.targets[kind].error(moving, wanted, made, own)
            terms[f"{kind} reconstruction"] = error[: len(frames)].mean()
            terms[f"{kind} velocity"] = settings.velocity * error[len(frames) :].mean()
            if kind == "speech":
                error = self.mouth_target.error(weights[:, :count], frames, made_mouth, made_mouth @ made_mouth.T)
                emphasis = 1.0 + settings.contact * self._closed(frames)
                terms["speech primary"] = settings.primary * (emphasis * error).mean()
                crossing = shape_sparsity(weights[:, count:], sizes[count:])
            else:
                error = self.joined_target.error(weights[:, count:], frames, made[count:], own[count:, count:])
                terms["expression primary"] = settings.primary * error.mean()
                crossing = shape_sparsity(weights[:, :count], sizes[:count])
            terms[f"{kind} sparsity"] = settings.sparsity * crossing
        terms["laplacian"] = settings.laplacian * laplacian_energy(both, self.laplacian)
        terms["locality"] = settings.locality * both.square().sum(dim=2).add(1e-6).sqrt().mean()
        return terms

    def _closed(self, frames: torch.Tensor) -> torch.Tensor:
        return ((frames @ self._gap_direction)[:, 1] < self._closed_below).float()


class Target:
    """What frames are compared with: a basis (K, V, 3), weighted by vertex, and its products with itself."""

    def __init__(self, basis: torch.Tensor, vertex_weights: torch.Tensor) -> None:
        self.rows = weighted_shapes(basis, vertex_weights)
        self.products = self.rows @ self.rows.T

    def error(self, weights: torch.Tensor, frames: torch.Tensor, made: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """(N,) squared error of weights (N, S) of the shapes with rows ``made`` and products ``own``."""
        return linear_frame_error(weights, frames, own, made @ self.rows.T, self.products)


def weighted_shapes(shapes: torch.Tensor, vertex_weights: torch.Tensor) -> torch.Tensor:
    """Shapes (K, V, 3) as rows (K, 3 V) whose products are sums over the vertices weighted with (V,)."""
    return (shapes * vertex_weights.sqrt()[:, None]).flatten(1)


def linear_frame_error(
    weights: torch.Tensor, frames: torch.Tensor, own: torch.Tensor, cross: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """(N,) squared error of ``weights (N, K) @ shapes (K, M)`` against ``frames (N, S) @ basis (S, M)``.

    Through the products own = shapes shapesᵀ (K, K), cross = shapes basisᵀ (K, S), target = basis basisᵀ (S, S): no
    vertex of any frame is ever computed, so large batches cost next to nothing. With rows of :func:`weighted_shapes`
    and weights that sum to 1 it is the mean over the vertices.
    """
    made = ((weights @ own) * weights).sum(dim=1)
    common = ((weights @ cross) * frames).sum(dim=1)
    return made - 2.0 * common + ((frames @ target) * frames).sum(dim=1)


def shape_sparsity(weights: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """L1 norm of weights (N, K), each measured by the size (K,) of its blendshape, mean over frames.

    Without the sizes a network can shrink weights and blow up blendshapes at no cost.
    """
    return (weights.abs() * sizes).sum(dim=1).mean()


def laplacian_energy(shapes: torch.Tensor, laplacian: torch.Tensor) -> torch.Tensor:
    """Mean squared graph Laplacian of shapes (K, V, 3); laplacian: sparse (V, V)."""
    count, vertices, _ = shapes.shape
    columns = shapes.permute(1, 0, 2).reshape(vertices, -1)
    return (laplacian @ columns).square().sum() / (count * vertices)
