"""Writing lines: what plays in the evaluated scene, what a later bake keeps, what stays of others."""

import bpy
import numpy as np
import pytest
from playing import played, strips_of, tracks, values_at

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import actions
from blendshape_talker.errors import TalkerError


def test_both_sets_play_together_unclamped(scene, make_head, make_take):
    target, take = make_head(), make_take(start_frame=11)
    assert take.weights.min() < -0.2 and take.weights.max() > 1.2
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5
    assert animation.is_baked(target)
    assert target.data.shape_keys.animation_data.action is None
    assert tracks(target) == [("Rest face", [(11, 12)]), ("Speech", [(11, 58)]), ("Expression", [(11, 58)])]


def test_the_mesh_moves_as_the_blendshapes_say(scene, make_head, make_take):
    target, take = make_head(), make_take()
    rest = animation.rest_vertices(target)
    animation.write_take(target, take)
    scene.frame_set(20)
    evaluated = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    moved = np.empty((len(rest), 3), np.float32)
    evaluated.vertices.foreach_get("co", moved.ravel())
    wanted = rest + np.tensordot(take.weights[19], take.deltas, axes=1)
    assert np.abs(moved - wanted).max() < 1e-5
    assert np.array_equal(animation.rest_vertices(target), rest)


def test_outside_its_frames_the_face_is_at_rest(scene, make_head, make_take):
    target, take = make_head(), make_take(start_frame=10)
    animation.write_take(target, take)
    for frame in (30, 9, 58, 1, 200, -40):
        inside = 10 <= frame <= 57
        assert (np.abs(values_at(scene, target, take.names, frame)).max() > 0.1) == inside


def test_blinks_are_a_layer_that_adds(scene, make_head, make_take):
    target, take = make_head(), make_take(blinks=True)
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5
    (strip,) = strips_of(target, "blinks")
    assert [name for name, _ in tracks(target)] == ["Rest face", "Speech", "Expression", "Blinks"]
    strip.mute = True
    expected = take.weights.copy()
    expected[:, take.speech_count :] -= take.blink_weights
    assert np.abs(values_at(scene, target, take.names, 10) - expected[9]).max() < 1e-5
    assert np.abs(take.blink_weights[9]).max() > 0.1


def test_a_later_recording_leaves_the_first_alone(scene, make_head, make_take):
    target = make_head()
    first, second = (
        make_take(about={"recording": "/a.wav"}),
        make_take(start_frame=101, seed=3, frames=30, about={"recording": "/b.wav"}),
    )
    animation.write_take(target, first)
    before = {action.name: animation.read_curves(action) for action in bpy.data.actions}
    animation.write_take(target, second)
    assert played(scene, target, first) < 1e-5 and played(scene, target, second) < 1e-5
    for name, curves in before.items():
        after = animation.read_curves(bpy.data.actions[name])
        assert all(np.array_equal(points, after[path]) for path, points in curves.items())
    assert [name for name, _ in tracks(target)] == ["Rest face", "Speech", "Expression"]
    assert [line.frames for line in animation.lines(target)] == [(1, 48), (101, 130)]
    assert np.abs(values_at(scene, target, first.names, 70)).max() < 1e-6


def test_lines_that_overlap_add_up(scene, make_head, make_take):
    target = make_head()
    first, second = (
        make_take(about={"recording": "/a.wav"}),
        make_take(start_frame=40, seed=3, about={"recording": "/b.wav"}),
    )
    animation.write_take(target, first)
    animation.write_take(target, second)
    both = first.weights[44] + second.weights[5]
    assert np.abs(values_at(scene, target, first.names, 45) - both).max() < 1e-5
    assert [name for name, _ in tracks(target)] == ["Rest face", "Speech", "Speech 2", "Expression", "Expression 2"]


def test_two_heads_do_not_meet(scene, make_head, make_take):
    left, right = make_head(), make_head(name="Other", seed=4)
    first, second = make_take(), make_take(seed=7, start_frame=5)
    animation.write_take(left, first)
    animation.write_take(right, second)
    animation.write_take(right, second)
    assert played(scene, left, first) < 1e-5 and played(scene, right, second) < 1e-5


def test_which_line_a_bake_means(make_head, make_take):
    target = make_head()
    animation.write_take(target, make_take(about={"recording": "/a.wav", "name": "a"}))
    animation.write_take(target, make_take(start_frame=101, about={"recording": "/b.wav", "name": "b"}))
    named = lambda *where: getattr(animation.find_line(target, *where), "name", None)  # noqa: E731
    assert named("/a.wav", 1) == "a"
    assert named("/c.wav", 1) == "a"  # another recording in its place
    assert named("/a.wav", 20) == "a"  # the same begins later
    assert named("/c.wav", 20) is None
    assert named("/a.wav", 60) is None
    assert named("/b.wav", 1) == "a" and named("/b.wav", 101) == "b"
    (strip,) = [strip for _, strip in animation.lines(target)[0].strips["speech"]]
    strip.frame_start_ui = 50
    assert named("/a.wav", 1) == "a"  # moved by hand since
    assert named("/c.wav", 1) is None and named("/c.wav", 50) == "a"
    assert animation.line_at(target, 60).name == "a" and animation.line_at(target, 500).name == "b"
    assert "again" in animation.plan(target, "/a.wav", 1)
    assert "still speaks" in animation.plan(target, "/c.wav", 60)
    assert animation.plan(make_head(name="New"), "/a.wav", 1) == ""


