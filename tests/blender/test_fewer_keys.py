"""Reduce Keys: what Blender plays afterwards, that hands' keys stay, and that it can be taken back."""

import bpy
import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, batch, fewer_keys
from blendshape_talker.blender.lines import hand_keys
from blendshape_talker.curves.bezier import SlopeFit
from blendshape_talker.curves.reduce import closed_rows
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP


@pytest.fixture
def baked(registered, synthetic_talker, recording):
    """The demo head with a line of the synthetic talker, at 30 frames a second; gives the head."""
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio = str(recording)
    bpy.context.scene.render.fps = 30
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    return registered.target


def seen(target, frames):
    """(T, V, 3) metres: the evaluated mesh at ``frames``."""
    result = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        vertices = np.empty((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", vertices.ravel())
        result.append(vertices)
    return np.array(result)


def key_count(line):
    return sum(len(curve.keyframe_points) for action in line.actions() for curve in animation.curves_of(action))


def test_blender_plays_the_cubic_that_was_fitted(make_head):
    target = make_head()
    target.shape_key_add(name="Basis", from_mix=False)
    block = target.shape_key_add(name="shape", from_mix=False)
    block.slider_min, block.slider_max = -10, 10
    block.keyframe_insert("value", frame=1)
    curve = animation.curves_of(target.data.shape_keys.animation_data.action)[0]
    values = np.random.default_rng(0).normal(size=60).cumsum() / 4
    fit = SlopeFit(values).through([0, 3, 4, 17, 30, 44, 59], {17, 44})
    fewer_keys.write_bezier(curve, fit, first=-5)
    rows = np.linspace(0, 59, 237)
    played = [curve.evaluate(row - 5) for row in rows]
    assert np.abs(played - fit.evaluate(rows)).max() < 1e-4
    kinds = [key.handle_left_type for key in curve.keyframe_points]
    assert kinds == ["ALIGNED", "ALIGNED", "ALIGNED", "FREE", "ALIGNED", "FREE", "ALIGNED"]
    for key in curve.keyframe_points:  # what an animator's touch makes Blender do
        key.co.y += 0.0
    curve.keyframe_points.handles_recalc()
    assert np.abs([curve.evaluate(row - 5) for row in rows] - fit.evaluate(rows)).max() < 1e-4


def test_every_vertex_stays_within_the_bound(baked):
    (line,) = animation.lines(baked)
    frames = range(line.frames[0], line.frames[1] + 1)
    before, count = seen(baked, frames), key_count(line)
    reduction = fewer_keys.reduce_line(baked, line, 0.25)
    (line,) = animation.lines(baked)
    worst = 1e3 * np.linalg.norm(seen(baked, frames) - before, axis=2).max()
    assert worst <= 0.25 and reduction.worst_mm == pytest.approx(worst, abs=2e-3)
    assert reduction.after == key_count(line) < count / 3 and reduction.before == count
    assert reduction.kept == reduction.closed
    assert animation.hand_made_animation(baked) is None
    assert str(count) in str(reduction)


def test_a_real_bake_has_an_eighth_of_its_keys_and_all_its_contacts(scene, tmp_path):
    batch.bake_to_files(checkpoint.ASSETS / "demo_speech.flac", tmp_path / "a.blend", emotion="happy", fps=24)
    head = bpy.data.objects["Demo head"]
    (line,) = animation.lines(head)
    frames = range(line.frames[0], line.frames[1] + 1)
    every = seen(head, frames)
    reduction = fewer_keys.reduce_line(head, line, 0.25)
    few, rest = seen(head, frames), animation.rest_vertices(head)
    assert reduction.before >= 8 * reduction.after
    assert 1e3 * np.linalg.norm(few - every, axis=2).max() <= 0.25
    gap = lambda seen: 1e3 * ((seen - rest)[:, UPPER_LIP, 1] - (seen - rest)[:, LOWER_LIP, 1])  # noqa: E731
    closed = closed_rows(gap(every))
    assert closed.sum() > 30 and closed_rows(gap(few))[closed].all()


def test_the_command_line_s_bake_says_what_it_did(synthetic_talker, recording, tmp_path):
    notes = []
    batch.bake_to_files(recording, tmp_path / "a.blend", reduce=0.1, notify=notes.append)
    assert "times fewer" in notes[-1] and (tmp_path / "a.blend").is_file()
    with pytest.raises(TalkerError, match="out of range"):
        batch.bake_to_files(recording, tmp_path / "b.blend", reduce=0.0)
    assert not (tmp_path / "b.blend").exists()


def test_one_undo_takes_it_back(baked):
    (line,) = animation.lines(baked)
    count = key_count(line)
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.blendshape_talker.reduce_keys("EXEC_DEFAULT", True, error="0.5") == {"FINISHED"}
    (line,) = animation.lines(bpy.context.scene.blendshape_talker.target)
    assert key_count(line) < count
    bpy.ops.ed.undo()
    (line,) = animation.lines(bpy.context.scene.blendshape_talker.target)
    assert key_count(line) == count


def test_keys_that_hands_set_stay(baked):
    (line,) = animation.lines(baked)
    (action,) = line.actions("speech")
    curve = animation.curves_of(action)[1]
    curve.keyframe_points[17].co[1] += 0.6
    frame, value = curve.keyframe_points[17].co
    assert {path: frames.tolist() for path, frames in hand_keys.hand_frames(action).items()} == {
        curve.data_path: [frame]
    }
    fewer_keys.reduce_line(baked, line, 0.5)
    assert [frame, value] in [list(key.co) for key in animation.curves_of(action)[1].keyframe_points]
    assert action.name in animation.hand_made_animation(baked)


def test_strength_turns_reduced_keys_with_their_handles(baked):
    (line,) = animation.lines(baked)
    fewer_keys.reduce_line(baked, line, 0.25)
    curve = animation.curves_of(animation.lines(baked)[0].actions("speech")[0])[0]
    frames = np.arange(*line.frames)
    before = np.array([curve.evaluate(frame) for frame in frames])
    animation.set_speech_strength(baked, 0.5)
    assert np.abs([curve.evaluate(frame) for frame in frames] - 0.5 * before).max() < 1e-4
    assert hand_keys.hand_frames(animation.lines(baked)[0].actions("speech")[0]) == {}


def test_lines_that_share_their_actions_part(baked):
    copy = baked.copy()
    copy.data = baked.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    count = key_count(animation.lines(copy)[0])
    fewer_keys.reduce_line(baked, animation.lines(baked)[0], 0.5)
    assert key_count(animation.lines(copy)[0]) == count > key_count(animation.lines(baked)[0])


def test_what_cannot_be_is_said(baked):
    (line,) = animation.lines(baked)
    for bound in (0.0, -1.0, 99.0, float("nan")):
        with pytest.raises(TalkerError, match="out of range"):
            fewer_keys.reduce_line(baked, line, bound)
    task = fewer_keys.prepare(baked, line, 0.5)
    animation.set_speech_strength(baked, 0.7)
    with pytest.raises(TalkerError, match="changed meanwhile"):
        fewer_keys.write(baked, animation.lines(baked)[0], task, task.fit())
    track = animation.lines(baked)[0].strips["speech"][0][0]
    track.lock = True
    with pytest.raises(TalkerError, match="track Speech is locked"):
        fewer_keys.reduce_line(baked, animation.lines(baked)[0], 0.5)
    track.lock = False
    for action in line.actions():
        for curve in animation.curves_of(action):
            curve.mute = True
    with pytest.raises(TalkerError, match="no keys"):
        fewer_keys.reduce_line(baked, animation.lines(baked)[0], 0.5)
