"""Names that an animator can read: every blendshape is called by what it does, in the words of FACS shapes."""

from collections.abc import Callable

import numpy as np
import scipy.optimize
import torch

from ...face.flame import Head
from ..geometry.facs import Facs
from ..geometry.mirror import other_side
from .data import LinearCorpus

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
_USED = 0.012  # standard deviation of a FACS weight from which on a corpus counts as using the shape
_LOST = 0.4  # share of a FACS shape that the structure may take away and still leave its name true
_SINGLE = 0.75  # cosine with one muscle's shape from which on that muscle alone names a blendshape
_SECOND = 0.35  # of the first muscle's part: a second one with less is not worth a word
_SEAM = 0.008  # metres over which the halves of a middle muscle fade into each other
_ANY, _MIDDLE, _LEFT = {"left", "right", "middle", "sideways"}, {"middle"}, {"left", "sideways"}


def names_in_use(
    shapes: np.ndarray,
    partner: np.ndarray,
    corpus: LinearCorpus,
    facs: Facs,
    constrain: Callable[[torch.Tensor], torch.Tensor],
    prefix: str,
    head: Head,
) -> list[str]:
    """Names after the FACS shapes as the structure leaves them, those that the corpus uses where it is made of them."""
    names = [str(name) for name in facs.names]
    other = np.array([names.index(other_side(name)) for name in names])
    used = np.ones(len(names), bool)
    if corpus.basis.shape == facs.deltas.shape and np.allclose(corpus.basis, facs.deltas, atol=1e-5):
        used = corpus.frames("train")[0].std(axis=0) > _USED
    original = torch.from_numpy(np.asarray(facs.deltas, np.float32))
    deltas = constrain(original)
    lost = ((deltas - original).flatten(1).norm(dim=1) / original.flatten(1).norm(dim=1).clamp_min(1e-9)).numpy()
    # a muscle that the structure takes away cannot name what is there
    whole = lost + lost[other] < 2 * _LOST
    known = [name if kept else joined_name(name) for name, kept in zip(names, whole, strict=True)]
    used = (used | used[other]) & np.array([name != "" for name in known])
    kept = [name for name, chosen in zip(known, used, strict=True) if chosen]
    return name_shapes(shapes, kept, deltas.numpy()[used], prefix, partner, head.vertices[:, 0])


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
