"""Sparse localised deformation components: blendshapes that each do one thing in one place.

After Neumann et al. 2013 (Sparse localized deformation components, ACM TOG 32(6)): the frames are a product of weights
between 0 and 1 and components whose vertices are mostly at rest (group lasso). Unlike principal components they look
like muscles at work, which is what an animator expects of shape keys.
"""

import numpy as np

FRAME_LIMIT = 3000
_ALIKE = 0.9  # cosine from which on two components are one
_FAINT = 1e-3  # of the strongest component's part in the frames


def sparse_components(
    curves: np.ndarray,
    basis: np.ndarray,
    positions: np.ndarray,
    count: int,
    sparsity: float = 0.03,
    iterations: int = 90,
    radius: float = 0.04,
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
        if iteration in (iterations // 2, (4 * iterations) // 5):
            kept = _distinct(components, weights)
            components, weights = components[kept], weights[:, kept]
    return components.reshape(len(components), *basis.shape[1:]).astype(np.float32)


def _distinct(components: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Indices of the components that do something which no stronger one does as well."""
    length = np.linalg.norm(components, axis=1)
    strength = length * np.linalg.norm(weights, axis=0)
    directions = components / np.maximum(length, 1e-12)[:, None]
    kept: list[int] = []
    for index in np.argsort(-strength):
        alike = np.abs(directions[kept] @ directions[index]).max(initial=0.0)
        if strength[index] > _FAINT * strength.max() and alike < _ALIKE:
            kept.append(int(index))
    return np.array(kept)


def _greedy_start(frames: np.ndarray, flat: np.ndarray, positions: np.ndarray, count: int, radius: float) -> np.ndarray:
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
