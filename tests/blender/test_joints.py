"""Joints in Blender: they turn what they should, about where they should, whatever unit and axes the mesh has."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from blendshape_talker.blender import joints, mouth, scene_io
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import load_head
from blendshape_talker.face.joints import NAMES, joint_positions


def positions(item):
    """World positions (V, 3) as they are now."""
    bpy.context.view_layer.update()
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    made = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", made.ravel())
    evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world)
    return made @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.fixture
def head(scene):
    return scene_io.add_demo_head(bpy.context)


def import_millimetres(scene, tmp_path):
    """The canonical head as a file in millimetres whose z is up."""
    vertices = 1000 * load_head().vertices[:, [0, 2, 1]] * [1, -1, 1]
    path = tmp_path / "person.obj"
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in load_head().faces]
    path.write_text("\n".join(lines))
    return scene_io.import_head(bpy.context, path)[0]


def test_adding_joints_moves_nothing(head):
    head.matrix_world = Matrix.Translation((1.0, 2.0, 3.0)) @ Matrix.Scale(2.0, 4) @ head.matrix_world
    (teeth,) = mouth.mouths_of(head)
    glasses = bpy.data.objects.new("Glasses", bpy.data.meshes.new("Glasses"))
    bpy.context.collection.objects.link(glasses)
    glasses.parent = head
    before = positions(head), positions(teeth), np.array(glasses.matrix_world)
    selected = bpy.context.view_layer.objects.active
    armature = joints.add_joints(bpy.context, head)
    assert np.abs(positions(head) - before[0]).max() < 1e-5
    assert np.abs(positions(teeth) - before[1]).max() < 1e-5
    assert np.array(glasses.matrix_world) == pytest.approx(before[2], abs=1e-5)
    assert joints.joints_of(head) == armature and head.parent == armature
    assert [bone.name for bone in armature.data.bones] == list(NAMES)
    assert bpy.context.view_layer.objects.active == selected
    assert set(armature.users_collection) == set(head.users_collection)
    armature.pose.bones["head"].rotation_euler.x = 0.3
    bpy.context.view_layer.update()
    assert np.abs(np.array(glasses.matrix_world) - before[2]).max() > 0.1  # what hangs on the head follows its bone


@pytest.mark.parametrize("make", ["demo", "millimetres"])
def test_bones_turn_about_the_axes_that_they_name(scene, tmp_path, make):
    head = scene_io.add_demo_head(bpy.context) if make == "demo" else import_millimetres(scene, tmp_path)
    canonical = load_head()
    armature = joints.add_joints(bpy.context, head)
    rest, bones = positions(head), armature.pose.bones
    nose = canonical.vertices[:, 2].argmax()
    bones["head"].rotation_euler = (0.2, 0.0, 0.0)
    assert positions(head)[nose, 2] < rest[nose, 2] - 0.01  # nods down
    bones["head"].rotation_euler = (0.0, 0.2, 0.0)
    assert positions(head)[nose, 0] > rest[nose, 0] + 0.01  # turns to its left
    bones["head"].rotation_euler = (0.0, 0.0, 0.2)
    top = canonical.vertices[:, 1].argmax()
    assert positions(head)[top, 0] < rest[top, 0] - 0.01  # tilts to its right
    bones["head"].rotation_euler = (0.0, 0.0, 0.0)
    for side, ball in zip("LR", canonical.eyes, strict=True):
        bone = bones[f"eye_{side}"]
        pupil = ball[canonical.vertices[ball, 2].argmax()]
        bone.rotation_euler = (-0.2, 0.0, 0.1)
        moved = positions(head) - rest
        assert moved[pupil, 2] < -0.002 and moved[pupil, 0] > 0.001  # looks down and to the head's left
        assert np.isin(np.flatnonzero(np.linalg.norm(moved, axis=1) > 1e-5), ball).all()
        centre = np.array(armature.matrix_world @ Vector(armature.data.bones[f"eye_{side}"].head_local))
        radius = np.linalg.norm(rest[ball] - centre, axis=1)
        assert np.linalg.norm(positions(head)[ball] - centre, axis=1) == pytest.approx(radius, abs=1e-5)
        bone.rotation_euler = (0.0, 0.0, 0.0)


def test_the_body_stays_and_the_mouth_follows_the_skull(head):
    (teeth,) = mouth.mouths_of(head)
    rest, mouth_rest = positions(head), positions(teeth)
    armature = joints.add_joints(bpy.context, head)
    armature.pose.bones["neck"].rotation_euler = (0.1, 0.2, 0.05)
    armature.pose.bones["head"].rotation_euler = (0.1, 0.2, 0.05)
    moved = positions(head)
    low = rest[:, 2] < -0.165
    assert np.abs(moved[low] - rest[low]).max() < 0.004
    skull = load_head().forehead
    shape, place = rest[skull] - rest[skull].mean(axis=0), moved[skull] - moved[skull].mean(axis=0)
    u, _, v = np.linalg.svd(place.T @ shape)
    turn = u @ v
    expected = (mouth_rest - rest[skull].mean(axis=0)) @ turn.T + moved[skull].mean(axis=0)
    assert np.abs(positions(teeth) - expected).max() < 1e-5


def test_a_mouth_that_comes_later_follows_too(scene, tmp_path):
    head = import_millimetres(scene, tmp_path)
    armature = joints.add_joints(bpy.context, head)
    made = mouth.add_mouth(head)
    joints.bind_mouths(head)
    rest = positions(made)
    armature.pose.bones["head"].rotation_euler.y = 0.3
    assert np.linalg.norm(positions(made) - rest, axis=1).mean() > 0.008


def test_joints_lie_where_the_person_has_them(head):
    armature = joints.add_joints(bpy.context, head)
    wanted = joint_positions(load_head().vertices)
    found = [bone.head_local[:] for bone in armature.data.bones]
    assert np.array(found) == pytest.approx(wanted, abs=1e-5)


def test_what_cannot_take_joints_says_why(head, make_head):
    joints.add_joints(bpy.context, head)
    with pytest.raises(TalkerError, match="has joints already"):
        joints.add_joints(bpy.context, head)
    count = len(bpy.data.objects)
    with pytest.raises(TalkerError):
        joints.add_joints(bpy.context, make_head())
    assert len(bpy.data.objects) == count + 1  # the mesh itself
    other = scene_io.add_demo_head(bpy.context)
    other.keyframe_insert("location", frame=1)
    assert "animated" in joints.joints_problem(other)
    assert "no head" in joints.joints_problem(None)
