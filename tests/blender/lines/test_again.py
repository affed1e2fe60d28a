"""A line that is baked again keeps what hands did to it; what cannot be kept is named first."""

import bpy
import numpy as np
import pytest
from playing import played, strips_of, tracks, values_at

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import cues, marks
from blendshape_talker.errors import TalkerError

A, B = {"recording": "/a.wav", "name": "a"}, {"recording": "/b.wav", "name": "b"}


@pytest.fixture
def spoken(make_head, make_take):
    """A head with line a on frames 1 to 48: (target, take)."""
    target, take = make_head(), make_take(blinks=True, about=A)
    animation.write_take(target, take)
    return target, take


def test_fades_mute_name_and_blending_stay(scene, spoken, make_take):
    target, _ = spoken
    (speech,), (expression,) = strips_of(target, "speech"), strips_of(target, "expression")
    expression.blend_in, expression.blend_out, expression.name = 12.0, 6.0, "my happy"
    speech.mute = True
    speech.extrapolation = "HOLD"
    expression.use_animated_influence = True
    curve = expression.fcurves.find("influence")
    curve.keyframe_points.insert(30, 0.25)
    assert animation.hand_made_animation(target, "/a.wav", 1) is None
    again = make_take(seed=2, blinks=True, about=A, frames=60)
    animation.write_take(target, again)
    (speech,), (expression,) = strips_of(target, "speech"), strips_of(target, "expression")
    assert (expression.blend_in, expression.blend_out, expression.name) == (12.0, 6.0, "my happy")
    assert speech.mute and speech.extrapolation == "HOLD"
    assert [round(point.co[0]) for point in expression.fcurves.find("influence").keyframe_points][-1] == 30
    assert (expression.frame_start, expression.frame_end) == (1, 60)
    assert np.abs(values_at(scene, target, again.names[:3], 20)).max() < 1e-6


def test_actions_keep_their_names(spoken, make_take):
    target, _ = spoken
    animation.lines(target)[0].actions("speech")[0].name = "her words"
    for number in range(3):
        animation.write_take(target, make_take(seed=number, blinks=True, about=A))
        names = sorted(action.name for action in bpy.data.actions)
        assert names == ["Head | blinks | a", "Head | expression | a", "Head | rest face", "her words"]
    animation.write_take(target, make_take(seed=4, blinks=True, about=B))
    assert "Head | expression | b" in bpy.data.actions and "her words" in bpy.data.actions


def test_keys_of_the_influence_move_with_the_line(spoken, make_take):
    target, _ = spoken
    (expression,) = strips_of(target, "expression")
    expression.use_animated_influence = True
    curve = expression.fcurves.find("influence")
    for frame, value in ((10, 0.2), (30, 0.8)):
        curve.keyframe_points.insert(frame, value)
    animation.write_take(target, make_take(seed=2, blinks=True, about=A, start_frame=31))
    (expression,) = strips_of(target, "expression")
    points = [tuple(point.co) for point in expression.fcurves.find("influence").keyframe_points][-2:]
    assert expression.frame_start == 31
    assert np.allclose(points, [(40, 0.2), (60, 0.8)])


def test_what_someone_deleted_and_bakes_again_is_there_once(spoken, make_take):
    target, _ = spoken
    tracks_of_head = target.data.shape_keys.animation_data.nla_tracks
    edited = animation.lines(target)[0].actions("speech")[0]
    animation.curves_of(edited)[0].keyframe_points[5].co[1] += 1.0
    for track in list(tracks_of_head):
        tracks_of_head.remove(track)
    assert not animation.is_baked(target)
    animation.write_take(target, make_take(seed=2, blinks=True, about=A))
    left = {action.name for action in bpy.data.actions if action.users == 0}
    assert left == {edited.name} and len(animation.lines(target)) == 1


def test_a_shape_key_that_someone_renamed_is_found_by_its_shape(scene, spoken, make_take):
    target, _ = spoken
    keys = target.data.shape_keys
    keys.key_blocks["S shape 1"].name = "my pucker"
    count = len(keys.key_blocks)
    again = make_take(seed=2, blinks=True, about=A)
    animation.write_take(target, again)
    assert len(keys.key_blocks) == count and animation.shape_key_names(target)["speech shape 1"] == "my pucker"
    assert np.allclose(values_at(scene, target, again.names[:3], 20), again.weights[19, :3], atol=1e-5)


def test_an_emotion_s_strip_of_an_older_bake_is_named_before_it_makes_room(spoken):
    target, _ = spoken
    asked = cues.Asked.for_cues([], 24.0)
    assert animation.hand_made_animation(target, "/a.wav", 1, asked) is None
    (expression,) = strips_of(target, "expression")
    expression.blend_in = 8.0
    assert expression.name in animation.hand_made_animation(target, "/a.wav", 1, asked)


