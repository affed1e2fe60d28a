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
# what is seen of the muscles that part the lips where the lips are joined
_JOINED = {
    "jawOpen": "chin down", "mouthFunnel": "lips forward", "mouthLowerDown": "lips down", "mouthPress": "lips press",
    "mouthShrugLower": "chin up", "mouthUpperUp": "lips up",
}  # fmt: skip
JOINED = "Joined"  # after the stem of such a muscle's name
_PHRASES |= {stem + JOINED: words for stem, words in _JOINED.items()}
_SINGLE = 0.75  # cosine with one muscle's shape from which on that muscle alone names a blendshape
_SECOND = 0.35  # of the first muscle's part: a second one with less is not worth a word
_SEAM = 0.008  # metres over which the halves of a middle muscle fade into each other
_ANY, _MIDDLE, _LEFT = {"left", "right", "middle", "sideways"}, {"middle"}, {"left", "sideways"}


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


def name_shapes(
    shapes: np.ndarray,
    facs_names: list[str],
    facs_deltas: np.ndarray,
    prefix: str,
    partner: np.ndarray | None = None,
    across: np.ndarray | None = None,
) -> list[str]:
    """A unique name for each of (K, V, 3): the FACS shapes (S, V, 3) most like it, one or a few, in words.

    partner (K,): index of each shape's mirror image, left ones first, its own for a symmetric one; then the names of a
    pair differ in left and right alone, and symmetric shapes have no side. across (V,): how far left a vertex lies.
    """
    muscles = _muscles(facs_names, facs_deltas, across)
    names: list[str] = []
    for index, shape in enumerate(shapes.reshape(len(shapes), -1).astype(np.float64)):
        own = index if partner is None else int(partner[index])
        if own < index:
            names.append(other_words(names[own]))
            continue
        sides = _ANY if partner is None else _MIDDLE if own == index else _LEFT
        chosen = [(words, atom) for words, side, atom in muscles if side in sides]
        described = _descriptions(shape, [words for words, _ in chosen], np.stack([atom for _, atom in chosen]))
        candidates = [f"{prefix} {phrase}" for phrase in described]
        numbered = (f"{candidates[-1]} {number}" for number in range(2, len(shapes) + 2))
        taken = {*names, *map(other_words, names)}
        names.append(next(name for name in [*candidates, *numbered] if name not in taken))
    return names


def joined_name(name: str) -> str:
    """The name under which a muscle that parts the lips is looked up when it cannot; empty when nothing is left."""
    stem, mark, side = name.partition("_")
    return f"{stem}{JOINED}{mark}{side}" if stem in _JOINED else ""


def other_words(name: str) -> str:
    """The name with left and right exchanged."""
    swapped = {"left": "right", "right": "left"}
    return " ".join(swapped.get(word, word) for word in name.split(" "))


def _muscles(facs_names: list[str], facs_deltas: np.ndarray, across: np.ndarray | None) -> list[tuple]:
    """(words, side, unit vector (3 V,)) of every FACS shape, of left and right together, of the halves of middle ones.

    Sides: left, right, middle, and sideways for what moves the whole mouth or jaw to one side.
    """
    found: dict[str, tuple[str, np.ndarray]] = {}
    for name, shape in zip(facs_names, facs_deltas.astype(np.float64), strict=True):
        stem, _, side = name.partition("_")
        words = _PHRASES.get(stem, stem)
        if side:
            word = "left" if side == "L" else "right"
            found[f"{words} {word}"] = word, shape
            found[words] = "middle", found[words][1] + shape if words in found else shape
        elif words.endswith(("left", "right")):
            found[words] = "sideways", shape
        else:
            found[words] = "middle", shape
            if across is not None:
                leftness = 0.5 + 0.5 * np.tanh(across / _SEAM)[:, None]
                found[f"{words} left"] = "left", shape * leftness
                found[f"{words} right"] = "right", shape * (1.0 - leftness)
    sizes = {words: float(np.linalg.norm(shape)) for words, (_, shape) in found.items()}
    return [
        (words, side, shape.ravel() / sizes[words]) for words, (side, shape) in found.items() if sizes[words] > 1e-6
    ]


def _descriptions(shape: np.ndarray, phrases: list[str], atoms: np.ndarray) -> list[str]:
    """Descriptions from the shortest that fits to longer ones: matching pursuit with positive amounts."""
    chosen: list[int] = []
    rest = shape
    first_fit = 0.0
    second = 0.0
    for _ in range(min(3, len(atoms))):
        fit = atoms @ rest
        fit[chosen] = -np.inf
        chosen.append(int(fit.argmax()))
        amounts, _ = scipy.optimize.nnls(atoms[chosen].T, shape)
        rest = shape - amounts @ atoms[chosen]
        first_fit = first_fit or fit[chosen[0]] / max(np.linalg.norm(shape), 1e-12)
        second = second or (amounts[1] / max(amounts[0], 1e-12) if len(chosen) > 1 else 0.0)
    lists = [" + ".join(phrases[i] for i in chosen[:length]) for length in range(1, len(chosen) + 1)]
    return lists if first_fit >= _SINGLE or second < _SECOND or len(lists) < 2 else lists[1:]
