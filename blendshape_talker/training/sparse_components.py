"""Sparse localised deformation components: blendshapes that each do one thing in one place.

After Neumann et al. 2013 (Sparse localized deformation components, ACM TOG 32(6)): the frames are a product of weights
between 0 and 1 and components whose vertices are mostly at rest (group lasso). Unlike principal components they look
like muscles at work, which is what an animator expects of shape keys.
"""

import numpy as np

FRAME_LIMIT = 3000
_SETTLING = 6


def sparse_components(
    curves: np.ndarray,
    basis: np.ndarray,
    positions: np.ndarray,
    count: int,
    sparsity: float = 0.02,
    iterations: int = 120,
    radius: float = 0.03,
) -> np.ndarray:
    """(count, V, 3) components of the frames ``curves (N, S) @ basis (S, V, 3)``, sized for weights of 0 … 1.

    positions (V, 3): the neutral head, for where a component starts; radius: of that place, metres; sparsity: threshold
    on a vertex's motion relative to the component's largest. Fewer components when the frames have no more to give.
    """
    frames = curves[:: max(1, -(-len(curves) // FRAME_LIMIT))].astype(np.float32)
    flat = basis.reshape(len(basis), -1).astype(np.float32)
    components = _greedy_start(frames, flat, positions, count, radius)
    weights = np.zeros((len(frames), len(components)), np.float32)
    for iteration in range(iterations):
        weights = _nonnegative_weights(frames @ (flat @ components.T), components @ components.T, weights)
        size = np.maximum(np.percentile(weights, 99.5, axis=0), 1e-6).astype(np.float32)
        weights, components = weights / size, components * size[:, None]
        # sparsity grows over the first half, holds, and at the end lets the components settle on the frames
        progress = iteration / iterations
        strength = sparsity * min(1.0, 2.0 * progress) * (1.0 if progress < 0.85 else 0.05)
        components = _sparse_step(components, weights.T @ weights, (weights.T @ frames) @ flat, strength)
    for _ in range(_SETTLING):  # now without any wish: a few steps of subspace iteration take what error is left
        weights = _least_squares(frames @ (flat @ components.T), components @ components.T)
        components = _least_squares((weights.T @ frames @ flat).T, weights.T @ weights).T
    components *= np.maximum(np.percentile(weights, 99.5, axis=0), 1e-6)[:, None]
    return components.reshape(len(components), *basis.shape[1:]).astype(np.float32)


def _least_squares(target: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """target (N, K) times the inverse of gram (K, K), slightly damped."""
    damping = 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve((gram + damping).astype(np.float64), target.T.astype(np.float64)).T.astype(np.float32)


def _greedy_start(
    frames: np.ndarray, flat: np.ndarray, positions: np.ndarray, count: int, radius: float
) -> np.ndarray:
    """Take away one local, one-sided motion after another, always where most motion is left."""
    rest = (frames[:: max(1, len(frames) // 800)] @ flat).reshape(-1, len(positions), 3)
    total = np.square(rest).sum()
    components: list[np.ndarray] = []
    while len(components) < count:
        energy = np.square(rest).sum(axis=(0, 2))
        if energy.sum() < 1e-7 * total:
            break
        centre = positions[energy.argmax()]
        window = np.exp(-np.square(positions - centre).sum(axis=1) / (2 * radius**2)).astype(np.float32)
        local = (rest * window[:, None]).reshape(len(rest), -1)
        activation = local[:, np.square(local).sum(axis=0).argmax()].copy()
        for _ in range(6):
            pattern = activation @ local
            activation = local @ pattern / max(float(pattern @ pattern), 1e-20)
        positive, negative = np.maximum(activation, 0), np.maximum(-activation, 0)
        activation = positive if positive @ positive >= negative @ negative else negative
        pattern = activation @ local / max(float(activation @ activation), 1e-20)
        rest = rest - np.multiply.outer(activation, pattern.reshape(-1, 3))
        components.append(pattern * max(float(np.percentile(activation, 99.5)), 1e-9))
    return np.stack(components)


def _nonnegative_weights(target: np.ndarray, gram: np.ndarray, start: np.ndarray, steps: int = 15) -> np.ndarray:
    """Accelerated projected gradient for min |W B - X|², W >= 0; target X Bᵀ (N, K), gram B Bᵀ (K, K)."""
    rate = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-20)
    weights, ahead, momentum = start, start, 1.0
    for _ in range(steps):
        new = np.maximum(ahead - rate * (ahead @ gram - target), 0.0)
        following = 0.5 + np.sqrt(0.25 + momentum**2)
        ahead = new + (momentum - 1.0) / following * (new - weights)
        weights, momentum = new, following
    return weights


def _sparse_step(
    components: np.ndarray, gram: np.ndarray, target: np.ndarray, strength: float, steps: int = 4
) -> np.ndarray:
    """Proximal gradient on the components: vertices that move less than ``strength`` of the largest come to rest."""
    rate = 1.0 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-20)
    used = np.diag(gram)[:, None]
    for _ in range(steps):
        moved = (components - rate * (gram @ components - target)).reshape(len(components), -1, 3)
        length = np.linalg.norm(moved, axis=2)
        threshold = strength * length.max(axis=1, keepdims=True) * rate * used
        moved *= np.maximum(1.0 - threshold / np.maximum(length, 1e-12), 0.0)[:, :, None]
        components = moved.reshape(len(components), -1)
    return components
