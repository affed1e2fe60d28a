"""Blendshapes that an animator can read: rotated to be local, scaled to sliders, named by what they do."""

import numpy as np
import scipy.optimize

_PHRASES = {
    "browDown": "brow down", "browInnerUp": "brow inner up", "browOuterUp": "brow outer up", "cheekPuff": "cheek puff",
    "cheekRaiser": "cheek raise", "cheekSquint": "cheek squint", "eyeBlink": "eye blink", "eyeLookDown": "look down",
    "eyeLookIn": "look in", "eyeLookOut": "look out", "eyeLookUp": "look up", "eyeSquint": "eye squint",
    "eyeWide": "eye wide", "jawForward": "jaw forward", "jawLeft": "jaw sideways left", "jawOpen": "jaw open",
    "jawRight": "jaw sideways right", "mouthClose": "lips close", "mouthDimple": "mouth dimple",
    "mouthFrown": "mouth frown", "mouthFunnel": "lips funnel", "mouthLeft": "mouth sideways left",
    "mouthLowerDown": "lower lip down", "mouthPress": "lips press", "mouthPucker": "lips pucker",
    "mouthRight": "mouth sideways right", "mouthRollLower": "lower lip roll", "mouthRollUpper": "upper lip roll",
    "mouthShrugLower": "lower lip shrug", "mouthShrugUpper": "upper lip shrug", "mouthSmile": "mouth smile",
    "mouthStretch": "mouth stretch", "mouthUpperUp": "upper lip up", "noseSneer": "nose sneer",
    "PupilDilate": "pupil dilate",
}  # fmt: skip
_SINGLE = 0.75  # cosine with one muscle's shape from which on that muscle alone names a blendshape


def principal_components(curves: np.ndarray, basis: np.ndarray, count: int) -> np.ndarray:
    """(count, V, 3) uncentred principal components of the frames ``curves (N, K) @ basis (K, V, 3)``, times their
    standard deviation; fewer when the frames have a lower rank."""
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    moment = curves.astype(np.float64).T @ curves / len(curves)
    values, vectors = np.linalg.eigh(moment)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    values, vectors = np.linalg.eigh(root @ (flat @ flat.T) @ root)
    order = np.argsort(values)[::-1][:count]
    order = order[values[order] > 1e-7 * values.max()]
    return ((vectors[:, order].T @ root) @ flat).reshape(len(order), *basis.shape[1:])


def varimax(components: np.ndarray, iterations: int = 200) -> np.ndarray:
    """Rotate components (K, V, 3) among themselves so that each moves few vertices much (Kaiser 1958)."""
    loadings = components.reshape(len(components), -1).T
    rotation = np.eye(loadings.shape[1])
    objective = 0.0
    for _ in range(iterations):
        rotated = loadings @ rotation
        gradient = loadings.T @ (rotated**3 - rotated * np.square(rotated).mean(axis=0))
        left, singular, right = np.linalg.svd(gradient)
        rotation = left @ right
        if singular.sum() < objective * (1 + 1e-6):
            break
        objective = singular.sum()
    return (loadings @ rotation).T.reshape(components.shape)


def fit_weights(curves: np.ndarray, basis: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Least-squares weights (N, S) of ``shapes`` (S, V, 3) for the frames ``curves @ basis``."""
    target, flat = basis.reshape(len(basis), -1), shapes.reshape(len(shapes), -1)
    gram = flat @ flat.T
    ridge = 1e-8 * np.trace(gram) / len(gram) * np.eye(len(gram))
    return curves @ np.linalg.solve(gram + ridge, flat @ target.T).T


def slider_scale(weights: np.ndarray, percentile: float = 99.99) -> np.ndarray:
    """(K,) signed factors that bring weights (N, K) into -1 … 1, their longer side up, but for rare extremes."""
    high = np.percentile(weights, percentile, axis=0)
    low = np.percentile(weights, 100 - percentile, axis=0)
    factor = np.where(high >= -low, 1.0, -1.0) * np.maximum(high, -low)
    return np.where(np.abs(factor) > 1e-6, factor, 1.0)


def name_shapes(shapes: np.ndarray, facs_names: list[str], facs_deltas: np.ndarray, prefix: str) -> list[str]:
    """A unique name for each of (K, V, 3): the FACS shapes (S, V, 3) most like it, one or a few, in words."""
    phrases, atoms = _muscles(facs_names, facs_deltas)
    names: list[str] = []
    for shape in shapes.reshape(len(shapes), -1).astype(np.float64):
        candidates = [f"{prefix} {phrase}" for phrase in _descriptions(shape, phrases, atoms)]
        numbered = (f"{candidates[0]} {number}" for number in range(2, len(shapes) + 2))
        names.append(next(name for name in [*candidates, *numbered] if name not in names))
    return names


def _muscles(facs_names: list[str], facs_deltas: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Every FACS shape alone, and left and right together: (phrases, unit vectors (M, 3 V))."""
    flat = facs_deltas.reshape(len(facs_deltas), -1).astype(np.float64)
    found: dict[str, np.ndarray] = {}
    for name, shape in zip(facs_names, flat, strict=True):
        stem, _, side = name.partition("_")
        words = _PHRASES.get(stem, stem)
        if side:
            found[f"{words} {'left' if side == 'L' else 'right'}"] = shape
            found[words] = found.get(words, 0.0) + shape
        else:
            found[words] = shape
    kept = {words: shape for words, shape in found.items() if np.linalg.norm(shape) > 1e-6}
    return list(kept), np.stack([shape / np.linalg.norm(shape) for shape in kept.values()])


def _descriptions(shape: np.ndarray, phrases: list[str], atoms: np.ndarray) -> list[str]:
    """Descriptions from the shortest that fits to longer ones: matching pursuit with positive amounts."""
    chosen: list[int] = []
    rest = shape
    first_fit = 0.0
    for _ in range(3):
        fit = atoms @ rest
        fit[chosen] = -np.inf
        chosen.append(int(fit.argmax()))
        amounts, _ = scipy.optimize.nnls(atoms[chosen].T, shape)
        rest = shape - amounts @ atoms[chosen]
        first_fit = first_fit or fit[chosen[0]] / max(np.linalg.norm(shape), 1e-12)
    lists = [" + ".join(phrases[i] for i in chosen[:length]) for length in (1, 2, 3)]
    return lists if first_fit >= _SINGLE else lists[1:]
