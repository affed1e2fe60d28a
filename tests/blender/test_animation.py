"""Shape keys, F-curves and strips in real Blender."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation
from blendshape_talker.errors import TalkerError


def played(scene, target, take, strength=1.0):
    """Largest difference between the values Blender plays and the take's weights."""
    wanted = take.weights.astype(float).copy()
    wanted[:, take.speech_count :] *= strength
    worst = 0.0
    for index in (0, 1, len(wanted) // 2, len(wanted) - 1):
        scene.frame_set(take.start_frame + index)
        values = [target.data.shape_keys.key_blocks[name].value for name in take.names]
        worst = max(worst, float(np.abs(np.array(values) - wanted[index]).max()))
    return worst


def test_both_sets_play_together_unclamped(scene, make_head, make_take):
    target, take = make_head(), make_take(start_frame=11)
    assert take.weights.min() < -0.2 and take.weights.max() > 1.2
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5
    assert animation.is_baked(target)
    data = target.data.shape_keys.animation_data
    assert set(animation.read_curves(data.action)) == {f'key_blocks["{name}"].value' for name in take.names[:3]}
    assert [track.name for track in data.nla_tracks][-2:] == ["Expression", "Expression boost"]
    strip = next(track.strips[0] for track in data.nla_tracks if track.name == "Expression")
    assert (strip.frame_start, strip.frame_end) == (11, 58)


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


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0, 1.5, 2.0])
def test_expression_strength_scales_only_the_expression(scene, make_head, make_take, strength):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    assert animation.expression_strength(target) == 1.0
    animation.set_expression_strength(target, strength)
    assert animation.expression_strength(target) == pytest.approx(strength)
    assert played(scene, target, take, strength) < 1e-5
    assert animation.hand_made_animation(target) is None


def test_strength_shows_without_a_change_of_frame(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    scene.frame_set(7)
    animation.set_expression_strength(target, 0.5)
    bpy.context.view_layer.update()
    value = target.data.shape_keys.key_blocks["expression shape 0"].value
    assert value == pytest.approx(0.5 * take.weights[6, 3], abs=1e-5)


def test_an_animated_influence_belongs_to_the_animator(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    track = next(track for track in target.data.shape_keys.animation_data.nla_tracks if track.name == "Expression")
    curve = track.strips[0].fcurves.find("influence")
    curve.keyframe_points.insert(40, 0.0)
    assert animation.expression_strength(target) is None
    animation.set_expression_strength(target, 2.0)
    assert [tuple(point.co) for point in curve.keyframe_points] == [(1.0, 1.0), (40.0, 0.0)]
    assert animation.hand_made_animation(target) == "changes made to the last bake"


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
    assert sorted(names) == sorted(["Basis", "my smile", *second.names])
    assert target.data.shape_keys.key_blocks["my smile"].value == pytest.approx(0.3)
    assert played(scene, target, second) < 1e-5
    assert sum("blendshape_talker" in action for action in bpy.data.actions) == len(bpy.data.actions)
    tracks = [track.name for track in target.data.shape_keys.animation_data.nla_tracks]
    assert tracks.count("Expression") == tracks.count("Expression boost") == 1


def test_a_user_s_shape_key_of_the_same_name_stays(scene, make_head, make_take):
    target, take = make_head(), make_take()
    target.shape_key_add(name="Basis", from_mix=False)
    theirs = target.shape_key_add(name="speech shape 0", from_mix=False)
    theirs.data[0].co.x += 2.0
    before = theirs.data[0].co.x
    animation.write_take(target, take)
    animation.write_take(target, take)
    keys = target.data.shape_keys.key_blocks
    assert keys["speech shape 0"].data[0].co.x == pytest.approx(before)
    (ours,) = [block for block in keys if block.name.startswith("speech shape 0") and block != theirs]
    scene.frame_set(5)
    assert ours.value == pytest.approx(take.weights[4, 0], abs=1e-5)
    assert animation.hand_made_animation(target) is None


def test_hand_made_action_is_seen_and_survives(scene, make_head, make_take):
    target, take = make_head(), make_take()
    target.shape_key_add(name="Basis", from_mix=False)
    theirs = target.shape_key_add(name="raise ear", from_mix=False)
    for frame, value in ((1, 0.0), (20, 1.0)):
        theirs.value = value
        theirs.keyframe_insert("value", frame=frame)
    action = target.data.shape_keys.animation_data.action
    assert animation.hand_made_animation(target) == f"action {action.name}"
    animation.write_take(target, take)
    assert action.name in bpy.data.actions
    assert played(scene, target, take) < 1e-5
    scene.frame_set(20)
    assert theirs.value == pytest.approx(1.0)


def test_edited_bakes_are_seen_and_kept(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    action = target.data.shape_keys.animation_data.action
    target.data.shape_keys.key_blocks["speech shape 1"].value = 0.123
    target.data.shape_keys.key_blocks["speech shape 1"].keyframe_insert("value", frame=9)
    assert animation.hand_made_animation(target) == "changes made to the last bake"
    animation.write_take(target, take)
    assert action.name in bpy.data.actions and action.use_fake_user
    assert target.data.shape_keys.animation_data.action != action
    assert animation.hand_made_animation(target) is None


def test_sculpting_a_baked_shape_counts_as_hand_made(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    target.data.shape_keys.key_blocks["expression shape 1"].data[7].co.z += 0.01
    assert animation.hand_made_animation(target) == "changes made to the last bake"


def test_a_saved_file_is_not_mistaken_for_an_edit(scene, make_head, make_take, tmp_path):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    target = bpy.data.objects["Head"]
    assert animation.hand_made_animation(target) is None
    assert played(bpy.context.scene, target, take) < 1e-5
    animation.set_expression_strength(target, 1.5)
    assert played(bpy.context.scene, target, take, 1.5) < 1e-5


def test_the_expression_stays_where_it_ended(scene, make_head, make_take):
    target, take = make_head(), make_take(start_frame=10)
    animation.write_take(target, take)
    keys = target.data.shape_keys.key_blocks
    for frame, row in ((1, 0), (200, -1)):
        scene.frame_set(frame)
        assert keys["expression shape 0"].value == pytest.approx(take.weights[row, 3], abs=1e-5)


def test_unfit_targets_are_named_before_anything_is_written(scene, make_head, make_take):
    target = make_head(vertices=30)
    with pytest.raises(TalkerError, match="30 vertices"):
        animation.write_take(target, make_take(vertices=33))
    broken = make_take(vertices=30)
    broken.weights[3, 1] = np.nan
    with pytest.raises(TalkerError, match="not finite"):
        animation.write_take(target, broken)
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
