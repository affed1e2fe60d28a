"""The fusion module's loss as pure functions (paper, section 3.3): reconstruction, sparsity, Laplacian."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def weighted_shapes(shapes: "torch.Tensor", vertex_weights: "torch.Tensor") -> "torch.Tensor":
    """Shapes (K, V, 3) as rows (K, 3 V) whose products are sums over the vertices weighted with (V,)."""
    return (shapes * vertex_weights.sqrt()[:, None]).flatten(1)


def linear_frame_error(
    weights: "torch.Tensor",
    frames: "torch.Tensor",
    own: "torch.Tensor",
    cross: "torch.Tensor",
    target: "torch.Tensor",
) -> "torch.Tensor":
    """(N,) squared error of ``weights (N, K) @ shapes (K, M)`` against ``frames (N, S) @ basis (S, M)``.

    Through the products own = shapes shapesᵀ (K, K), cross = shapes basisᵀ (K, S), target = basis basisᵀ (S, S): no
    vertex of any frame is ever computed, so large batches cost next to nothing. With rows of :func:`weighted_shapes`
    and weights that sum to 1 it is the mean over the vertices.
    """
    made = ((weights @ own) * weights).sum(dim=1)
    common = ((weights @ cross) * frames).sum(dim=1)
    return made - 2.0 * common + ((frames @ target) * frames).sum(dim=1)


def shape_sparsity(weights: "torch.Tensor", sizes: "torch.Tensor") -> "torch.Tensor":
    """L1 norm of weights (N, K), each measured by the size (K,) of its blendshape, mean over frames.

    Without the sizes a network can shrink weights and blow up blendshapes at no cost.
    """
    return (weights.abs() * sizes).sum(dim=1).mean()


def laplacian_energy(shapes: "torch.Tensor", laplacian: "torch.Tensor") -> "torch.Tensor":
    """Mean squared graph Laplacian of shapes (K, V, 3); laplacian: sparse (V, V)."""
    count, vertices, _ = shapes.shape
    columns = shapes.permute(1, 0, 2).reshape(vertices, -1)
    return (laplacian @ columns).square().sum() / (count * vertices)
