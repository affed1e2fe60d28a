"""Which expression a head was modelled or scanned with, and the same head without it.

A person's neutral face is not known, so people and expressions are told apart by how they vary: the displacement from
the canonical head is taken as a similarity, an identity (a Gaussian over ICT-FaceKit's), an expression of a few FACS
directions and noise. What is left of the displacement after the likeliest identity decides; ``corpus neutral`` computes
the linear maps of it once. Amounts are not negative: brows below the canonical ones are a face, not an expression.
"""

import functools
from dataclasses import dataclass

import numpy as np

from .. import checkpoint
from .fit import MeshFit, similarity
from .flame import VERTEX_COUNT, load_head

KIND = "neutral face"
FILE_NAME = "neutral.npz"
LARGEST = 1.5
NOTICEABLE = 0.35  # of a direction's full movement: `corpus neutral` counts what it lets through
PRIOR = 0.4  # standard deviation of an amount
_SWEEPS, _SETTLED = 60, 1e-7  # at most, and the change in one after which none is needed
_COUNTED = 0.15  # amounts below are a face's own, and stay
# Where a person's jaw, lips and nose differ as these directions do, an amount says nothing
_LIKE_IDENTITY = ("jawForward", "mouthShrug", "mouthLeft", "mouthRight", "mouthPucker", "mouthFunnel", "mouthRoll")
_WORDS = {
    **{
        "mouthSmile": "a smile",
        "jawOpen": "an open jaw",
        "mouth": "lips drawn",
        "brow": "brows",
        "eyeBlink": "shut lids",
    },
    **{"eye": "lids", "cheek": "cheeks", "nose": "nose"},
}


@dataclass(frozen=True)
class NeutralModel:
    """directions: K names of FACS directions; vertices (n,) of the face that are looked at; weights (K, 3 n): how each
    answers to a displacement in metres; normal (K, K): how each answers to the others."""

    directions: tuple[str, ...]
    vertices: np.ndarray
    weights: np.ndarray
    normal: np.ndarray


@functools.cache
def load_neutral_model() -> NeutralModel:
    """The bundled model; read once."""
    config, arrays = checkpoint.load(checkpoint.ASSETS / FILE_NAME, KIND)
    weights = arrays["weights"].astype(np.float32) * arrays["scale"]
    return NeutralModel(tuple(config["directions"]), arrays["vertices"], weights, arrays["normal"].astype(float))


def on_canonical(vertices: np.ndarray, fit: MeshFit) -> np.ndarray:
    """Mesh positions (N, 3) as the canonical head's (5023, 3): its order, axes and size, in metres."""
    placed = np.asarray(vertices, float)
    if fit.order is not None:
        ordered = np.empty((VERTEX_COUNT, 3))
        ordered[fit.order] = placed
        placed = ordered
    canonical = load_head().vertices.astype(float)
    scale, rotation, translation = similarity(placed, canonical)
    result: np.ndarray = scale * placed @ rotation.T + translation
    return result


def expression_of(vertices: np.ndarray, fit: MeshFit) -> np.ndarray:
    """(K,) how far each direction of :func:`load_neutral_model` is in the mesh, 0 to 1.5, 1 being its full movement.

    vertices (N, 3) in the mesh's own coordinates. The likeliest amounts that are not negative, by coordinate descent.
    """
    model = load_neutral_model()
    offsets = on_canonical(vertices, fit) - load_head().vertices
    pull = model.weights @ offsets[model.vertices].ravel()
    stiffness = model.normal + np.eye(len(pull)) / PRIOR**2
    amounts = np.zeros(len(pull))
    for _ in range(_SWEEPS):
        before = amounts.copy()
        for k in range(len(amounts)):
            rest = pull[k] - stiffness[k] @ amounts + stiffness[k, k] * amounts[k]
            amounts[k] = min(max(rest / stiffness[k, k], 0.0), LARGEST)
        if np.abs(amounts - before).max() < _SETTLED:
            break
    return amounts


def expression_warning(amounts: np.ndarray) -> str | None:
    """A sentence on what is not neutral in ``amounts`` (K,) of :func:`expression_of`; None for a neutral head."""
    model = load_neutral_model()
    found = {
        name: float(amount)
        for name, amount in zip(model.directions, amounts, strict=True)
        if amount > NOTICEABLE and not name.startswith(_LIKE_IDENTITY)
    }
    if not found:
        return None
    strongest = sorted(found, key=lambda name: -found[name])
    parts = list(
        dict.fromkeys(next(said for key, said in _WORDS.items() if name.startswith(key)) for name in strongest)
    )
    return (
        f"the head is not neutral ({', '.join(parts[:3])}): every shape is added to that expression; "
        "import it neutralised, or use a neutral head"
    )


def neutralised(vertices: np.ndarray, fit: MeshFit, basis: np.ndarray) -> np.ndarray:
    """The mesh (N, 3) in its own coordinates without the expression that :func:`expression_of` finds in it.

    basis (K, 5023, 3): the directions' movements in metres, in the order of the model. A neutral head comes back as it
    is. Limits: an estimate; what the directions cannot say stays (wrinkles, bared gums, part of a wide grin).
    """
    amounts = expression_of(vertices, fit)
    if expression_warning(amounts) is None:
        return np.asarray(vertices, float)
    directions = load_neutral_model().directions
    like_identity = np.array([name.startswith(_LIKE_IDENTITY) for name in directions])
    amounts = np.where((amounts > _COUNTED) & ~like_identity, amounts, 0.0)
    placed = on_canonical(vertices, fit)
    calm = placed - np.tensordot(amounts, basis, 1)
    calm -= _open_lips(calm)
    own = np.asarray(vertices, float)
    scale, rotation, _ = similarity(placed if fit.order is None else placed[fit.order], own)
    moved = calm - placed if fit.order is None else (calm - placed)[fit.order]
    result: np.ndarray = own + scale * moved @ rotation.T
    return result


def _open_lips(placed: np.ndarray) -> np.ndarray:
    """(5023, 3) by which the lips of a head on the canonical place are further apart than the canonical ones.

    Half of it is the upper lip's, half the lower's; it fades with the distance from the mouth.
    """
    head = load_head()
    upper, lower = head.lip_pairs.T
    canonical = head.vertices.astype(float)
    apart = (placed[upper] - placed[lower] - canonical[upper] + canonical[lower])[:, 1]
    middle = (canonical[upper] + canonical[lower]) / 2
    order = np.argsort(middle[:, 0])
    along = canonical[:, 0]
    share = np.interp(along, middle[order, 0], np.maximum(apart, 0.0)[order], left=0.0, right=0.0) * head.mouth / 2
    above = canonical[:, 1] > np.interp(along, middle[order, 0], middle[order, 1])
    above[upper], above[lower] = True, False
    opened = np.zeros_like(placed)
    opened[:, 1] = np.where(above, share, -share)
    return opened