def test_shape_keys_of_an_older_file_keep_their_longer_names(scene, spoken, make_take):
    target, take = spoken
    keys = target.data.shape_keys
    own = animation.shape_key_names(target)
    longer = {name: f"{key} as it was called once" for name, key in own.items()}
    for name, key in own.items():
        keys.key_blocks[key].name = longer[name]
    marks.write_mark(keys, {**marks.read_mark(keys), "keys": longer})
    again = make_take(seed=2, blinks=True, about=A)
    animation.write_take(target, again)
    assert animation.shape_key_names(target) == longer
    assert [block.name for block in keys.key_blocks] == ["Basis", *longer.values()]
    assert np.allclose(values_at(scene, target, again.names[:3], 20), again.weights[19, :3], atol=1e-5)


def test_solo_mute_order_and_names_of_tracks_stay(spoken, make_take):
    target, _ = spoken
    data = target.data.shape_keys.animation_data
    data.nla_tracks["Speech"].name = "Her words"
    data.nla_tracks["Expression"].is_solo = True
    data.nla_tracks["Blinks"].mute = True
    before = [(track.name, track.mute, track.is_solo) for track in data.nla_tracks]
    animation.write_take(target, make_take(seed=2, blinks=True, about=A))
    assert [(track.name, track.mute, track.is_solo) for track in data.nla_tracks] == before


def test_moved_strips_stay_where_hands_put_them(scene, spoken, make_take):
    target, _ = spoken
    for layer in ("speech", "expression", "blinks"):
        (strip,) = strips_of(target, layer)
        strip.frame_start_ui = 201
    again = make_take(seed=2, blinks=True, about=A, frames=30)
    written = animation.write_take(target, again)
    assert written.again and written.frames == (201, 230)
    assert played(scene, target, again, shift=200) < 1e-5
    assert np.abs(values_at(scene, target, again.names, 20)).max() < 1e-6


def test_speed_and_cuts_stay_with_the_same_recording(scene, spoken, make_take):
    target, take = spoken
    (speech,), (expression,) = strips_of(target, "speech"), strips_of(target, "expression")
    speech.scale = 2.0
    expression.action_frame_end = 20.0
    assert animation.hand_made_animation(target, "/a.wav", 1) is None
    animation.write_take(target, take)
    (speech,), (expression,) = strips_of(target, "speech"), strips_of(target, "expression")
    assert speech.scale == 2.0 and speech.frame_end == 1 + 2 * 47
    assert expression.action_frame_end == 20.0
    assert np.abs(values_at(scene, target, take.names[:3], 21) - take.weights[10, :3]).max() < 1e-5


def test_cuts_are_named_before_another_recording_takes_the_place(spoken, make_take):
    target, _ = spoken
    (expression,) = strips_of(target, "expression")
    expression.action_frame_end = 20.0
    assert "cut" in animation.hand_made_animation(target, "/b.wav", 1)
    animation.write_take(target, make_take(about=B, blinks=True, frames=60))
    (expression,) = strips_of(target, "expression")
    assert (expression.frame_start, expression.frame_end) == (1, 60)


def test_a_start_frame_changed_on_purpose_moves_the_line(scene, spoken, make_take):
    target, _ = spoken
    again = make_take(start_frame=20, blinks=True, about=A)
    written = animation.write_take(target, again)
    assert written.again and written.moved == 19 and written.frames == (20, 67)
    assert played(scene, target, again) < 1e-5
    assert len(animation.lines(target)) == 1
    animation.write_take(target, make_take(start_frame=5, blinks=True, about=A))
    # frame 5 lies before the line as it stands: said again there, not moved
    assert [line.frames for line in animation.lines(target)] == [(5, 52), (20, 67)]


def test_a_longer_take_never_pushes_the_next_line(scene, spoken, make_take):
    target, _ = spoken
    following = make_take(start_frame=60, about=B, blinks=True, seed=1)
    animation.write_take(target, following)
    longer = make_take(seed=2, frames=90, about=A, blinks=True)
    (expression,) = [strip for _, strip in animation.lines(target)[0].strips["expression"]]
    expression.blend_in = 7.0
    animation.write_take(target, longer)
    lines = animation.lines(target)
    assert [line.frames for line in lines] == [(1, 90), (60, 107)]
    assert lines[0].strips["expression"][0][1].blend_in == 7.0
    both = longer.weights[69] + following.weights[10]
    assert np.abs(values_at(scene, target, following.names, 70) - both).max() < 1e-5
    assert all(action.users == 1 for action in bpy.data.actions) and len(bpy.data.actions) == 7


def test_a_clip_of_the_user_s_in_our_track_stays(scene, spoken, make_take):
    target, _ = spoken
    data = target.data.shape_keys.animation_data
    theirs = animation.lines(target)[0].actions("speech")[0].copy()
    theirs.name = "theirs"
    del theirs["blendshape_talker"]
    track = data.nla_tracks["Speech"]
    clip = track.strips.new("clip", 49, theirs)
    if hasattr(theirs, "slots"):
        clip.action_slot = theirs.slots[0]
    longer = make_take(seed=2, frames=90, about=A, blinks=True)
    animation.write_take(target, longer)
    animation.write_take(target, make_take(seed=2, frames=20, about=A, blinks=True))
    assert theirs.name in bpy.data.actions and theirs.users == 1
    (found,) = [strip for item in data.nla_tracks for strip in item.strips if strip.action == theirs]
    assert (found.frame_start, found.frame_end) == (49, 96)


