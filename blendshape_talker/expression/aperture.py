"""The lips, where speech and expression meet: how far an emotion may open the mouth, and that /f v/ keep their teeth.

The expression set of the fusion module ends with shapes that move the lips against each other (:func:`opening_shapes`)
and two that move both together, up and forward. A cue's weights hold the opening that the emotion wants. The lip layer
takes back what speech needs: it is added to the cues, zero where nothing is said, and a function of the speech weights
and the cues' weights alone, so that it can be computed again from keys when a strip moves. numpy only.

Speech needs the lips wherever they are not at rest against each other, and its weights say so by themselves: in pauses
the lip pairs move by .04 mm against each other (median), in any phone by more than .17 mm in 49 of 50 frames, bilabials
included, because lips are pressed, not just shut. And only /f v/ tuck the lower lip under the upper teeth, which shows
as a gap below that of rest.
"""

import numpy as np

from ..face.flame import LOWER_LIP, lip_gap_per_weight, load_head
from .motion import smooth_step

LIP_SHAPES = 2  # the last of the expression set: both lips up, both lips forward
_PARTING = 5e-5  # m at weight 1 from which on a shape moves lips against each other; rounding of the others: 4e-6
_WIDE_OPEN = 5e-4  # m of opening from which on an emotion's opening counts in full; below 0 it would press the lips
_RESTING = 2e-4  # m rms between lip pairs and their place at rest
_HELD, _RELEASED = 0.15, 0.25  # s next to speech in which lips stay as they are, and s in which they open thereafter
_BITING = -9e-4  # m of gap
_BITTEN, _LET_GO = 0.06, 0.12  # s around a bite in which the lip stays at the teeth, and s to come there and go
_TOGETHER = 2e-3  # m of the lower lip at weight 1 that the two shapes move it by at least, each its own way
_SLACK = 4e-4  # m that an emotion may take the lower lip off the teeth in a bite


def opening_shapes(shapes: np.ndarray) -> np.ndarray:
    """Indices of the expression's blendshapes (K_E, 5023, 3) that move upper and lower lip against each other."""
    upper, lower = load_head().lip_pairs.T
    return np.flatnonzero(np.abs(shapes[:, upper] - shapes[:, lower]).max(axis=(1, 2), initial=0.0) > _PARTING)


def opening_only(shapes: np.ndarray, cue: np.ndarray) -> np.ndarray:
    """A cue's weights (T, K_E) with its opening kept where it opens the mouth, and dropped where it would press it."""
    opening = opening_shapes(shapes)
    share = np.clip((cue[:, opening] @ _gaps(shapes)[opening]) / _WIDE_OPEN, 0.0, 1.0)
    result = np.array(cue, np.float32)
    result[:, opening] *= share[:, None]
    return result


def free_share(speech_shapes: np.ndarray, speech: np.ndarray, fps: float) -> np.ndarray:
    """(T,) 0 … 1: how much of the lips speech leaves free: 1 in a pause, 0 in speech and in closures up to 0.3 s.

    speech_shapes (K_A, 5023, 3), metres; speech (T, K_A) their weights at ``fps`` frames a second.
    """
    pairs = load_head().lip_pairs
    relative = (speech_shapes[:, pairs[:, 0]] - speech_shapes[:, pairs[:, 1]]).reshape(len(speech_shapes), -1)
    energy = (relative @ relative.T).astype(np.float64) / len(pairs)
    speech = np.asarray(speech, np.float64)
    moved = np.sqrt(np.maximum(((speech @ energy) * speech).sum(axis=1), 0.0))
    return smooth_step((_seconds_from(moved > _RESTING, fps) - _HELD) / _RELEASED)


def bite_share(speech_shapes: np.ndarray, speech: np.ndarray, fps: float) -> np.ndarray:
    """(T,) 0 … 1: how much the lower lip belongs at the upper teeth; arguments as in :func:`free_share`."""
    biting = np.asarray(speech, np.float64) @ _gaps(speech_shapes) < _BITING
    return 1.0 - smooth_step((_seconds_from(biting, fps) - _BITTEN) / _LET_GO)


def lip_layer(
    speech_shapes: np.ndarray, speech: np.ndarray, shapes: np.ndarray, cues: np.ndarray, fps: float
) -> np.ndarray:
    """Weights (T, K_E) float32 to add to the cues' sum ``cues`` (T, K_E) so that speech keeps its lips.

    speech (T, K_A): the weights of speech, at the strength and ``fps`` frames a second at which both are shown;
    speech_shapes (K_A, 5023, 3), shapes (K_E, 5023, 3): metres.
    """
    if cues.shape[1:] != shapes.shape[:1] or len(speech) != len(cues):
        raise ValueError(f"{np.shape(speech)} and {cues.shape} weights do not fit {len(shapes)} blendshapes")
    free, bite = (share(speech_shapes, speech, fps) for share in (free_share, bite_share))
    return held_back(shapes, cues, free, bite)


def held_back(shapes: np.ndarray, cues: np.ndarray, free: np.ndarray, bite: np.ndarray) -> np.ndarray:
    """The lip layer (T, K_E) float32 from what speech leaves free and where it bites, (T,) 0 … 1 each.

    Takes back the opening where the lips are not free, and what takes the lower lip down or forward off the teeth while
    they bite; there both lips come back together.
    """
    cues = np.asarray(cues, np.float64)
    layer = np.zeros(cues.shape, np.float32)
    opening = opening_shapes(shapes)
    layer[:, opening] = -(1.0 - free)[:, None] * cues[:, opening]
    joined = np.setdiff1d(np.arange(len(shapes)), opening)
    lower = cues[:, joined] @ shapes[joined, LOWER_LIP, 1:].astype(np.float64)  # (T, 2) up, forward
    off = np.maximum(np.stack([-lower[:, 0], lower[:, 1]], axis=1) - _SLACK, 0.0) * [1.0, -1.0]
    moves = shapes[-LIP_SHAPES:, LOWER_LIP, 1:].astype(np.float64)
    if off.any() and _move_both_lips(moves):
        layer[:, -LIP_SHAPES:] += bite[:, None] * (off @ np.linalg.inv(moves))
    return layer


def _move_both_lips(moves: np.ndarray) -> bool:
    """Whether the last shapes are the two that ``train fusion`` puts there; a set without them bites as it can."""
    if moves.shape != (LIP_SHAPES, 2):
        return False
    own = np.diag(moves)
    return bool(own.min() > _TOGETHER and np.abs(moves - np.diag(own)).max() < 0.2 * own.min())


def _gaps(shapes: np.ndarray) -> np.ndarray:
    """(K,) metres that one unit of each blendshape opens the lips in the middle."""
    return np.asarray(lip_gap_per_weight(shapes), np.float64)


def _seconds_from(frames: np.ndarray, fps: float) -> np.ndarray:
    """(T,) seconds from each frame to the nearest that is true; infinite where none is."""
    index = np.arange(len(frames))
    before = np.maximum.accumulate(np.where(frames, index, -np.inf)) if len(frames) else index
    after = np.minimum.accumulate(np.where(frames, index, np.inf)[::-1])[::-1] if len(frames) else index
    return np.minimum(index - before, after - index) / fps
