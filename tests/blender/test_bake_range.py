"""Bake Range: what plays between two frames is the other take, all else is left, to the key."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, fewer_keys, keep_keys
from blendshape_talker.blender.lines import hand_keys


@pytest.fixture
def baked(registered, synthetic_talker, recording, monkeypatch):
    """The demo head with a line of a synthetic talker whose takes differ, at 30 frames a second; gives the head."""
    animate = synthetic_talker.animate

    def other_takes(*given, **how):
        made = animate(*given, **how)
        weights = made.speech_weights * np.float32(1.0 + 0.3 * how["seed"])
        object.__setattr__(made, "speech_weights", weights)
        return made

    monkeypatch.setattr(synthetic_talker, "animate", other_takes)
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio = str(recording)
    bpy.context.scene.render.fps = 30
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    return registered.target


def values(target, frames=range(1, 46)):
    """(T, K) what Blender plays on the shapes of speech."""
    names = [name for blendshape, name in animation.shape_key_names(target).items() if blendshape.startswith("speech")]
    result = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        result.append([target.data.shape_keys.key_blocks[name].value for name in names])
    return np.array(result)


def weave(**how):
    return bpy.ops.blendshape_talker.bake_range("EXEC_DEFAULT", **{"first": 12, "last": 34, "take": 1, **how})


def speech_action(target):
    return animation.lines(target)[0].actions("speech")[0]


def test_the_range_plays_the_other_take_and_the_rest_is_left(baked):
    before = values(baked)
    assert weave() == {"FINISHED"}
    after = values(baked)
    assert np.abs(after - before)[:12].max() == 0.0 and np.abs(after - before)[33:].max() == 0.0
    middle = slice(18, 27)
    assert np.abs(after[middle] - 1.3 * before[middle]).max() < 1e-5
    bends = np.abs(np.diff(after, 2, axis=0)).max(axis=0)
    assert (bends < np.abs(np.diff(before, 2, axis=0)).max(axis=0) * 1.3 + 0.06).all()
    assert animation.hand_made_animation(baked) is None and hand_keys.hand_frames(speech_action(baked)) == {}
    assert bpy.context.scene.blendshape_talker.take == 0


def test_keys_of_hands_stay_unless_asked(baked):
    curve = animation.curves_of(speech_action(baked))[1]
    curve.keyframe_points[22].co[1] = 3.0
    curve.keyframe_points[2].co[1] = -1.0
    curve.update()
    weave()
    after = values(baked)
    assert after[22, 1] == pytest.approx(3.0) and after[2, 1] == pytest.approx(-1.0)
    assert after[21, 1] > 1.5, "neighbours go along"
    frames = hand_keys.hand_frames(speech_action(baked))
    assert [item.tolist() for item in frames.values()] == [[3.0, 23.0]]
    weave(keep=False)
    after = values(baked)
    assert after[22, 1] < 2.0 and after[2, 1] == pytest.approx(-1.0)


def test_reduced_keys_outside_stay_as_they_are(baked):
    (line,) = animation.lines(baked)
    fewer_keys.reduce_line(baked, line, 0.5)
    before = values(baked)
    curve = animation.curves_of(speech_action(baked))[0]
    outside = [tuple(key.co) for key in curve.keyframe_points if not 10 <= key.co[0] <= 36]
    weave()
    after = values(baked)
    assert np.abs(after - before)[:12].max() < 1e-5 and np.abs(after - before)[33:].max() < 1e-5
    assert np.abs(after - before)[18:27].max() > 0.1
    kept = [tuple(key.co) for key in animation.curves_of(speech_action(baked))[0].keyframe_points]
    assert set(outside) <= set(kept)


def test_strength_stays(baked):
    animation.set_speech_strength(baked, 0.5)
    before = values(baked)
    weave()
    assert np.abs(values(baked)[18:27] - 1.3 * before[18:27]).max() < 1e-5
    animation.set_speech_strength(baked, 1.0)
    assert np.abs(values(baked)[18:27] - 2.6 * before[18:27]).max() < 1e-4


def test_kept_keys_are_met_by_the_new_take(baked):
    name = animation.shape_key_names(baked)["speech 2"]
    bpy.context.scene.frame_set(24)
    block = baked.data.shape_keys.key_blocks[name]
    block.value = -0.9
    block.keyframe_insert("value", frame=24)
    bpy.ops.blendshape_talker.keep_keys()
    weave()
    assert values(baked)[23, 2] == pytest.approx(-0.9, abs=1e-5)
    assert keep_keys.strip_of(baked.data.shape_keys) is not None


def test_one_undo_takes_it_back(baked):
    before = values(baked)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.blendshape_talker.weave_range("EXEC_DEFAULT", True, first=12, last=34, take=1) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert np.abs(values(bpy.context.scene.blendshape_talker.target) - before).max() < 1e-6


@pytest.mark.parametrize(("how", "words"), [
    ({"first": 100, "last": 140}, "lie outside"), ({"first": 20, "last": 22}, "too few"),
    ({"first": 30, "last": 20}, "lie outside"),
])  # fmt: skip
def test_ranges_that_cannot_be_are_said(baked, how, words):
    before = values(baked)
    with pytest.raises(RuntimeError, match=words):
        weave(**how)
    assert (values(baked) == before).all()


def test_another_frame_rate_is_said(baked):
    bpy.context.scene.render.fps = 25
    with pytest.raises(RuntimeError, match="another frame rate"):
        weave()
