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


def pass_through(times: np.ndarray, at: np.ndarray, targets: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """(T, C) at ``times`` (T,), seconds: from 0 to each of ``targets`` (N, C) in turn.

    A move starts at its second of ``at`` (N,), ascending, and takes its share of ``durations`` (N,), or less where the
    next one starts earlier; then the value stays until the next.
    """
    if not len(at):
        return np.zeros((len(times), targets.shape[1]))
    spans = np.minimum(durations, np.diff(at, append=np.inf))
    number = np.searchsorted(at, times, side="right") - 1
    from_where = np.concatenate([np.zeros((1, targets.shape[1])), targets])[:-1]
    here = np.maximum(number, 0)
    share = smooth_step((times - at[here]) / np.maximum(spans[here], 1e-6)) * (number >= 0)
    moved: np.ndarray = from_where[here] + share[:, None] * (targets[here] - from_where[here])
    return moved
