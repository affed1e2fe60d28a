"""Losses of the speech network and LVE as pure functions: arrays in, a number or an array out."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def vertex_distance(predicted: "torch.Tensor", target: "torch.Tensor", softness: float = 0.1) -> "torch.Tensor":
    """Weighted distance of two faces, (B,T), in mm, from coefficients (B,T,K) on a basis orthonormal in that weighting.

    The root mean square over the vertices, hyperbolic below ``softness`` mm. Not squared: frames whose labels are wrong
    pull less, and the network does not answer doubt with the mean of all possibilities as readily.
    """
    return ((predicted - target).square().sum(-1) + softness**2).sqrt() - softness


def lip_gaps(coefficients: "torch.Tensor", pair_basis: "torch.Tensor", neutral: "torch.Tensor") -> "torch.Tensor":
    """Opening of each lip pair (B,T,P) in mm: distance upper to lower lip minus the neutral one.

    coefficients (B,T,K); pair_basis (K,P,3): movement of the upper against the lower vertex; neutral (P,3).
    """
    import torch

    apart = neutral + torch.einsum("btk,kpc->btpc", coefficients, pair_basis)
    return (apart.square().sum(-1) + 1e-6).sqrt() - neutral.norm(dim=-1)


def contact_weight(gap: "torch.Tensor", opening: "torch.Tensor", extra: float) -> "torch.Tensor":
    """Weight per frame (B,T): 1, plus ``extra`` where the lips touch, falling to nothing as they part.

    gap (B,T) of the target in mm; opening (B,1): the gap's 95th percentile in its take. The lips touch below 15 % of
    it.
    """
    share = gap / opening.clamp(min=1e-3)
    return 1 + extra * (1 - (share - 0.1) / 0.15).clamp(0, 1)


def false_closure(gap: "torch.Tensor", wanted: "torch.Tensor", opening: "torch.Tensor") -> "torch.Tensor":
    """How far (mm, mean over frames) the lips come together where they should stay apart.

    gap, wanted (B,T) in mm; opening (B,1) as in :func:`contact_weight`. Nothing where the target is closed or the lips
    are at least as open as the target or 18 % of the opening. Doubt between [b] and [v] costs on both sides with it:
    otherwise the weight on contact makes closing the cheaper answer whenever noise hides the phone.
    """
    edge = wanted.minimum(0.18 * opening)
    return ((edge - gap).clamp(min=0) * (wanted > 0.15 * opening)).mean()


def context_weight(target: "torch.Tensor", strength: float, reach: int = 6) -> "torch.Tensor":
    """Phonetic-context weight per frame (B,T), mean 1: frames around which the face changes fast count more.

    After Kim & Kim 2025 (phonetic context-dependent visemes). target (B,T,K): coefficients on a basis in mm; the speed
    is averaged over ``reach`` frames on both sides and divided by the take's mean; ``strength`` 0 weighs all alike.
    """
    from torch.nn import functional

    speed = target.diff(dim=1, prepend=target[:, :1]).square().sum(-1).sqrt()
    around = functional.avg_pool1d(speed[:, None], 2 * reach + 1, 1, reach, count_include_pad=False)[:, 0]
    relative = around / around.mean(dim=1, keepdim=True).clamp(min=1e-3)
    weight = 1 + strength * relative
    return weight / weight.mean(dim=1, keepdim=True)


def liveliness(predicted: "torch.Tensor", target: "torch.Tensor", window: int = 30) -> "torch.Tensor":
    """How far the predicted motion is from being as quick as the target's, whatever its exact timing.

    Curves (B,T,C) at 60 fps: mean difference of the RMS velocity and of the RMS acceleration (half weight) over windows
    of half a second, per frame step.
    """
    from torch.nn import functional

    total = predicted.new_zeros(())
    for order, weight in ((1, 1.0), (2, 0.5)):
        energy = [
            functional.avg_pool1d(curve.diff(n=order, dim=1).square().transpose(1, 2), window, window // 2)
            for curve in (predicted, target)
        ]
        total = total + weight * ((energy[0] + 1e-4).sqrt() - (energy[1] + 1e-4).sqrt()).abs().mean()
    return total


def disagreement(gap: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
    """1 minus the zero-lag correlation of each take (B,) of the curves (B,T) in mm; near 1 where one stands still."""
    apart, aimed = (curve - curve.mean(dim=1, keepdim=True) for curve in (gap, wanted))
    spread = (apart.square().mean(dim=1) * aimed.square().mean(dim=1) + 1e-4).sqrt()
    return 1 - (apart * aimed).mean(dim=1) / spread


def lip_vertex_error(predicted: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """LVE of (T,L,3) lip vertices in metres: (mm, 1e-5 m²).

    The mean over frames of the largest distance of a lip vertex in mm, and the mean of the largest squared distance,
    which the literature (MeshTalk, FaceFormer) prints in units of 1e-5 "mm" that are 1e-5 m².
    """
    squared = np.square(np.asarray(predicted, np.float64) - target).sum(-1).max(-1)
    return float(np.sqrt(squared).mean() * 1e3), float(squared.mean() * 1e5)
