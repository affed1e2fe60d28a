"""Bakes of version 0.1.0: seen, asked about when edited, turned into lines that play the same."""

import bpy
import numpy as np
import old_bake
import pytest
from playing import played, tracks, values_at

from blendshape_talker.blender import animation


@pytest.fixture
def old(make_head, make_take):
    """A head baked by version 0.1.0 on frames 11 to 58: (target, take)."""
    target, take = make_head(), make_take(start_frame=11)
    old_bake.write(target, take)
    return target, take


def old_values(scene, target, take, frame):
    scene.frame_set(frame)
    return np.array([target.data.shape_keys.key_blocks[name].value for name in take.names])


def test_an_old_bake_is_recognised(scene, old, make_head):
    target, take = old
    assert animation.is_baked(target) and animation.lines(target) == []
    assert animation.expression_strength(target) == 1.0 and animation.speech_strength(target) == 1.0
    assert animation.hand_made_animation(target) is None
    old_bake.set_strength(target, 1.6)
    assert animation.expression_strength(target) == pytest.approx(1.6)
    assert animation.hand_made_animation(target, "/any.wav", 11) is None
    assert not animation.is_baked(make_head(name="Other"))


def test_another_line_beside_it_turns_it_into_a_line_that_plays_the_same(scene, old, make_take):
    target, take = old
    old_bake.set_strength(target, 0.5)
    before = {frame: old_values(scene, target, take, frame) for frame in (11, 30, 58)}
    second = make_take(start_frame=101, seed=3, about={"recording": "/b.wav", "name": "b"})
    animation.write_take(target, second)
    assert [line.frames for line in animation.lines(target)] == [(11, 58), (101, 148)]
    for frame, values in before.items():
        assert np.abs(values_at(scene, target, take.names, frame) - values).max() < 1e-5
    assert played(scene, target, second) < 1e-5
    assert [name for name, _ in tracks(target)] == ["Rest face", "Speech", "Expression"]
    assert [block.name for block in target.data.shape_keys.key_blocks][1] == "S shape 0"
    first = animation.lines(target)[0]
    assert animation.expression_strength(target, first) == 0.5
    animation.set_expression_strength(target, 1.0, first)
    assert played(scene, target, take) < 1e-5
    assert len(bpy.data.actions) == 5 and all(action.users == 1 for action in bpy.data.actions)


def test_a_bake_at_its_place_replaces_it(scene, old, make_take):
    target, _ = old
    again = make_take(start_frame=11, seed=3, frames=20, about={"recording": "/b.wav", "name": "b"})
    animation.write_take(target, again)
    assert [line.frames for line in animation.lines(target)] == [(11, 30)]
    assert played(scene, target, again) < 1e-5
    assert np.abs(values_at(scene, target, again.names, 50)).max() < 1e-6
    assert target.data.shape_keys.animation_data.action is None and len(bpy.data.actions) == 3


def test_strength_of_an_old_bake_can_be_turned(scene, old):
    target, take = old
    animation.set_expression_strength(target, 0.25)
    assert played(scene, target, take, expression=0.25) < 1e-5


def test_edits_are_asked_about_and_kept(scene, old, make_take):
    target, take = old
    keys = target.data.shape_keys
    speech = keys.animation_data.action
    animation.curves_of(speech)[1].keyframe_points[8].co[1] = 0.123
    assert animation.hand_made_animation(target) == "changes made to the last bake"
    assert animation.hand_made_animation(target, "/b.wav", 500) is None  # another line leaves it alone
    animation.write_take(target, make_take(start_frame=11, seed=3))
    assert speech.name in bpy.data.actions and speech.use_fake_user
    assert animation.curves_of(speech)[1].keyframe_points[8].co[1] == pytest.approx(0.123)


def test_an_animated_fade_of_an_old_bake_goes_on(scene, old, make_take):
    target, take = old
    data = target.data.shape_keys.animation_data
    curve = data.nla_tracks["Expression"].strips[0].fcurves.find("influence")
    curve.keyframe_points.insert(58, 0.0)
    assert animation.expression_strength(target) is None
    before = {frame: old_values(scene, target, take, frame) for frame in (11, 30, 45, 58)}
    animation.write_take(target, make_take(start_frame=101, about={"recording": "/b.wav"}))
    for frame, values in before.items():
        assert np.abs(values_at(scene, target, take.names, frame) - values).max() < 1e-5


def test_a_person_s_action_on_top_of_an_old_head_stays(scene, old, make_take):
    target, take = old
    data = target.data.shape_keys.animation_data
    target.shape_key_add(name="ear", from_mix=False)
    track = data.nla_tracks.new()
    track.name = "mine"
    clip = track.strips.new("mine", 1, data.action.copy())
    del clip.action["blendshape_talker"]
    clip.mute = True
    animation.write_take(target, make_take(start_frame=101, about={"recording": "/b.wav"}))
    assert "mine" in data.nla_tracks and data.nla_tracks["mine"].strips[0].action is not None
    assert "ear" in target.data.shape_keys.key_blocks
