"""Blinks as a layer of their own: what brings the lids from where an emotion holds them to shut, never through the eye.

A blink that is part of the emotion's own weights grows and fades with the emotion: at half its strength the eye stays
half open, at twice the upper lid ends below the lower one. So the opening of the lids is measured, on the canonical
head, where it is linear in the weights, and the layer closes what the emotion leaves open. numpy only.

The upper lid goes with the eye as well: where the eye rests, and in saccades, up and down by about the same angle
(Becker, Fuchs 1988). The lower lid goes a little way too, in people; no blendshape moves it alone.
"""

import numpy as np

from ..face.flame import LEFT_LIDS, RIGHT_LIDS, lid_gaps, load_head
from ..face.joints import sphere_middle

SHUT = -0.00025  # m, mean gap of shut lids: a blink presses them together by so much (ICT-FaceKit's eyeBlink: 0.26 mm)


def blink_layer(
    shapes: np.ndarray,
    emotion: np.ndarray,
    closure: np.ndarray,
    close: np.ndarray | float = 0.0,
    pitch: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Weights (T, K_E) float32 to add to ``emotion`` so that each eye is shut by ``closure``.

    shapes (K_E, 5023, 3): the expression's blendshapes, metres; emotion (T, K_E): their weights without blinks, at the
    strength at which they are shown; closure (T,): 0 leaves the lids as the emotion holds them, 1 shuts them. Where the
    emotion alone would push a lid through the eye, the layer is negative and holds it at shut, whatever the closure.
    close: metres, one number or (T,), by which the lids hang lower than the emotion holds them, below 0 higher.
    pitch: radians, one number, (T,) or (T, 2) for each eye, by which it looks down: the upper lid follows.
    """
    shapes, emotion = np.asarray(shapes), np.asarray(emotion)
    if emotion.shape[1:] != shapes.shape[:1]:
        raise ValueError(f"{emotion.shape} weights do not fit {len(shapes)} blendshapes")
    opening, closing = lid_opening(shapes, emotion), closing_weights(shapes)
    held = opening - np.asarray(close).reshape(-1, 1) - _followed(shapes, closing, opening, pitch)
    wanted = (1.0 - np.asarray(closure)[:, None]) * np.maximum(held, 0.0)
    layer: np.ndarray = (opening - wanted) @ closing
    return layer.astype(np.float32)


def _followed(
    shapes: np.ndarray, closing: np.ndarray, opening: np.ndarray, pitch: np.ndarray | float
) -> np.ndarray | float:
    """Metres (T, 2) by which an eye's opening (T, 2) shrinks so that the upper lid turns by ``pitch`` with the eye.

    Lids that an emotion narrows follow less, and all follow less the farther they go: looking down shuts no eye.
    """
    turned = np.asarray(pitch, np.float64)
    if not turned.any():
        return 0.0
    head, at_rest = load_head(), lid_gaps(load_head().vertices) - SHUT
    metres = []
    for ball, lids, weights in zip(head.eyes, (LEFT_LIDS, RIGHT_LIDS), closing, strict=True):
        middle = lids[len(lids) // 2 - 2 : len(lids) // 2 + 2, 0]
        arm = (head.vertices[middle] - sphere_middle(head.vertices[ball]))[:, 2].mean()  # it goes down by arm a radian
        metres.append(arm / -(weights @ shapes[:, middle, 1].astype(np.float64)).mean())
    wanted = np.array(metres) * turned.reshape(len(turned) if turned.ndim else 1, -1)
    result: np.ndarray = np.clip(opening, 0.0, at_rest) * np.tanh(wanted / at_rest)
    return result


def lid_opening(shapes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(T, 2) metres by which the left and the right eye are open: 0 is shut, below 0 a lid is through the eye."""
    opening: np.ndarray = lid_gaps(load_head().vertices) - SHUT + np.asarray(weights, np.float64) @ lid_gaps(shapes)
    return opening


def closing_weights(shapes: np.ndarray) -> np.ndarray:
    """(2, K_E) weights that close the left eye alone and the right eye alone by one metre.

    Each eye is closed with the blendshape that closes it most and moves little else: with the largest product of its
    closing and the share of its motion that lies around the eyes.
    """
    head = load_head()
    energy = np.einsum("kvi,kvi->kv", shapes, shapes)
    local = energy[:, head.eye_region].sum(axis=1) / np.maximum(energy.sum(axis=1), 1e-12)
    closing = -lid_gaps(shapes)  # (K_E, 2)
    chosen = (closing * local[:, None]).argmax(axis=0)
    if chosen[0] == chosen[1] or closing[chosen, [0, 1]].min() <= 0:
        raise ValueError("no blendshape closes one eye alone")
    result = np.zeros((2, len(shapes)))
    result[:, chosen] = np.linalg.inv(closing[chosen])
    return result
