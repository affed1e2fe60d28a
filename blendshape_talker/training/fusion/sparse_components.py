"""Sparse localised deformation components: blendshapes that each do one thing in one place.

After Neumann et al. 2013 (Sparse localized deformation components, ACM TOG 32(6)): the frames are a product of weights
between 0 and 1 and components whose vertices are mostly at rest (group lasso). Unlike principal components they look
like muscles at work, which is what an animator expects of shape keys.
"""

from collections.abc import Callable

import numpy as np

FRAME_LIMIT = 3000
_ALIKE = 0.88  # cosine from which on two components are one
_FAINT = 1e-3  # of the strongest component's part in the frames
_MIDDLE = 0.75  # cosine with its own mirror image from which on a component starts in the middle of the face
_LEVEL = 0.995  # quantile of weights that becomes 1

MirrorCall = Callable[[np.ndarray], np.ndarray]  # (K, V, 3) -> (K, V, 3)


def sparse_components(
    curves: np.ndarray,
    basis: np.ndarray,
    positions: np.ndarray,
    count: int,
    sparsity: float = 0.03,
    iterations: int = 90,
    radius: float = 0.04,
    mirror: MirrorCall | None = None,
) -> np.ndarray:
    """(count, V, 3) components of the frames ``curves (N, S) @ basis (S, V, 3)``, sized for weights of 0 … 1.

    positions (V, 3): the neutral head, for where a component starts; radius: of that place, metres; sparsity: threshold
    on a vertex's motion relative to the component's largest; mirror: the frames' mirror images count as much as they
    do, and every component is symmetric or has its mirror image among the others. Fewer
    components when the frames have no more to give.
    """
    limit = FRAME_LIMIT // 2 if mirror else FRAME_LIMIT
    frames = curves[:: max(1, -(-len(curves) // limit))].astype(np.float32)
    flat = basis.reshape(len(basis), -1).astype(np.float32)
    if mirror:
        rest = np.zeros_like(frames)
        frames = np.block([[frames, rest], [rest, frames]])
        flat = np.concatenate([flat, mirror(basis.astype(np.float32)).reshape(len(basis), -1)])
    sides = _Sides(mirror, basis.shape[1:])
    components = _greedy_start(frames, flat, positions, count, radius, sides)
    weights = np.zeros((len(frames), len(components)), np.float32)
    for iteration in range(iterations):
        weights = _nonnegative_weights(frames @ (flat @ components.T), components @ components.T, weights)
        size = np.maximum(np.quantile(weights, _LEVEL, axis=0), 1e-6).astype(np.float32)
        size = 0.5 * (size + size[sides.partner])
        weights, components = weights / size, components * size[:, None]
        # sparsity grows over the first half, holds, and at the end lets the components settle on the frames
        progress = iteration / iterations
        strength = sparsity * min(1.0, 2.0 * progress) * (1.0 if progress < 0.85 else 0.05)
        components = _sparse_step(components, weights.T @ weights, (weights.T @ frames) @ flat, strength)
        components = sides.symmetric(components)
        if iteration in (iterations // 2, (4 * iterations) // 5):
            kept = _distinct(components, weights, sides.partner)
            components, weights = components[kept], weights[:, kept]
            sides.keep(kept)
            components = sides.symmetric(components)
    return components.reshape(len(components), *basis.shape[1:]).astype(np.float32)


class _Sides:
    """Which component is whose mirror image. Without a mirror every component stands alone and stays as it is."""

    def __init__(self, mirror: MirrorCall | None, shape: tuple[int, ...]) -> None:
        self.mirror, self.shape = mirror, shape
        self.partner = np.zeros(0, int)

    def image(self, components: np.ndarray) -> np.ndarray:
        """Mirror images of flat components (K, 3 V)."""
        assert self.mirror is not None
        return self.mirror(components.reshape(-1, *self.shape)).reshape(components.shape)

    def group(self, pattern: np.ndarray, room: int) -> np.ndarray:
        """(1 or 2, 3 V): a pattern of either side with its mirror image, or one symmetric pattern."""
        size = len(self.partner)
        if self.mirror is None:
            self.partner = np.append(self.partner, size)
            return pattern[None]
        image = self.image(pattern[None])[0]
        if room < 2 or pattern @ image > _MIDDLE * np.linalg.norm(pattern) * np.linalg.norm(image):
            self.partner = np.append(self.partner, size)
            return 0.5 * (pattern + image)[None]
        self.partner = np.append(self.partner, [size + 1, size])
        return np.stack([pattern, image])

    def symmetric(self, components: np.ndarray) -> np.ndarray:
        if self.mirror is None:
            return components
        return 0.5 * (components + self.image(components[self.partner]))

    def keep(self, kept: np.ndarray) -> None:
        """Only those components are left; one whose partner is gone becomes symmetric."""
        places = {int(old): new for new, old in enumerate(kept)}
        self.partner = np.array([places.get(int(self.partner[old]), new) for new, old in enumerate(kept)])


def _distinct(components: np.ndarray, weights: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Indices of the components that do something which no stronger one does as well.

    Pairs stay or go together, but for those so alike that one of them, made symmetric, will do.
    """
    length = np.linalg.norm(components, axis=1)
    strength = length * np.linalg.norm(weights, axis=0)
    directions = components / np.maximum(length, 1e-12)[:, None]
    kept: list[int] = []
    asked: set[int] = set()
    for index in np.argsort(-strength):
        other = int(partner[index])
        if other in asked:
            continue
        asked.add(int(index))
        alike = np.abs(directions[kept] @ directions[index]).max(initial=0.0)
        if strength[index] > _FAINT * strength.max() and alike < _ALIKE:
            kept.append(int(index))
            if other != index and directions[other] @ directions[index] < _ALIKE:
                kept.append(other)
    return np.array(kept)


def _greedy_start(
    frames: np.ndarray, flat: np.ndarray, positions: np.ndarray, count: int, radius: float, sides: _Sides
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
        group = sides.group(pattern, count - len(components))
        activations = activation[:, None]
        if sides.mirror:
            activations = np.zeros((len(rest), len(group)), np.float32)
            activations = _nonnegative_weights(rest.reshape(len(rest), -1) @ group.T, group @ group.T, activations)
        rest = rest - (activations @ group).reshape(rest.shape)
        levels = np.maximum(np.percentile(activations, 99.5, axis=0), 1e-9)
        components.extend(group * levels.max())
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