def test_a_second_bake_replaces_the_first_and_nothing_else(scene, make_head, make_take):
    target = make_head()
    target.shape_key_add(name="Basis", from_mix=False)
    own = target.shape_key_add(name="my smile", from_mix=False)
    own.data[5].co.x += 1.0
    own.value = 0.3
    animation.write_take(target, make_take(speech=4))
    second = make_take(frames=30, expression=1, seed=4)
    assert animation.hand_made_animation(target) is None
    animation.write_take(target, second)
    names = [block.name for block in target.data.shape_keys.key_blocks]
    assert names == ["Basis", "my smile", "S shape 0", "S shape 1", "S shape 2", "E shape 0"]
    assert target.data.shape_keys.key_blocks["my smile"].value == pytest.approx(0.3)
    assert played(scene, target, second) < 1e-5
    assert tracks(target)[1:] == [("Speech", [(1, 30)]), ("Expression", [(1, 30)])]
    assert len(bpy.data.actions) == 3 and all(action.users == 1 for action in bpy.data.actions)


def test_a_shape_that_another_line_needs_stays(scene, make_head, make_take):
    target = make_head()
    first, second = make_take(speech=4), make_take(start_frame=100, speech=3)
    animation.write_take(target, first)
    animation.write_take(target, second)
    assert "S shape 3" in target.data.shape_keys.key_blocks
    assert animation.shape_key_names(target)["speech shape 3"] == "S shape 3"
    assert played(scene, target, first) < 1e-5


def test_a_user_s_shape_key_of_the_same_name_stays(scene, make_head, make_take):
    target, take = make_head(), make_take()
    target.shape_key_add(name="Basis", from_mix=False)
    theirs = target.shape_key_add(name="S shape 0", from_mix=False)
    theirs.data[0].co.x += 2.0
    theirs.value = 0.0
    before = theirs.data[0].co.x
    animation.write_take(target, take)
    animation.write_take(target, take)
    keys = target.data.shape_keys.key_blocks
    assert keys["S shape 0"].data[0].co.x == pytest.approx(before)
    assert animation.shape_key_names(target)["speech shape 0"] == "S shape 0.001"
    assert played(scene, target, take) < 1e-5 and theirs.value == 0.0


def test_a_user_s_action_stays_in_its_place_and_plays(scene, make_head, make_take):
    target, take = make_head(), make_take()
    target.shape_key_add(name="Basis", from_mix=False)
    theirs = target.shape_key_add(name="raise ear", from_mix=False)
    for frame, value in ((1, 0.0), (20, 1.0)):
        theirs.value = value
        theirs.keyframe_insert("value", frame=frame)
    data = target.data.shape_keys.animation_data
    action = data.action
    assert animation.hand_made_animation(target) is None
    animation.write_take(target, take)
    animation.write_take(target, take)
    assert data.action == action and len(data.nla_tracks) == 3
    assert played(scene, target, take) < 1e-5
    scene.frame_set(20)
    assert theirs.value == pytest.approx(1.0)


