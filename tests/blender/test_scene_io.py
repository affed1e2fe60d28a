"""Heads and sound into the scene."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blendshape_talker.blender import animation, bake, scene_io
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import load_head

TURN = np.array(Matrix.Rotation(0.7, 3, (1.0, 2.0, 0.5)))


def stretched_head():
    """Vertices of a person who is not the canonical one: (5023, 3) m."""
    vertices = load_head().vertices.astype(float)
    return vertices * (1.05, 0.97, 1.02) + 0.001 * np.sin(60 * vertices[:, [1, 2, 0]])


def write_obj(path, vertices, faces):
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in faces]
    path.write_text("\n".join(lines))


def write_ply(path, vertices, faces):
    lines = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    lines += [f"{x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += [f"3 {a} {b} {c}" for a, b, c in faces]
    path.write_text("\n".join(lines) + "\n")


def write_npz(path, vertices, faces):
    np.savez(path, vertices=vertices, faces=faces)


WRITERS = {"obj": write_obj, "ply": write_ply, "npz": write_npz}


def world_positions(target):
    evaluated = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    positions = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", positions.ravel())
    matrix = np.array(evaluated.matrix_world)
    return positions @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_head_in_millimetres_and_turned_stands_upright_and_moves_right(
    scene, tmp_path, suffix, synthetic_talker, recording
):
    person = stretched_head()
    in_file = 1000.0 * person @ TURN.T + (30.0, -500.0, 90.0)
    path = tmp_path / f"person.{suffix}"
    WRITERS[suffix](path, in_file, load_head().faces)
    target, note = scene_io.import_head(bpy.context, path)
    assert "millimetres" in note
    assert np.abs(animation.rest_vertices(target) - in_file).max() < 0.01  # the file's own coordinates, mm
    upright = person @ np.array(scene_io.UPRIGHT)[:3, :3].T
    rest = world_positions(target)
    # where the head stands and how it is turned is a fit to another face: equal up to a small rigid motion
    assert np.abs(np.ptp(rest, axis=0) - np.ptp(upright, axis=0)).max() < 0.01
    assert np.abs((rest - rest.mean(0)) - (upright - upright.mean(0))).max() < 0.02

    request = bake.make_request(scene, target, bake.Performance(str(recording)))
    take = bake.compute(request, lambda fraction, message="": None, lambda: False)
    bake.apply(request, take)
    scene.frame_set(take.start_frame + 20)
    moved = world_positions(target) - rest
    shapes = synthetic_talker.animate(recording, "neutral", 1.0, 24.0, True, 0, lambda *_: None, lambda: False)
    wanted = shapes.displacements(20, 21)[0] @ np.array(scene_io.UPRIGHT)[:3, :3].T
    assert np.linalg.norm(wanted, axis=1).max() > 0.004
    assert np.abs(moved - wanted).max() < 0.0005  # a turn of a few degrees between the two faces


def test_the_demo_head_has_faces_uvs_materials_and_is_chosen(scene):
    target = scene_io.add_demo_head(bpy.context)
    mesh, head = target.data, load_head()
    assert len(mesh.vertices) == 5023 and len(mesh.polygons) == len(head.faces)
    assert mesh.uv_layers.active is not None and not mesh.validate()
    names = [material.name for material in mesh.materials]
    assert names == ["Talker skin", "Talker eyes", "Talker iris", "Talker pupil"]
    assert bpy.context.view_layer.objects.active == target and target.select_get()
    world = world_positions(target)
    assert world[3546, 1] < world[:, 1].mean() - 0.03  # the lips look along -y, Blender's front
    assert np.ptp(world[:, 2]) > np.ptp(world[:, 0])
    for ball in (head.left_eye, head.right_eye):
        faces = [face for face in mesh.polygons if face.vertices[0] in set(ball.tolist())]
        assert {face.material_index for face in faces} == {1, 2, 3}
        pupil, iris, white = (
            np.array([face.center[2] for face in faces if face.material_index == part]) for part in (3, 2, 1)
        )
        assert pupil.min() > iris.max() and iris.min() > white.max()  # rings, from the front backwards
    skin, eye, iris, pupil = (np.array(material.diffuse_color[:3]).mean() for material in mesh.materials)
    assert eye > skin > iris > pupil  # gaze is seen in the Solid view
    assert scene_io.add_demo_head(bpy.context).data.materials[0] == mesh.materials[0]


def test_what_is_no_flame_mesh_adds_nothing(scene, tmp_path):
    vertices, faces = load_head().vertices, load_head().faces
    shuffled = np.random.default_rng(0).permutation(5023)
    write_obj(tmp_path / "few.obj", vertices[:2000], faces[(faces < 2000).all(1)])
    write_obj(tmp_path / "shuffled.obj", stretched_head()[shuffled], np.argsort(shuffled)[faces])
    for name, words in (("few.obj", "2000 vertices"), ("shuffled.obj", "order"), ("missing.obj", "not found")):
        with pytest.raises(TalkerError, match=words) as caught:
            scene_io.import_head(bpy.context, tmp_path / name)
        assert "\n" not in str(caught.value)
    assert not bpy.data.objects and not bpy.data.meshes


def test_bare_vertices_get_the_demo_head_s_faces(scene, tmp_path):
    np.savez(tmp_path / "points.npz", v_template=load_head().vertices)
    target, note = scene_io.import_head(bpy.context, tmp_path / "points.npz")
    assert len(target.data.polygons) == len(load_head().faces) and note == ""


def test_a_mesh_that_is_inside_out_is_turned(scene, tmp_path):
    head = load_head()
    write_npz(tmp_path / "inward.npz", head.vertices, head.faces[:, ::-1])
    target, _ = scene_io.import_head(bpy.context, tmp_path / "inward.npz")
    outward = scene_io.add_demo_head(bpy.context)
    normals = [np.array([face.normal for face in item.data.polygons]) for item in (target, outward)]
    assert np.abs(normals[0] - normals[1]).max() < 1e-5
