"""Sliders of a head, constant and keyed: what plays, after a reload and before an export; with the bundled shapes."""

import bpy
import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, controls, export, scene_io
from blendshape_talker.expression.aperture import lip_layer
from blendshape_talker.expression.controls import Controls, corrected_expression, corrected_speech
from blendshape_talker.expression.cues import Cue, CueTake
from blendshape_talker.expression.lids import blink_layer

FIRST, COUNT, RATE = 21, 72, 24.0


@pytest.fixture(scope="module")
def shapes():
    """(names, speech shapes, expression shapes) of the bundled network, without torch."""
    config, arrays = checkpoint.load(checkpoint.ASSETS / "fusion.npz", "fusion network")
    every = arrays["blendshapes"].astype(np.float32) * arrays["blendshape_scale"].astype(np.float32)[:, None, None]
    return config["names"], *np.split(every, [config["speech_count"]])


class Performance:
    """A line of 3 s as a bake makes it: speech, one emotion, lips, two blinks."""

    def __init__(self, names, speech_shapes, shapes):
        self.names, self.speech_shapes, self.shapes = names, speech_shapes, shapes
        time = np.arange(COUNT)[:, None] / RATE
        self.speech = (0.3 * np.sin(11 * time + np.arange(len(speech_shapes))) * (time > 0.6)).astype(np.float32)
        self.emotion = np.broadcast_to(0.5 + 0.02 * np.arange(len(shapes)), (COUNT, len(shapes))).astype(np.float32)
        self.closure = np.zeros(COUNT)
        self.closure[[30, 60]] = 1.0

    def weights(self, wanted=Controls()):  # noqa: B008
        """What should play: (T, K), as the core computes it for these controls."""
        speech = corrected_speech(self.speech_shapes, self.speech, wanted, RATE)
        cues = corrected_expression(self.shapes, self.emotion, wanted)
        held = lip_layer(self.speech_shapes, speech, self.shapes, cues, RATE)
        closure = np.clip(self.closure * wanted.blinks, 0.0, 1.0)
        blinks = blink_layer(self.shapes, cues + held, closure, wanted.lid_close)
        return np.concatenate([speech, cues + held + blinks], axis=1)

    def take(self):
        weights, count = self.weights(), self.speech.shape[1]
        held = lip_layer(self.speech_shapes, self.speech, self.shapes, self.emotion, RATE)
        blinks = weights[:, count:] - self.emotion - held
        cue = CueTake(Cue(0.0, COUNT / RATE, "happy", 1.0, 0.0, 0.0), 0, np.vstack([self.emotion, self.emotion[-1:]]))
        about = {"recording": "/a.wav", "name": "a", "fps": RATE, "strips": 1, "asked": ["x", "y"]}
        deltas = np.concatenate([self.speech_shapes, self.shapes])
        return animation.Take(
            self.names, count, deltas, weights, FIRST, blinks, self.closure, about, (cue,), held
        )  # fmt: skip


@pytest.fixture
def baked(registered, shapes):
    """(head, performance) of a head that was baked just now, at 24 frames a second."""
    bpy.context.scene.render.fps = int(RATE)
    head, performance = scene_io.add_demo_head(bpy.context), Performance(*shapes)
    animation.write_take(head, performance.take())
    bpy.context.scene.blendshape_talker.target = head
    return head, performance


def difference(head, performance, wanted, every=5):
    """Largest difference between what Blender plays and what the core gives for these controls."""
    rows = np.arange(0, COUNT, every)
    names, plays = animation.shape_key_names(head), []
    for row in rows:
        bpy.context.scene.frame_set(int(FIRST + row))
        plays.append([head.data.shape_keys.key_blocks[names[name]].value for name in performance.names])
    return np.abs(np.array(plays) - performance.weights(wanted)[rows]).max()


def track_names(head):
    return [track.name for track in head.data.shape_keys.animation_data.nla_tracks if len(track.strips)]


def key(head, name, points):
    """Keys on a slider, straight from one to the next, as hands set them with I."""
    group = head.blendshape_talker
    for frame, value in points:
        setattr(group, name, value)
        group.keyframe_insert(name, frame=frame)
    data = head.animation_data
    for curve in animation.curves_of(data.action):
        if curve.data_path.endswith(name):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"


