"""What a bake notes of its own keys: it survives files and other notes, and nothing odd in its place does harm."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import hand_keys


@pytest.fixture
def action(make_head, make_take):
    """The Action of speech of a line whose keys were noted."""
    target = make_head()
    animation.write_take(target, make_take())
    (line,) = animation.lines(target)
    hand_keys.remember(line)
    return line.actions("speech")[0]


def test_only_keys_that_hands_moved_are_found(action):
    assert hand_keys.hand_frames(action) == {} and hand_keys.same_count(action)
    curve = animation.curves_of(action)[2]
    curve.keyframe_points[5].co[1] += 0.01
    curve.keyframe_points.insert(10.5, 3.0)
    found = hand_keys.hand_frames(action)
    assert {path: frames.tolist() for path, frames in found.items()} == {curve.data_path: [6.0, 10.5]}
    assert not hand_keys.same_count(action)


def test_the_note_survives_a_file_and_another_note(action, tmp_path):
    name, path = action.name, animation.curves_of(action)[0].data_path
    baked = hand_keys.baked_values(action, path, np.array([4.0]))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    action = bpy.data.actions[name]
    assert hand_keys.baked_values(action, path, np.array([4.0])) == baked
    hand_keys.note(action, {path: np.array([[3.0, 0.5], [4.0, 0.25], [5.0, 0.5]])})
    assert hand_keys.baked_values(action, path, np.array([4.0])) == pytest.approx([0.25])
    assert [frames.tolist() for frames in hand_keys.hand_frames(action).values()] == [[3.0, 4.0, 5.0]]


@pytest.mark.parametrize("note", ["", "AAAA", "no base64 !", 3, [1.0, 2.0], "eJwDAAAAAAE="])
def test_a_note_that_cannot_be_read_is_none(action, note):
    action[hand_keys.BAKED] = note
    animation.curves_of(action)[0].keyframe_points[3].co[1] += 1.0
    assert hand_keys.hand_frames(action) == {}
    hand_keys.note(action, {"x": np.zeros((1, 2))})
