"""Corrections after the fact: what each does to weights, over time and at the edges."""

import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.expression.controls import (
    Controls,
    corrected_expression,
    corrected_speech,
    opening_weights,
    upper_shapes,
)
from blendshape_talker.expression.lids import blink_layer, lid_opening
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP

FPS = 60.0


@pytest.fixture(scope="module")
def shapes():
    """(speech shapes, expression shapes, names of these) of the bundled network, without torch."""
    config, arrays = checkpoint.load(checkpoint.ASSETS / "fusion.npz", "fusion network")
    every = arrays["blendshapes"].astype(np.float32) * arrays["blendshape_scale"].astype(np.float32)[:, None, None]
    count = config["speech_count"]
    return every[:count], every[count:], config["names"][count:]


@pytest.fixture
def speech(shapes):
    time = np.arange(120)[:, None] / FPS
    return 0.5 + 0.4 * np.sin(9.0 * time + np.arange(len(shapes[0])))


def gap(shapes, weights):
    return weights @ (shapes[:, UPPER_LIP, 1] - shapes[:, LOWER_LIP, 1])


def test_idle_controls_change_nothing(shapes, speech):
    assert Controls().idle and Controls(speech=np.ones(5)).idle
    assert not Controls(delay=0.1).idle and not Controls(speech=np.array([1.0, 0.9])).idle
    assert np.array_equal(corrected_speech(shapes[0], speech, Controls(), FPS), speech)
    cues = np.random.default_rng(0).normal(size=(120, len(shapes[1])))
    assert np.array_equal(corrected_expression(shapes[1], cues, Controls()), cues)


def test_strengths_over_time(shapes, speech):
    ramp = np.linspace(0.0, 2.0, 120)
    assert np.allclose(corrected_speech(shapes[0], speech, Controls(speech=ramp), FPS), ramp[:, None] * speech)
    cues = np.ones((120, len(shapes[1])))
    result = corrected_expression(shapes[1], cues, Controls(upper_face=0.0, lower_face=ramp))
    upper = upper_shapes(shapes[1])
    assert {name for name, on in zip(shapes[2], upper, strict=True) if on} == {
        name for name in shapes[2] if "brow" in name or "blink" in name
    }
    assert np.all(result[:, upper] == 0.0) and np.allclose(result[:, ~upper], ramp[:, None])


@pytest.mark.parametrize("delay", [-0.2, -0.05, 0.1, 0.2])
def test_a_delay_shifts_the_lips_and_leaves_rest_behind(shapes, speech, delay):
    result = corrected_speech(shapes[0], speech, Controls(delay=delay), FPS)
    frames = round(delay * FPS)
    inside = slice(max(frames, 0), 120 + min(frames, 0))
    assert np.allclose(result[inside], speech[max(-frames, 0) : 120 - max(frames, 0)])
    assert np.all(result[: max(frames, 0)] == 0.0) and np.all(result[120 + min(frames, 0) :] == 0.0)


def test_smoothing_calms_and_keeps_what_is_still(shapes, speech):
    rough = speech + np.where(np.arange(120)[:, None] % 2, 0.2, -0.2)
    result = corrected_speech(shapes[0], rough, Controls(smoothing=0.05), FPS)
    assert np.abs(np.diff(result[20:-20], 2, axis=0)).max() < 0.05 * np.abs(np.diff(rough, 2, axis=0)).max()
    still = corrected_speech(shapes[0], np.ones((120, len(shapes[0]))), Controls(smoothing=0.05), FPS)
    assert np.allclose(still[20:-20], 1.0)
    late = np.where(np.arange(120) < 60, 0.0, 0.05)
    half = corrected_speech(shapes[0], rough, Controls(smoothing=late), FPS)
    assert np.array_equal(half[:60], rough[:60]) and np.allclose(half[60:], result[60:])


def test_lips_close_further_and_never_through_each_other(shapes, speech):
    result = corrected_speech(shapes[0], speech, Controls(lip_close=0.002), FPS)
    before, after = gap(shapes[0], speech), gap(shapes[0], result)
    assert before.max() > 0.004 and np.allclose(after, np.maximum(before - 0.002, np.minimum(before, 0.0)))
    opened = gap(shapes[0], corrected_speech(shapes[0], speech, Controls(lip_close=-0.002), FPS))
    assert np.allclose(opened, before + 0.002)
    moved = np.abs(np.tensordot(0.002 * opening_weights(shapes[0]), shapes[0], 1)).max()
    assert moved < 0.003


def test_lids_hang_lower_or_higher_and_stop_at_the_eye(shapes):
    emotion, closure = np.zeros((3, len(shapes[1]))), np.array([0.0, 1.0, 0.0])
    open_eye = lid_opening(shapes[1], emotion)[0]
    for close in (0.002, -0.001):
        opening = lid_opening(shapes[1], blink_layer(shapes[1], emotion, closure, close))
        assert np.allclose(opening[[0, 2]], open_eye - close, atol=1e-5) and np.allclose(opening[1], 0.0, atol=1e-5)
    shut = lid_opening(shapes[1], blink_layer(shapes[1], emotion, closure, np.array([0.1, 0.1, 0.0])))
    assert np.allclose(shut[0], 0.0, atol=1e-5) and np.allclose(shut[2], open_eye, atol=1e-5)


def test_controls_of_some_frames():
    controls = Controls(speech=np.array([0.1, 0.2, 0.3]), delay=0.1).at(np.array([2, 0]))
    assert np.array_equal(controls.speech, [0.3, 0.1]) and controls.delay == 0.1
