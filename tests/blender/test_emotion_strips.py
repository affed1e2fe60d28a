"""Add Emotion, Swap and Refresh: one strip more, another emotion, lips that follow; with the bundled networks."""

import bpy
import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, bake, emotions, fewer_keys, scene_io
from blendshape_talker.blender.lines import cues, derived
from blendshape_talker.pipeline import Talker

DEMO_SPEECH = str(checkpoint.ASSETS / "demo_speech.flac")


@pytest.fixture(scope="module")
def talker():
    return Talker.load("cpu")


@pytest.fixture(scope="module")
def heard():
    """The take that every test bakes: heard once."""
    return {}


@pytest.fixture
def head(registered, talker, heard, monkeypatch):
    """The demo head, which speaks neutrally from frame 11 on; the panel is set for it."""
    monkeypatch.setattr(bake, "_talker", lambda device: talker)
    scene = bpy.context.scene
    scene.render.fps = 24
    head = scene_io.add_demo_head(bpy.context)
    request = bake.make_request(scene, head, bake.Performance(DEMO_SPEECH, seed=2), 11)
    if not heard:
        heard["take"] = bake.compute(request, lambda fraction, message="": None, lambda: False)
    bake.apply(request, heard["take"])
    scene.blendshape_talker.target = head
    return head


def strips(head):
    (line,) = animation.lines(head)
    return {strip.name: strip for _, strip in cues.cue_strips(line)}


def played(head, take, frame):
    bpy.context.scene.frame_set(frame)
    keys = animation.shape_key_names(head)
    return np.array([head.data.shape_keys.key_blocks[keys[name]].value for name in take.names])


def test_an_added_emotion_plays_what_animate_gives_for_it(head, talker, heard):
    bpy.context.scene.frame_set(35)
    assert bpy.ops.blendshape_talker.add_emotion(emotion="surprised", intensity=0.9, seconds=1.5) == {"FINISHED"}
    found = strips(head)
    assert list(found) == ["neutral", "surprised 0.9"]
    strip = found["surprised 0.9"]
    assert strip.frame_start == pytest.approx(35) and strip.frame_end == pytest.approx(35 + 36)
    assert strip.select and not found["neutral"].select
    (line,) = animation.lines(head)
    listed = [cues.shown_cue(line, strip) for strip in found.values()]
    wanted = talker.animate(DEMO_SPEECH, cues=listed, fps=24.0, seed=2)
    frames = np.array([34, 35, 44, 60, 70, 100])
    blinks = derived.weights_of(head, line, "blinks", frames)  # when they come was drawn for the bake's cues
    got = np.array([played(head, heard["take"], frame) for frame in frames])[:, wanted.speech_count :] - blinks
    assert np.abs(got - wanted.emotion_weights[frames - 11]).max() < 1e-4
    assert animation.hand_made_animation(head, DEMO_SPEECH, 11, cues.Asked.of(heard["take"].about)) is None


def test_a_strip_at_the_end_stops_with_the_line(head):
    (line,) = animation.lines(head)
    bpy.context.scene.frame_set(line.frames[1] - 12)
    bpy.ops.blendshape_talker.add_emotion(emotion="sad", seconds=5.0)
    assert strips(head)["sad"].frame_end == pytest.approx(line.frames[1] + 1, abs=0.1)


def test_outside_a_line_nothing_can_be_added(head):
    bpy.context.scene.frame_set(2)
    assert not bpy.ops.blendshape_talker.add_emotion.poll()
    with pytest.raises(RuntimeError, match="does not speak here"):
        bpy.ops.blendshape_talker.add_emotion()


def test_swap_changes_the_selected_strip_and_keeps_its_place(head, heard):
    bpy.context.scene.frame_set(35)
    bpy.ops.blendshape_talker.add_emotion(emotion="happy", seconds=2.0)
    strip = strips(head)["happy"]
    strip.blend_in, strip.frame_start_ui = 3.0, 40
    bpy.ops.blendshape_talker.swap_emotion(emotion="angry", intensity=0.5)
    found = strips(head)
    assert list(found) == ["neutral", "angry 0.5"]
    strip = found["angry 0.5"]
    assert strip.frame_start == pytest.approx(40) and strip.blend_in == pytest.approx(3.0)
    assert "happy" not in "".join(action.name for action in bpy.data.actions)
    assert strip.action.name == "angry | demo_speech | Demo head"


def test_what_a_button_leaves_out_is_as_the_panel_says(head):
    settings = bpy.context.scene.blendshape_talker
    settings.strip_emotion, settings.strip_intensity, settings.strip_seconds = "proud", 0.6, 1.0
    bpy.context.scene.frame_set(35)
    bpy.ops.blendshape_talker.add_emotion()
    strip = strips(head)["proud 0.6"]
    assert strip.frame_end - strip.frame_start == pytest.approx(24, abs=0.05)
    settings.strip_emotion, settings.strip_intensity = "sad", 1.0
    bpy.ops.blendshape_talker.swap_emotion()
    assert list(strips(head)) == ["neutral", "sad"]


def test_swap_without_a_selection_takes_the_strip_at_the_playhead(head):
    bpy.context.scene.frame_set(60)
    for strip in strips(head).values():
        strip.select = False
    bpy.ops.blendshape_talker.swap_emotion(emotion="disgusted")
    assert list(strips(head)) == ["disgusted"]
    (line,) = animation.lines(head)
    assert emotions.spoken(line) == "disgusted"
    bpy.ops.blendshape_talker.add_emotion(emotion="bored")
    assert emotions.spoken(animation.lines(head)[0]) == "2 cues"


def test_refresh_closes_the_lips_under_a_strip_that_was_moved(head, heard):
    bpy.context.scene.frame_set(11)
    bpy.ops.blendshape_talker.add_emotion(emotion="surprised", seconds=1.0)
    (line,) = animation.lines(head)
    strips(head)["surprised"].frame_start_ui = 60
    frames = np.arange(60, 84)
    held = lambda: derived.weights_of(head, animation.lines(head)[0], "lips", frames)  # noqa: E731
    before = held()
    bpy.ops.blendshape_talker.refresh()
    assert np.abs(held() - before).max() > 0.05
    wanted = held()
    bpy.ops.blendshape_talker.refresh()
    assert np.array_equal(held(), wanted)


def test_a_bake_of_another_model_is_told(head, monkeypatch):
    class Other:
        names = ("expression b",)

    monkeypatch.setattr(bake, "_expressions", lambda device: Other)
    bpy.context.scene.frame_set(35)
    with pytest.raises(RuntimeError, match="another version; bake again"):
        bpy.ops.blendshape_talker.add_emotion()
    assert list(strips(head)) == ["neutral"]


def test_refresh_says_that_reduced_keys_are_dense_again(head, capfd):
    (line,) = animation.lines(head)
    fewer_keys.reduce_line(head, line, 0.5)
    assert derived.is_reduced(line)
    capfd.readouterr()
    assert bpy.ops.blendshape_talker.refresh() == {"FINISHED"}
    assert "Reduce Keys" in capfd.readouterr().out
    (line,) = animation.lines(head)
    assert not derived.is_reduced(line)
    assert bpy.ops.blendshape_talker.refresh() == {"FINISHED"}
    assert "Reduce Keys" not in capfd.readouterr().out
