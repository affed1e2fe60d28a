"""Corrections of a take after the fact: strengths, smoothing and delay of the lips, how far lips and lids close.

Each is a number per frame, so each may change over time, and all work on weights alone: nothing is heard again. They
come as a layer of weights to add, as the lips and the blinks do. numpy only.
"""

from dataclasses import dataclass, fields

import numpy as np

from ..face.flame import lip_gap_per_weight, load_head

_WIDEST = 2.5  # standard deviations to either side at which the smoothing's bell is cut off


@dataclass(frozen=True)
class Controls:
    """Corrections at T frames, (T,) each or one number.

    speech, upper_face, lower_face: factors of the weights; blinks: factor of the lids' closure; smoothing: seconds, one
    standard deviation of a Gaussian over the lips' motion; delay: seconds by which the lips come later; lip_close,
    lid_close: metres by which lips and lids close further, below 0 less far.
    """

    speech: np.ndarray | float = 1.0
    upper_face: np.ndarray | float = 1.0
    lower_face: np.ndarray | float = 1.0
    blinks: np.ndarray | float = 1.0
    smoothing: np.ndarray | float = 0.0
    delay: np.ndarray | float = 0.0
    lip_close: np.ndarray | float = 0.0
    lid_close: np.ndarray | float = 0.0

    @property
    def idle(self) -> bool:
        """True when they change nothing."""
        return all(np.all(np.asarray(getattr(self, item.name)) == item.default) for item in fields(self))

    def at(self, rows: np.ndarray) -> "Controls":
        """Those at ``rows`` of the frames."""
        taken = {}
        for item in fields(self):
            value = np.asarray(getattr(self, item.name), np.float64)
            taken[item.name] = value if value.ndim == 0 else value[rows]
        return Controls(**taken)


def corrected_speech(shapes: np.ndarray, speech: np.ndarray, controls: Controls, fps: float) -> np.ndarray:
    """Weights (T, K_A) of speech as the controls want them.

    shapes (K_A, 5023, 3), metres; speech (T, K_A): weights as baked, at ``fps`` frames a second.
    """
    result = _smoothed(np.asarray(speech, np.float64), controls.smoothing, controls.delay, fps)
    result *= _column(controls.speech, len(speech))
    close = _column(controls.lip_close, len(speech))[:, 0]
    if close.any():
        # lips that touch stay as they are: nothing is pushed through
        gap = result @ lip_gap_per_weight(shapes).astype(np.float64)
        wanted = np.where(close > 0.0, np.maximum(gap - close, np.minimum(gap, 0.0)), gap - close)
        result += (wanted - gap)[:, None] * opening_weights(shapes)
    return result


def corrected_expression(shapes: np.ndarray, cues: np.ndarray, controls: Controls) -> np.ndarray:
    """Weights (T, K_E) of the emotions as the controls want them; shapes (K_E, 5023, 3), cues (T, K_E) as baked."""
    upper = upper_shapes(shapes)
    factors = np.where(upper, _column(controls.upper_face, len(cues)), _column(controls.lower_face, len(cues)))
    result: np.ndarray = np.asarray(cues, np.float64) * factors
    return result


def upper_shapes(shapes: np.ndarray) -> np.ndarray:
    """(K,) bool: shapes whose motion lies mostly on brows, lids and forehead."""
    energy = np.square(shapes).sum(axis=2)
    share = energy @ load_head().upper_face / np.maximum(energy.sum(axis=1), 1e-12)
    return np.asarray(share > 0.5)


def opening_weights(shapes: np.ndarray) -> np.ndarray:
    """(K,) weights that open the lips by one metre in the middle and move else as little as shapes (K, V, 3) can."""
    flat = shapes.reshape(len(shapes), -1).astype(np.float64)
    gaps = lip_gap_per_weight(shapes).astype(np.float64)
    gram = flat @ flat.T
    found = np.linalg.solve(gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)), gaps)
    strength = float(found @ gaps)
    if strength <= 0.0:
        raise ValueError("no blendshape opens the lips")
    result: np.ndarray = found / strength
    return result


def _smoothed(speech: np.ndarray, seconds: np.ndarray | float, delay: np.ndarray | float, fps: float) -> np.ndarray:
    """(T, K) speech later by a delay and averaged by a bell, both of which may change; at rest beyond its ends."""
    width, count = _column(seconds, len(speech))[:, 0] * fps, len(speech)
    shift = _column(delay, count)[:, 0] * fps
    if not width.any() and not shift.any():
        return speech.copy()
    reach, frames = int(np.ceil(_WIDEST * width.max(initial=0.0))), np.arange(count, dtype=np.float64)
    result, total = np.zeros_like(speech), np.zeros(count)
    for offset in range(-reach, reach + 1):
        share = np.exp(-0.5 * np.square(offset / np.maximum(width, 1e-6)))
        on = np.flatnonzero(share > 1e-6)
        if len(on):
            result[on] += share[on, None] * _at(speech, frames[on] - shift[on] + offset)
            total[on] += share[on]
    result /= total[:, None]
    return result


def _at(speech: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(N, K) between frames of (T, K); the face is at rest before the first and after the last."""
    low = np.floor(frames).astype(int)
    part = (frames - low)[:, None]
    padded = np.concatenate([np.zeros((1, speech.shape[1])), speech, np.zeros((1, speech.shape[1]))])
    before, after = (padded[np.clip(row + 1, 0, len(padded) - 1)] for row in (low, low + 1))
    result: np.ndarray = (1.0 - part) * before + part * after
    return result


def _column(value: np.ndarray | float, count: int) -> np.ndarray:
    """(count, 1) of one number or of one per frame."""
    return np.broadcast_to(np.asarray(value, np.float64).reshape(-1, 1), (count, 1))
