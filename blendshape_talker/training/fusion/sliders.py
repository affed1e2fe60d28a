"""Blendshapes sized so that their weights lie where an animator's sliders do, between -1 and 1."""

import numpy as np
import torch

from ...fusion import Domain, FusionNetwork
from ..geometry.mirror import Pairing
from .frames import TrainingFrames

_MM = 1000.0


def slider_scale(weights: np.ndarray, percentile: float = 99.99) -> np.ndarray:
    """(K,) signed factors that bring weights (N, K) into -1 … 1, their longer side up, but for rare extremes."""
    high = np.percentile(weights, percentile, axis=0)
    low = np.percentile(weights, 100 - percentile, axis=0)
    factor = np.where(high >= -low, 1.0, -1.0) * np.maximum(high, -low)
    return np.where(np.abs(factor) > 1e-6, factor, 1.0)


@torch.no_grad()
def scale_to_sliders(
    network: FusionNetwork, domains: dict[Domain, TrainingFrames], pairings: tuple[Pairing, Pairing], headroom: float
) -> None:
    """Give every blendshape the size at which its own domain's weights fill -1 … 1; encoders follow, metres too.

    The two of a pair get one size.
    """
    count = network.config.speech_count
    factors = []
    for (kind, domain), pairing in zip(domains.items(), pairings, strict=True):
        encoder = network.encoder(kind)
        patches = encoder.patches(domain.images)
        chosen = domain.frames[:: max(1, len(domain.frames) // 40_000)]
        weights = torch.cat([encoder.read_patches(torch.tensordot(block, patches, 1)) for block in chosen.split(1024)])
        own = (weights[:, :count] if kind == "speech" else weights[:, count:]).numpy()
        factors.append(torch.from_numpy(headroom * slider_scale(np.vstack([own, own[:, pairing.partner]]))).float())
    factor = torch.cat(factors)
    network.blendshapes.mul_(factor[:, None, None])
    for encoder in (network.speech_encoder, network.expression_encoder):
        encoder.patches.weight *= _MM  # trained on millimetres, used on metres
        encoder.shortcut.weight /= factor[:, None]
        encoder.output.weight /= factor[:, None]