def test_a_bake_plays_as_it_was_taken(baked):
    head, performance = baked
    assert difference(head, performance, Controls()) < 1e-5
    assert track_names(head) == ["Rest face", "Speech", "Expression", "Lips", "Blinks"]
    animation.refresh(head)
    assert difference(head, performance, Controls()) < 1e-5


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("speech", 0.5, Controls(speech=0.5)), ("upper_face", 0.0, Controls(upper_face=0.0)),
        ("lower_face", 1.5, Controls(lower_face=1.5)), ("blinks", 0.4, Controls(blinks=0.4)),
        ("smoothing", 40.0, Controls(smoothing=0.04)), ("delay", -125.0, Controls(delay=-0.125)),
        ("lip_close", 1.5, Controls(lip_close=0.0015)), ("lid_close", -1.0, Controls(lid_close=-0.001)),
    ],
)  # fmt: skip
def test_a_slider_plays_what_it_says_and_comes_back(baked, name, value, wanted):
    head, performance = baked
    setattr(head.blendshape_talker, name, value)
    animation.refresh(head)
    assert difference(head, performance, wanted) < 1e-4
    assert difference(head, performance, Controls()) > 0.01
    assert animation.hand_made_animation(head) is None
    assert bpy.ops.blendshape_talker.reset_controls() == {"FINISHED"}
    assert difference(head, performance, Controls()) < 1e-5
    assert track_names(head) == ["Rest face", "Speech", "Expression", "Lips", "Blinks"]


def test_keys_on_sliders_play_frame_by_frame(baked):
    head, performance = baked
    key(head, "speech", [(FIRST + 10, 1.0), (FIRST + 50, 0.0)])
    key(head, "delay", [(FIRST, 0.0), (FIRST + 70, 100.0)])
    key(head, "upper_face", [(FIRST + 20, 2.0), (FIRST + 40, 0.5)])
    assert animation.is_stale(head)
    animation.refresh(head)
    assert not animation.is_stale(head)
    rows = np.arange(COUNT)
    wanted = Controls(
        speech=np.interp(rows, [10, 50], [1.0, 0.0]), delay=np.interp(rows, [0, 70], [0.0, 0.1]),
        upper_face=np.interp(rows, [20, 40], [2.0, 0.5]),
    )  # fmt: skip
    assert difference(head, performance, wanted, 3) < 1e-4
    bpy.ops.blendshape_talker.reset_controls()
    assert difference(head, performance, Controls()) < 1e-5
    assert head.animation_data.action is None or not animation.curves_of(head.animation_data.action)


def test_keys_pushed_down_into_a_strip_still_count(baked):
    head, performance = baked
    key(head, "speech", [(FIRST, 1.0), (FIRST + 60, 0.25)])
    data = head.animation_data
    action, slot = data.action, getattr(data, "action_slot", None)
    strip = data.nla_tracks.new().strips.new("mine", FIRST + 5, action)
    if slot is not None:
        strip.action_slot = slot
    data.action = None
    animation.refresh(head)
    speech = np.interp(np.arange(COUNT) - 5, [0, 60], [1.0, 0.25])
    assert difference(head, performance, Controls(speech=speech)) < 1e-4


def test_an_export_brings_the_head_up_to_date(baked, tmp_path):
    head, performance = baked
    key(head, "speech", [(FIRST, 0.5), (FIRST + 60, 0.0)])
    export.export_head(bpy.context, head, tmp_path / "a.glb")
    wanted = Controls(speech=np.interp(np.arange(COUNT), [0, 60], [0.5, 0.0]))
    assert difference(head, performance, wanted) < 1e-4


def test_they_are_there_after_a_reload(baked, tmp_path):
    head, performance = baked
    key(head, "lower_face", [(FIRST, 0.0), (FIRST + 60, 1.0)])
    animation.refresh(head)
    wanted = Controls(lower_face=np.interp(np.arange(COUNT), [0, 60], [0.0, 1.0]))
    path = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = bpy.context.scene.blendshape_talker.target
    assert difference(head, performance, wanted) < 1e-4 and not animation.is_stale(head)
    assert len(animation.curves_of(head.animation_data.action)) == 1


def test_a_line_that_is_baked_again_keeps_its_corrections(baked):
    head, performance = baked
    head.blendshape_talker.speech = 0.3
    animation.write_take(head, performance.take())
    assert difference(head, performance, Controls(speech=0.3)) < 1e-4
    controls.reset(head)
    assert difference(head, performance, Controls()) < 1e-5


def test_strips_that_hands_moved_are_noticed(baked):
    head, _ = baked
    assert not animation.is_stale(head)
    (line,) = animation.lines(head)
    (_, strip), *_ = line.strips["expression"]
    strip.frame_start_ui += 7
    assert animation.is_stale(head)
    bpy.ops.blendshape_talker.refresh()
    assert not animation.is_stale(head)
    strip.mute = True
    assert animation.is_stale(head)


def test_another_head_has_its_own(baked):
    head, performance = baked
    other = scene_io.add_demo_head(bpy.context)
    animation.write_take(other, performance.take())
    other.blendshape_talker.speech = 0.0
    animation.refresh(other)
    assert difference(head, performance, Controls()) < 1e-5
    assert difference(other, performance, Controls(speech=0.0)) < 1e-4