def test_a_split_strip_stays_split(scene, spoken, make_take):
    target, _ = spoken
    track, strip = animation.lines(target)[0].strips["speech"][0]
    action = strip.action
    strip.action_frame_end = 20.0
    second = track.strips.new("second half", 100, action)
    if hasattr(action, "slots"):
        second.action_slot = action.slots[0]
    second.action_frame_start, second.blend_type, second.extrapolation = 20.0, "ADD", "NOTHING"
    again = make_take(seed=2, about=A, blinks=True)
    animation.write_take(target, again)
    assert len(strips_of(target, "speech")) == 2 and len({s.action for s in strips_of(target, "speech")}) == 1
    assert np.abs(values_at(scene, target, again.names[:3], 10) - again.weights[9, :3]).max() < 1e-5
    start = strips_of(target, "speech")[1].frame_start
    assert np.abs(values_at(scene, target, again.names[:3], round(start) + 5) - again.weights[24, :3]).max() < 1e-5


def test_a_duplicated_strip_is_the_user_s(spoken, make_take):
    target, take = spoken
    data = target.data.shape_keys.animation_data
    track, strip = animation.lines(target)[0].strips["speech"][0]
    copy = strip.action.copy()  # as Shift-D in the NLA editor makes it
    twin = track.strips.new("twin", 300, copy)
    if hasattr(copy, "slots"):
        twin.action_slot = copy.slots[0]
    before = animation.read_curves(copy)
    animation.write_take(target, make_take(seed=2, about=A, blinks=True))
    assert all(np.array_equal(points, before[path]) for path, points in animation.read_curves(copy).items())
    assert copy in [s.action for item in data.nla_tracks for s in item.strips]
    assert animation.lines(target)[0].frames == (1, 48)


def test_a_locked_track_is_refused_before_anything_is_written(spoken, make_take):
    target, take = spoken
    data = target.data.shape_keys.animation_data
    data.nla_tracks["Expression"].lock = True
    before = tracks(target)
    with pytest.raises(TalkerError, match="locked"):
        animation.write_take(target, make_take(seed=2, about=A, blinks=True))
    assert tracks(target) == before and played(bpy.context.scene, target, take) < 1e-5
    animation.write_take(target, make_take(start_frame=100, about=B, blinks=True))  # another line finds its own track
    assert "Expression 2" in data.nla_tracks


def test_without_blinks_the_layer_goes(spoken, make_take):
    target, _ = spoken
    animation.write_take(target, make_take(about=A))
    assert "blinks" not in animation.lines(target)[0].strips
    assert not [action for action in bpy.data.actions if "blinks" in action.name]


def test_a_lost_rest_track_is_put_back_below(scene, spoken, make_take):
    target, _ = spoken
    data = target.data.shape_keys.animation_data
    data.nla_tracks.remove(data.nla_tracks["Rest face"])
    (expression,) = strips_of(target, "expression")
    expression.blend_in = 9.0
    again = make_take(seed=2, about=A, blinks=True)
    animation.write_take(target, again)
    assert [name for name, _ in tracks(target)] == ["Rest face", "Speech", "Expression", "Blinks"]
    expression.blend_in = 0.0
    assert played(scene, target, again) < 1e-5
    assert np.abs(values_at(scene, target, again.names, 100)).max() < 1e-6


def test_a_resting_smile_in_the_rest_layer_stays(scene, spoken, make_take):
    target, take = spoken
    data = target.data.shape_keys.animation_data
    action = data.nla_tracks["Rest face"].strips[0].action
    curve = animation.curves_of(action)[3]
    for key in curve.keyframe_points:
        key.co[1] = 0.2
    animation.write_take(target, take)
    assert values_at(scene, target, take.names[3:4], 200)[0] == pytest.approx(0.2)


def test_three_hundred_bakes_leave_one(make_head, make_take):
    target, takes = make_head(), [make_take(seed=seed, frames=20 + seed, blinks=True, about=A) for seed in range(6)]
    counts = set()
    for number in range(300):
        animation.write_take(target, takes[number % 6])
        animation.set_expression_strength(target, (number % 5) / 2)
        if number >= 6:
            kinds = ("actions", "shape_keys", "meshes", "objects")
            data = target.data.shape_keys.animation_data
            strips = sum(len(track.strips) for track in data.nla_tracks)
            keys = len(target.data.shape_keys.key_blocks)
            counts.add((*(len(getattr(bpy.data, kind)) for kind in kinds), len(data.nla_tracks), strips, keys))
    assert counts == {(4, 1, 1, 1, 4, 4, 6)}
    assert all(action.users == 1 for action in bpy.data.actions)
