"""How a face starts and stops, and where the chance in a take comes from."""

import numpy as np


def smooth_step(position: np.ndarray) -> np.ndarray:
    """Minimum-jerk rise from 0 to 1 while ``position`` goes from 0 to 1 (Flash & Hogan 1985)."""
    position = np.clip(position, 0.0, 1.0)
    risen: np.ndarray = position**3 * (10.0 - 15.0 * position + 6.0 * position**2)
    return risen


def take_generator(seed: int, stream: int) -> np.random.Generator:
    """The source of one kind of chance (``stream``) in the take ``seed``; others draw nothing from it."""
    return np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFF]).spawn(stream + 1)[stream])
