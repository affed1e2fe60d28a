"""What speech leaves of the lips: all of them in silence, nothing in speech, the lower lip at the teeth in /f v/."""

import functools

import numpy as np
import pytest

from blendshape_talker.expression.aperture import (
    bite_share,
    free_share,
    held_back,
    lip_layer,
    opening_only,
    opening_shapes,
)
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.fusion import FusionModel

LIBRARY = ExpressionLibrary.load()
FPS = 60.0
OPENING_EMOTIONS = ("surprised", "afraid", "happy", "excited")


@functools.cache
def model() -> FusionModel:
    return FusionModel.load()


def speech_shapes() -> np.ndarray:
    return model().blendshapes[: model().speech_count]


def shapes() -> np.ndarray:
    return model().blendshapes[model().speech_count :]


def gaps(weights: np.ndarray, of: np.ndarray) -> np.ndarray:
    return weights @ (of[:, UPPER_LIP, 1] - of[:, LOWER_LIP, 1])


@functools.cache
def cue(emotion: str, frames: int = 180) -> np.ndarray:
    living = LIBRARY.living(emotion, np.arange(frames) / FPS)
    return opening_only(shapes(), model().weights(living, LIBRARY.basis, "expression"))


def spoken(start: int, stop: int, frames: int = 180, direction: str = "jawOpen") -> np.ndarray:
    """Speech weights of syllables (four a second) in frames start … stop, at rest elsewhere."""
    curves = np.zeros((frames, len(LIBRARY.directions)), np.float32)
    beat = np.arange(stop - start) / FPS
    curves[start:stop, LIBRARY.directions.index(direction)] = 0.15 * (1 - np.cos(2 * np.pi * 4 * beat))
    return model().weights(curves, LIBRARY.basis, "speech")


def test_in_silence_all_of_the_opening_is_there():
    silence = np.zeros((180, model().speech_count), np.float32)
    for emotion in OPENING_EMOTIONS:
        layer = lip_layer(speech_shapes(), silence, shapes(), cue(emotion), FPS)
        assert layer.dtype == np.float32 and not layer.any()
        wanted = LIBRARY.living(emotion, np.arange(180) / FPS)
        wanted = gaps(wanted, LIBRARY.basis)
        assert (gaps(cue(emotion), shapes()) / wanted).min() > 0.9, emotion


def test_in_speech_no_emotion_moves_the_lips_against_each_other():
    speaking = spoken(0, 180)
    for emotion in LIBRARY.names:
        shown = cue(emotion) + lip_layer(speech_shapes(), speaking, shapes(), cue(emotion), FPS)
        assert np.abs(gaps(shown, shapes())).max() < 2e-5, emotion


def test_lips_are_free_in_pauses_alone_and_come_and_go_smoothly():
    free = free_share(speech_shapes(), spoken(60, 90), FPS)
    assert free[:30].min() == 1.0 and free[125:].min() == 1.0
    assert not free[52:98].any(), "from 0.15 s before to 0.15 s after speech"
    assert np.abs(np.diff(free)).max() < 0.15 and np.abs(np.diff(free, 2)).max() < 0.03
    closure = np.concatenate([spoken(0, 60, 60), np.zeros((17, model().speech_count), np.float32), spoken(0, 60, 60)])
    assert not free_share(speech_shapes(), closure, FPS).any(), "a closure of 0.28 s is no pause"


def test_free_lips_do_not_depend_on_the_frame_rate():
    fast, slow = spoken(60, 90), spoken(60, 90)[::2]
    np.testing.assert_allclose(
        free_share(speech_shapes(), fast, 60.0)[::2], free_share(speech_shapes(), slow, 30.0), atol=0.15
    )


def test_an_emotion_that_presses_the_lips_opens_nothing():
    for emotion in LIBRARY.names:
        assert gaps(cue(emotion), shapes()).min() > -1e-5, emotion
    pressing = gaps(LIBRARY.living("determined", np.arange(10) / FPS), LIBRARY.basis)
    assert pressing.max() < -0.002
    assert not cue("determined")[:, opening_shapes(shapes())].any()


@pytest.mark.parametrize("direction", [(0.0, -0.003), (0.004, 0.0), (0.002, -0.002)])
def test_a_bite_brings_both_lips_back_to_the_teeth(direction):
    forward, up = direction
    moves = shapes()[-2:, LOWER_LIP, 1:].astype(float)
    off = np.zeros((3, len(shapes())))
    off[:, -2:] = np.array([up, forward]) @ np.linalg.inv(moves)
    layer = held_back(shapes(), off, np.zeros(3), np.array([0.0, 0.5, 1.0]))
    assert not layer[0].any()
    for bite, weights in zip((0.0, 0.5, 1.0), off + layer, strict=True):
        lower = weights @ shapes()[:, LOWER_LIP, 1:]
        left = max(-lower[0], lower[1])
        assert left <= 0.0005 + (1 - bite) * 0.004
        assert abs(gaps(weights[None], shapes())[0]) < 2e-5, "both lips move"
    raised = -off
    assert not held_back(shapes(), raised, np.zeros(3), np.ones(3)).any(), "up and back the lip stays at the teeth"


def test_a_bite_is_a_tucked_lower_lip_and_a_while_around_it():
    gap = speech_shapes()[:, UPPER_LIP, 1] - speech_shapes()[:, LOWER_LIP, 1]
    tucked = np.zeros((120, len(gap)))
    tucked[60:66] = -0.002 * gap / (gap @ gap)
    bite = bite_share(speech_shapes(), tucked, FPS)
    assert bite[57:69].min() > 0.99 and not bite[:45].any() and not bite[80:].any()
    assert np.abs(np.diff(bite)).max() < 0.3
    assert not bite_share(speech_shapes(), -tucked, FPS).any()


def test_weights_that_do_not_fit_are_refused_and_none_are_none():
    with pytest.raises(ValueError, match="do not fit"):
        lip_layer(speech_shapes(), np.zeros((4, model().speech_count)), shapes(), np.zeros((5, len(shapes()))), FPS)
    empty = lip_layer(speech_shapes(), np.zeros((0, model().speech_count)), shapes(), np.zeros((0, len(shapes()))), FPS)
    assert empty.shape == (0, len(shapes()))
