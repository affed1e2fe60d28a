"""Buttons of head and eyes, and of sound and face in step: what they do, what they say where they cannot."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, joints, motion, scene_io, step
from blendshape_talker.blender.lines import marks, sound
from blendshape_talker.blender.lines.versions import PROPERTY_CALLBACKS, set_strip_time, strip_time
from blendshape_talker.face.flame import VERTEX_COUNT


@pytest.fixture
def head(registered, recording, make_take):
    """The demo head, chosen in the panel, with a line of a second and a half at frame 1."""
    scene = bpy.context.scene
    scene.render.fps = 24
    target = scene_io.add_demo_head(bpy.context)
    about = {"recording": str(recording), "name": "tone", "seed": 0, "fps": 24.0}
    written = animation.write_take(target, make_take(VERTEX_COUNT, 36, about=about))
    sound.lay_sound(scene, written.uid, str(recording), 1)
    step.remember(scene, target)
    registered.target = target
    return target


def line_of(head):
    return animation.lines(head)[0]


def test_joints_added_after_a_bake_move_its_lines(head):
    ops, settings = bpy.ops.blendshape_talker, bpy.context.scene.blendshape_talker_presence
    assert not ops.move_again.poll()
    assert ops.add_joints() == {"FINISHED"}
    assert joints.joints_of(head) is not None and motion.seed_of(head, line_of(head)) == 0
    assert not ops.add_joints.poll() and not ops.turn_object.poll()
    ops.move_again()
    assert motion.seed_of(head, line_of(head)) == 1
    ops.move_again(seed=7)
    assert motion.seed_of(head, line_of(head)) == 7
    if PROPERTY_CALLBACKS:
        assert settings.head == settings.gaze == 1.0
        settings.head = 0.5
        assert motion.strength_of(head, line_of(head), "head") == 0.5
        assert motion.strength_of(head, line_of(head), "gaze") == 1.0


def test_a_recording_that_is_gone_is_said(head, recording):
    recording.unlink()
    assert bpy.ops.blendshape_talker.add_joints() == {"FINISHED"}  # joints are there, the line stays still
    assert motion.seed_of(head, line_of(head)) is None
    with pytest.raises(RuntimeError, match=r"tone\.wav"):
        bpy.ops.blendshape_talker.move_again()


@pytest.mark.parametrize(
    ("told", "words"),
    [({"seed": "q"}, None), ({"seed": -3}, None), ({"fps": "x"}, "older version"), ({"fps": 0}, "older version")],
)
def test_a_mark_that_somebody_changed_is_no_error(head, told, words):
    for action in line_of(head).actions():
        marks.write_mark(action, {**marks.read_mark(action), **told})
    assert bpy.ops.blendshape_talker.add_joints() == {"FINISHED"}
    assert motion.seed_of(head, line_of(head)) == (None if words else 0)
    if words:
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.blendshape_talker.move_again()


def test_turning_as_an_object_is_a_switch_and_joints_take_over(head):
    ops = bpy.ops.blendshape_talker
    ops.turn_object()
    assert motion.holder_of(head) == head and list(motion.strips_of(head, line_of(head).uid, "head"))
    ops.turn_object()
    assert motion.holder_of(head) is None and not list(motion.strips_of(head, line_of(head).uid, "head"))
    assert head.delta_rotation_euler[:] == (0.0, 0.0, 0.0)
    ops.turn_object()
    place = np.array(head.matrix_world)
    bpy.context.scene.frame_set(20)
    ops.add_joints()
    armature = joints.joints_of(head)
    assert np.array(armature.matrix_world) == pytest.approx(place, abs=1e-6) and motion.holder_of(head) == armature
    assert not head.animation_data.nla_tracks and not head.get(motion.TURNS)


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound strips")
def test_in_step_by_one_button(head):
    scene, ops = bpy.context.scene, bpy.ops.blendshape_talker
    ops.add_joints()
    assert not ops.bring_in_step.poll()
    (strip,) = sound.pieces_of(scene, line_of(head).uid)
    set_strip_time(strip, "content_start", strip_time(strip, "content_start") + 12)
    assert ops.bring_in_step.poll()
    ops.bring_in_step()
    assert line_of(head).frames[0] == 13 and not ops.bring_in_step.poll()
    armature = joints.joints_of(head)
    moved = {strip.frame_start for _, strip, _ in motion.strips_of(armature, line_of(head).uid, "head")}
    assert moved == {13.0} and np.isfinite(step.place_of_face(line_of(head)).zero)