def test_keys_set_by_hand_on_top_win_and_are_said(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    block = target.data.shape_keys.key_blocks["S shape 1"]
    block.value = 5.0
    block.keyframe_insert("value", frame=9)
    assert values_at(scene, target, ["speech shape 1"], 30)[0] == pytest.approx(5.0)  # not clamped
    assert any("plays over the bake" in hint for hint in animation.unseen(target, scene))
    animation.write_take(target, take)
    assert values_at(scene, target, ["speech shape 1"], 30)[0] == pytest.approx(5.0)


def test_edited_actions_are_seen_named_and_kept(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    (strip,) = strips_of(target, "speech")
    action = strip.action
    curve = animation.curves_of(action)[1]
    curve.keyframe_points[8].co[1] = 0.123
    assert action.name in animation.hand_made_animation(target)
    assert action.name in animation.hand_made_animation(target, "", 1)
    assert animation.hand_made_animation(target, "", 500) is None
    animation.write_take(target, take)
    assert action.name in bpy.data.actions and action.use_fake_user
    assert animation.curves_of(action)[1].keyframe_points[8].co[1] == pytest.approx(0.123)
    assert strip.action != action and played(scene, target, take) < 1e-5
    assert animation.hand_made_animation(target) is None


@pytest.mark.parametrize("edit", ["interpolation", "mute", "modifier", "delete"])
def test_other_edits_of_keys_count_too(make_head, make_take, edit):
    target = make_head()
    animation.write_take(target, make_take())
    (strip,) = strips_of(target, "expression")
    curve = animation.curves_of(strip.action)[0]
    if edit == "interpolation":
        curve.keyframe_points[3].interpolation = "CONSTANT"
    elif edit == "mute":
        curve.mute = True
    elif edit == "modifier":
        curve.modifiers.new("NOISE")
    else:
        curve.keyframe_points.remove(curve.keyframe_points[4])
    assert strip.action.name in animation.hand_made_animation(target)


def test_a_sculpted_shape_stays_sculpted(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    block = target.data.shape_keys.key_blocks["E shape 1"]
    block.data[7].co.z += 0.01
    sculpted = block.data[7].co.z
    animation.write_take(target, take)
    assert block.data[7].co.z == sculpted
    other = make_take(seed=9)  # another model's shapes
    animation.write_take(target, other)
    keys = target.data.shape_keys
    assert keys.key_blocks["E shape 1"].data[7].co.z != pytest.approx(sculpted, abs=1e-4)
    assert keys.key_blocks["E shape 1 sculpted"].data[7].co.z == sculpted
    assert [block.name for block in keys.key_blocks if "sculpted" in block.name] == ["E shape 1 sculpted"]


def test_a_saved_file_is_not_mistaken_for_an_edit(scene, make_head, make_take, tmp_path):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    target = bpy.data.objects["Head"]
    assert animation.hand_made_animation(target) is None
    assert played(bpy.context.scene, target, take) < 1e-5
    animation.set_expression_strength(target, 1.5)
    assert played(bpy.context.scene, target, take, expression=1.5) < 1e-5
    animation.write_take(target, take)
    assert len(bpy.data.actions) == 3


def test_actions_and_channels_explain_themselves(make_head, make_take):
    target, take = make_head(), make_take(blinks=True, about={"recording": "/a/hello there.wav", "name": "hello there"})
    animation.write_take(target, take)
    names = sorted(action.name for action in bpy.data.actions)
    assert names == [
        *("Head | blinks | hello there", "Head | expression | hello there"),
        *("Head | rest face", "Head | speech | hello there"),
    ]
    for action in bpy.data.actions:
        for curve in animation.curves_of(action):
            assert curve.group is not None and not curve.select
            assert not any(key.select_control_point or key.select_left_handle for key in curve.keyframe_points)
    assert all(not track.select for track in target.data.shape_keys.animation_data.nla_tracks)


def test_unfit_targets_are_named_before_anything_is_written(scene, make_head, make_take):
    target = make_head(vertices=30)
    with pytest.raises(TalkerError, match="30 vertices"):
        animation.write_take(target, make_take(vertices=33))
    broken = make_take(vertices=30)
    broken.weights[3, 1] = np.nan
    with pytest.raises(TalkerError, match="not finite"):
        animation.write_take(target, broken)
    for start in (-1048575, 1048574, 10**9):
        with pytest.raises(TalkerError, match="timeline"):
            animation.write_take(target, make_take(vertices=30, start_frame=start))
    assert target.data.shape_keys is None and len(bpy.data.actions) == 0
    assert "no mesh" in animation.target_problem(bpy.data.objects.new("Lamp", None))
    assert "no head" in animation.target_problem(None)
    target.shape_key_add(name="Basis", from_mix=False)
    target.data.shape_keys.use_relative = False
    assert "Relative" in animation.target_problem(target)
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    assert "Edit Mode" in animation.target_problem(target)
    bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize("start", [-200, 0, 1048574 - 47, -1048574])
def test_lines_at_the_ends_of_the_timeline_play(scene, make_head, make_take, start):
    target, take = make_head(), make_take(start_frame=start)
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_lines_play(scene, make_head, make_take, frames):
    target, take = make_head(), make_take(frames=frames)
    animation.write_take(target, take)
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5


@pytest.mark.parametrize("preferred", ["VECTOR", "AUTO_CLAMPED"])
def test_keys_bend_softly_whatever_the_preferences_say(scene, make_head, make_take, preferred):
    edit = bpy.context.preferences.edit
    before, edit.keyframe_new_handle_type = edit.keyframe_new_handle_type, preferred
    try:
        target, take = make_head(), make_take()
        animation.write_take(target, take)
    finally:
        edit.keyframe_new_handle_type = before
    (strip,) = strips_of(target, "speech")
    keys = actions.curves_of(strip.action)[0].keyframe_points
    assert {key.handle_left_type for key in keys} == {key.handle_right_type for key in keys} == {"AUTO_CLAMPED"}
    assert {key.interpolation for key in keys} == {"LINEAR"}
