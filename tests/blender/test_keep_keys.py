"""Keep My Keys: values set on single frames are met exactly, the rest of the curve stays, bakes keep them."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, keep_keys
from blendshape_talker.errors import TalkerError


@pytest.fixture
def baked(registered, synthetic_talker, recording):
    """The demo head with a line of the synthetic talker, at 30 frames a second; gives the head."""
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio = str(recording)
    bpy.context.scene.render.fps = 30
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    return registered.target


def played(target, name, frames=range(1, 46)):
    """(T,) what Blender plays on a shape key."""
    values = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        values.append(target.data.shape_keys.key_blocks[name].value)
    return np.array(values)


def set_key(target, name, frame, value):
    """As an animator does: go there, set the value, press I."""
    bpy.context.scene.frame_set(frame)
    block = target.data.shape_keys.key_blocks[name]
    block.value = value
    block.keyframe_insert("value", frame=frame)


def speech_shape(target, number=1):
    return animation.shape_key_names(target)[f"speech {number}"]


def test_a_key_on_top_is_met_and_the_curve_comes_back(baked):
    name, other = speech_shape(baked), speech_shape(baked, 2)
    before, untouched = played(baked, name), played(baked, other)
    set_key(baked, name, 20, 1.7)
    assert np.ptp(played(baked, name)) < 1e-6, "the key alone holds its value over the whole time"
    assert keep_keys.waiting(baked) == 1
    assert bpy.ops.blendshape_talker.keep_keys(seconds=0.2) == {"FINISHED"}
    after = played(baked, name)
    assert after[19] == pytest.approx(1.7, abs=1e-5)
    away = np.abs(np.arange(1, 46) - 20) >= 6
    assert np.abs(after - before)[away].max() < 1e-5
    assert np.abs(np.diff(after - before, 2)).max() < 0.4 * abs(1.7 - before[19]), "no step"
    assert np.abs(played(baked, other) - untouched).max() < 1e-5
    assert baked.data.shape_keys.animation_data.action is None and keep_keys.waiting(baked) == 0
    assert animation.hand_made_animation(baked) is None and animation.unseen(baked, bpy.context.scene) == []


def test_more_keys_join_those_that_were_kept(baked):
    name = speech_shape(baked)
    for frame, value in ((10, -0.5), (30, 0.9), (10, 1.2)):
        set_key(baked, name, frame, value)
        bpy.ops.blendshape_talker.keep_keys()
    after = played(baked, name)
    assert after[9] == pytest.approx(1.2, abs=1e-5) and after[29] == pytest.approx(0.9, abs=1e-5)
    data = baked.data.shape_keys.animation_data
    assert [track.name for track in data.nla_tracks].count("My Keys") == 1
    assert sum("my keys" in action.name for action in bpy.data.actions) == 1


def test_a_key_that_was_moved_in_a_strip_is_met_too(baked):
    name = speech_shape(baked)
    before = played(baked, name)
    (line,) = animation.lines(baked)
    (action,) = line.actions("speech")
    curve = next(curve for curve in animation.curves_of(action) if name in curve.data_path)
    curve.keyframe_points[24].co[1] += 0.8
    curve.update()
    assert animation.hand_made_animation(baked)
    bpy.ops.blendshape_talker.keep_keys()
    after = played(baked, name)
    assert after[24] == pytest.approx(before[24] + 0.8, abs=1e-4)
    assert after[22] - before[22] > 0.2, "neighbours go along"
    assert animation.hand_made_animation(baked) is None, "the line is as it was baked"


def test_another_take_keeps_the_keys(baked, synthetic_talker):
    name = speech_shape(baked)
    set_key(baked, name, 25, -0.8)
    bpy.ops.blendshape_talker.keep_keys()
    before = played(baked, name)
    shift = synthetic_talker.animate
    synthetic_talker.animate = lambda *given, **how: _shifted(shift(*given, **how))
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    after = played(baked, name)
    assert after[24] == pytest.approx(-0.8, abs=1e-5) and np.abs(after - before)[:10].min() > 0.05


def _shifted(made):
    object.__setattr__(made, "speech_weights", made.speech_weights + np.float32(0.2))
    return made


def test_a_strip_that_was_moved_or_muted_stays_so(baked):
    name = speech_shape(baked)
    set_key(baked, name, 20, 2.0)
    bpy.ops.blendshape_talker.keep_keys()
    strip = keep_keys.strip_of(baked.data.shape_keys)
    strip.frame_start_ui += 5
    strip.mute = True
    set_key(baked, name, 40, 0.1)
    bpy.ops.blendshape_talker.keep_keys()
    assert keep_keys.strip_of(baked.data.shape_keys).mute
    keep_keys.strip_of(baked.data.shape_keys).mute = False
    after = played(baked, name)
    assert after[24] == pytest.approx(2.0, abs=1e-5) and after[39] == pytest.approx(0.1, abs=1e-5)


def test_keys_follow_a_line_that_is_moved_by_its_start_frame(baked):
    name = speech_shape(baked)
    set_key(baked, name, 20, 2.0)
    bpy.ops.blendshape_talker.keep_keys()
    settings = bpy.context.scene.blendshape_talker
    settings.start_frame = 11  # within the line: it moves there
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert animation.lines(baked)[0].frames == (11, 55)
    assert played(baked, name, [30])[0] == pytest.approx(2.0, abs=1e-5)
    assert played(baked, name, [20])[0] < 1.5


def test_the_strip_is_no_longer_than_the_line(baked):
    name = speech_shape(baked)
    for frame in (2, 44):
        set_key(baked, name, frame, 1.5)
    bpy.ops.blendshape_talker.keep_keys(seconds=1.0)
    strip = keep_keys.strip_of(baked.data.shape_keys)
    assert (strip.frame_start, strip.frame_end) == (1, 45)
    assert played(baked, name, [2, 44]) == pytest.approx([1.5, 1.5], abs=1e-5)
    set_key(baked, name, 60, 0.7)
    bpy.ops.blendshape_talker.keep_keys(seconds=0.2)
    assert keep_keys.strip_of(baked.data.shape_keys).frame_end == 66
    assert played(baked, name, [2, 60, 66]) == pytest.approx([1.5, 0.7, 0.0], abs=1e-5)


def test_what_is_not_of_the_bake_stays_in_the_active_action(baked):
    wink = baked.shape_key_add(name="wink", from_mix=False)
    wink.value = 0.5
    wink.keyframe_insert("value", frame=3)
    set_key(baked, speech_shape(baked), 20, 1.0)
    action = baked.data.shape_keys.animation_data.action
    bpy.ops.blendshape_talker.keep_keys()
    assert baked.data.shape_keys.animation_data.action == action
    assert [curve.data_path for curve in animation.curves_of(action)] == ['key_blocks["wink"].value']


def test_an_action_that_adds_gives_offsets(baked):
    name = speech_shape(baked)
    before = played(baked, name)
    set_key(baked, name, 20, 0.3)
    baked.data.shape_keys.animation_data.action_blend_type = "ADD"
    bpy.ops.blendshape_talker.keep_keys()
    assert played(baked, name)[19] == pytest.approx(before[19] + 0.3, abs=1e-5)


def test_one_undo_takes_it_back(baked):
    set_key(baked, speech_shape(baked), 20, 1.0)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.blendshape_talker.keep_keys("EXEC_DEFAULT", True) == {"FINISHED"}
    bpy.ops.ed.undo()
    target = bpy.context.scene.blendshape_talker.target
    assert keep_keys.strip_of(target.data.shape_keys) is None and keep_keys.waiting(target) == 1


def test_what_cannot_be_is_said(baked, make_head):
    with pytest.raises(TalkerError, match="no keys were set"):
        keep_keys.keep(baked, 30.0)
    with pytest.raises(TalkerError, match="out of range"):
        keep_keys.keep(baked, 30.0, seconds=9.0)
    set_key(baked, speech_shape(baked), 20, 1.0)
    baked.data.shape_keys.animation_data.action_blend_type = "SUBTRACT"
    with pytest.raises(TalkerError, match="Subtract"):
        keep_keys.keep(baked, 30.0)
    baked.data.shape_keys.animation_data.action_blend_type = "REPLACE"
    set_key(baked, speech_shape(baked), 90000, 1.0)
    with pytest.raises(TalkerError, match="far from every line"):
        keep_keys.keep(baked, 30.0)
    assert keep_keys.strip_of(baked.data.shape_keys) is None


@pytest.mark.parametrize(
    "told",
    [
        "",
        "{}",
        "[1]",
        '{"version": 1, "keys": {"x": [[1, 2]]}, "lines": 3}',
        '{"version": 1, "keys": {"x": [[1]]}}',
        '{"version": 1, "keys": 3}',
        '{"version": 1, "keys": {"S pucker": [[1e9, 2], [3e300, 1]]}}',
    ],
)
def test_a_broken_mark_is_no_mark(baked, told):
    set_key(baked, speech_shape(baked), 20, 1.0)
    bpy.ops.blendshape_talker.keep_keys()
    keep_keys.strip_of(baked.data.shape_keys).action[keep_keys.KEPT] = told
    set_key(baked, speech_shape(baked), 22, 0.4)
    bpy.ops.blendshape_talker.keep_keys()
    assert played(baked, speech_shape(baked))[21] == pytest.approx(0.4, abs=1e-5)
