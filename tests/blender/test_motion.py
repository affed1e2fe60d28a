"""Head and gaze of lines: on the armature, beside other lines and hands, through exports and back."""

import bpy
import numpy as np
import pytest

import blendshape_talker
from blendshape_talker.blender import animation, bake, export, export_formats, joints, motion, mouth, scene_io
from blendshape_talker.blender.lines.actions import curves_of
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import VERTEX_COUNT, load_head
from blendshape_talker.face.joints import NECK_SHARE

FRAMES = 24


@pytest.fixture
def head(scene):
    return scene_io.add_demo_head(bpy.context)


def turns(frames=FRAMES, size=0.3, seed=0):
    """A motion that starts and ends at rest: a nod with a turn, and a look down and to the left."""
    hump = np.sin(np.linspace(0, np.pi, frames))[:, None]
    return motion.Motion(hump * [size, 0.5 * size, 0.1 * size], hump * [0.2, 0.1], seed)


def speak(head, make_take, start=1, name="a", frames=FRAMES):
    """Bake a small line without the networks; the line."""
    about = {"recording": f"/{name}.wav", "name": name, "seed": 0, "fps": 24.0}
    written = animation.write_take(head, make_take(VERTEX_COUNT, frames, start_frame=start, about=about))
    return next(line for line in animation.lines(head) if line.uid == written.uid)


def pose(armature, frame):
    """Rotations of neck, head and left eye at a frame, (3, 3)."""
    bpy.context.scene.frame_set(frame)
    seen = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([seen.pose.bones[name].rotation_euler[:] for name in ("neck", "head", "eye_L")])


def strips(holder):
    return [(track.name, strip) for track in holder.animation_data.nla_tracks for strip in track.strips]


def test_a_line_moves_neck_head_and_eyes(head, make_take):
    armature, moves = joints.add_joints(bpy.context, head), turns()
    motion.write(head, speak(head, make_take, 5), moves)
    for frame in (5, 9, 16, 28):
        found = pose(armature, frame)
        assert found[0] == pytest.approx(NECK_SHARE * moves.head[frame - 5], abs=1e-5)
        assert found[1] == pytest.approx((1 - NECK_SHARE) * moves.head[frame - 5], abs=1e-5)
        assert found[2] == pytest.approx([-moves.eyes[frame - 5, 0], 0.0, moves.eyes[frame - 5, 1]], abs=1e-5)
    for frame in (16, 60, -10):  # and back: nothing stays turned outside
        found = pose(armature, frame)
    assert np.abs(found).max() == 0.0
    assert {name for name, _ in strips(armature)} == {"Rest pose", "Head", "Gaze"}


def test_lines_and_hands_stay_unharmed(head, make_take):
    armature = joints.add_joints(bpy.context, head)
    motion.write(head, speak(head, make_take, 1, "a"), turns())
    bone = armature.pose.bones["root"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler.x = 0.2
    bone.keyframe_insert("rotation_euler", frame=3)
    own = armature.animation_data.action
    first = pose(armature, 10)
    motion.write(head, speak(head, make_take, 40, "b"), turns(size=-0.2, seed=1))
    assert pose(armature, 10) == pytest.approx(first)
    assert pose(armature, 50)[1, 0] < -0.05
    assert armature.animation_data.action == own and armature.pose.bones["root"].rotation_euler.x == pytest.approx(0.2)
    # a line over another one goes to a track of its own, and both add up
    motion.write(head, speak(head, make_take, 45, "c"), turns(size=0.2, seed=2))
    assert {"Head 2", "Gaze 2"} <= {name for name, _ in strips(armature)}
    # the first once more: nothing piles up
    count, actions = len(strips(armature)), len(bpy.data.actions)
    motion.write(head, speak(head, make_take, 1, "a"), turns(size=0.1))
    assert len(strips(armature)) == count and len(bpy.data.actions) == actions
    assert pose(armature, 12)[1, 0] == pytest.approx(0.6 * turns(size=0.1).head[11, 0], abs=1e-5)


def test_strength_mute_and_hands_keys_outlive_the_next_bake(head, make_take):
    armature, line = joints.add_joints(bpy.context, head), speak(head, make_take)
    motion.write(head, line, turns())
    assert motion.strength_of(head, line, "head") == 1.0
    motion.set_strength(head, line, "head", 0.5)
    motion.set_strength(head, line, "gaze", 2.0)
    assert pose(armature, 12)[1, 0] == pytest.approx(0.5 * 0.6 * turns().head[11, 0], abs=1e-5)
    assert pose(armature, 12)[2, 0] == pytest.approx(-2 * turns().eyes[11, 0], abs=1e-5)
    gaze = next(strip for name, strip in strips(armature) if name == "Gaze")
    gaze.mute = True
    line = speak(head, make_take)
    motion.write(head, line, turns(size=0.2))
    assert motion.strength_of(head, line, "head") == 0.5 and motion.strength_of(head, line, "gaze") == 2.0
    assert np.abs(pose(armature, 12)[2]).max() == 0.0
    (moved,) = {strip.action for name, strip in strips(armature) if name == "Head"}
    curves_of(moved)[0].keyframe_points[3].co.y = 1.0  # a hand's key
    motion.write(head, speak(head, make_take), turns(size=0.1))
    assert {strip.action for name, strip in strips(armature) if name == "Head"} == {moved}
    motion.write(head, line, motion.Motion(turns().head, turns().eyes, 4, chosen=True))
    assert motion.seed_of(head, line) == 4
    assert moved.use_fake_user and "blendshape_talker" not in moved  # a person's from now on


def test_keys_on_a_strip_s_influence_fade_it_and_outlive_the_next_bake(head, make_take):
    armature, line = joints.add_joints(bpy.context, head), speak(head, make_take)
    motion.write(head, line, turns())
    strip = next(strip for name, strip in strips(armature) if name == "Head")
    strip.use_animated_influence = True
    for frame, influence in ((1, 1.0), (8, 1.0), (12, 0.25), (24, 0.25)):
        strip.influence = influence
        strip.keyframe_insert("influence", frame=frame)
    for moves in (turns(), turns(size=0.2)):
        motion.write(head, speak(head, make_take), moves)
        assert pose(armature, 5)[1, 0] == pytest.approx(0.6 * moves.head[4, 0], abs=1e-5)
        assert pose(armature, 16)[1, 0] == pytest.approx(0.25 * 0.6 * moves.head[15, 0], abs=1e-5)


def test_copies_made_together_have_their_own_strength_and_line(head, make_take):
    armature, line = joints.add_joints(bpy.context, head), speak(head, make_take)
    motion.write(head, line, turns())
    for item in bpy.context.view_layer.objects:
        item.select_set(True)
    bpy.ops.object.duplicate()
    copies = [item for item in bpy.context.selected_objects if item.type == "MESH" and "Demo" in item.name]
    (twin,) = copies
    other = joints.joints_of(twin)
    assert other not in (None, armature) and mouth.mouths_of(twin) and mouth.mouths_of(twin) != mouth.mouths_of(head)
    motion.set_strength(twin, animation.lines(twin)[0], "head", 0.0)
    assert np.abs(pose(other, 12)[1]).max() < 1e-5
    assert pose(armature, 12)[1, 0] == pytest.approx(0.6 * turns().head[11, 0], abs=1e-5)
    again = speak(twin, make_take)
    motion.write(twin, again, turns(size=0.2))
    motion.follow(twin)
    assert len([name for name, _ in strips(other) if name.startswith("Head")]) == 1
    assert motion.seed_of(head, line) == 0 and motion.seed_of(twin, again) == 0


def test_a_chosen_take_stays_while_the_sound_is_the_same(head, make_take):
    joints.add_joints(bpy.context, head)
    line = speak(head, make_take)
    motion.write(head, line, motion.Motion(turns().head, turns().eyes, 7, chosen=True))
    motion.write(head, speak(head, make_take), turns(seed=0))
    assert motion.seed_of(head, line) == 7
    motion.write(head, speak(head, make_take, frames=30), turns(frames=30, seed=0))
    assert motion.seed_of(head, line) == 0  # as long as the new recording


def test_motion_follows_moved_and_cut_strips(head, make_take):
    armature, line = joints.add_joints(bpy.context, head), speak(head, make_take)
    motion.write(head, line, turns())
    spoken = line.strips["speech"][0][1]
    spoken.frame_start_ui = 31
    spoken.action_frame_end = 12
    motion.follow(head)
    assert pose(armature, 40)[1, 0] == pytest.approx(0.6 * turns().head[9, 0], abs=1e-5)
    assert np.abs(pose(armature, 10)).max() == 0.0 and np.abs(pose(armature, 50)).max() == 0.0
    for layer in line.strips.values():
        for track, strip in layer:
            track.strips.remove(strip)
    motion.follow(head)
    assert {name for name, _ in strips(armature)} == {"Rest pose"}


def test_a_head_without_joints_turns_as_an_object_on_request(head, make_take):
    line = speak(head, make_take)
    motion.write(head, line, turns())
    assert head.animation_data is None
    head.location, head.rotation_euler.z = (1.0, 0.0, 0.0), 0.4
    place = np.array(head.matrix_basis)
    head[motion.TURNS] = True
    motion.write(head, line, turns(size=0.3))
    bpy.context.scene.frame_set(12)
    turned = np.array(head.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    x, y, z = turns().head[11]
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    assert turned[:3, :3] == pytest.approx(place[:3, :3] @ about_z @ about_y @ about_x, abs=1e-5)
    assert turned[:3, 3] == pytest.approx([1.0, 0.0, 0.0])


def test_motion_comes_from_the_recording_alone(scene, head, make_take):
    joints.add_joints(bpy.context, head)
    demo = str(blendshape_talker.__path__[0]) + "/assets/demo_speech.flac"
    about = {"recording": demo, "name": "demo", "seed": 0, "fps": 24.0}
    animation.write_take(head, make_take(VERTEX_COUNT, 146, about=about))
    (line,) = animation.lines(head)
    first, other = motion.perform(line, 0), motion.perform(line, 1)
    assert first.head.shape == (146, 3) and first.eyes.shape == (146, 2)
    assert np.degrees(np.abs(first.head - other.head).max()) > 1.0
    with pytest.raises(TalkerError, match="gone"):
        motion.perform(animation.Line("x", {**line.record, "recording": "/gone.wav"}), 0)


def test_a_bake_moves_a_head_with_joints(scene, head, synthetic_talker, recording):
    armature = joints.add_joints(bpy.context, head)
    request = bake.make_request(scene, head, bake.Performance(str(recording)))
    take = bake.compute(request, lambda *_: None, lambda: False)
    hump = np.sin(np.linspace(0, np.pi, len(take.weights)))[:, None]
    moving = {"head_rotation": hump * [0.2, 0, 0], "eye_rotation": hump * [0.1, 0.0]}
    bake.apply(request, type(take)(**{**vars(take), **moving}))
    assert pose(armature, 1 + len(hump) // 2)[1, 0] > 0.1


@pytest.mark.parametrize("suffix", [".fbx", ".glb"])
def test_exports_carry_bones_that_move_the_mesh(head, make_take, tmp_path, suffix):
    armature = joints.add_joints(bpy.context, head)
    armature.hide_set(True)
    moves = turns()
    motion.write(head, speak(head, make_take), moves)
    scene = bpy.context.scene
    scene.render.fps = 24
    nose = load_head().vertices[:, 2].argmax()

    def world(item, frame):
        scene.frame_set(frame)
        seen = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = seen.to_mesh()
        made = np.empty((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", made.ravel())
        seen.to_mesh_clear()
        matrix = np.array(seen.matrix_world)
        return made @ matrix[:3, :3].T + matrix[:3, 3]

    expected = {frame: (world(head, frame), world(mouth.mouths_of(head)[0], frame)) for frame in (1, 12)}
    export.export_head(bpy.context, head, tmp_path / f"head{suffix}")
    assert armature.hide_get()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 24
    if suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(tmp_path / "head.fbx"), anim_offset=0.0, ignore_leaf_bones=False)
    else:
        bpy.ops.import_scene.gltf(filepath=str(tmp_path / "head.glb"))
    (imported,) = [item for item in bpy.data.objects if item.type == "ARMATURE"]
    assert {"root", "neck", "head", "eye_L", "eye_R"} <= {bone.name for bone in imported.data.bones}
    meshes = [item for item in bpy.data.objects if item.type == "MESH" and len(item.data.vertices) > 1000]
    (found,) = [item for item in meshes if item.name.startswith("Demo head")]
    for item in meshes:
        for block in item.data.shape_keys.key_blocks if item.data.shape_keys else ():
            block.slider_min, block.slider_max = -10.0, 10.0
    assert any(modifier.type == "ARMATURE" for modifier in found.modifiers)
    at_rest, turned = world(found, 1), world(found, 12)
    if len(at_rest) == VERTEX_COUNT:
        assert at_rest[nose] == pytest.approx(expected[1][0][nose], abs=2e-4)
        assert turned[nose] == pytest.approx(expected[12][0][nose], abs=2e-4)
    (teeth,) = [item for item in meshes if item != found and item.name.startswith("Mouth")]
    for seen, wanted in ((turned, expected[12][0]), (world(teeth, 12), expected[12][1])):
        assert seen.min(axis=0) == pytest.approx(wanted.min(axis=0), abs=5e-4)
        assert seen.max(axis=0) == pytest.approx(wanted.max(axis=0), abs=5e-4)


def test_alembic_carries_the_deformed_mesh(head, make_take, tmp_path):
    if not export_formats.FORMATS[".abc"].available:
        pytest.skip("this Blender has no Alembic")
    joints.add_joints(bpy.context, head)
    motion.write(head, speak(head, make_take), turns())
    scene = bpy.context.scene
    scene.frame_set(12)
    seen = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    wanted = np.array([seen.matrix_world @ vertex.co for vertex in seen.data.vertices])
    export.export_head(bpy.context, head, tmp_path / "head.abc")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.alembic_import(filepath=str(tmp_path / "head.abc"), as_background_job=False)
    bpy.context.scene.frame_set(12)
    items = [item for item in bpy.data.objects if item.type == "MESH" and len(item.data.vertices) == VERTEX_COUNT]
    seen = items[0].evaluated_get(bpy.context.evaluated_depsgraph_get())
    found = np.array([seen.matrix_world @ vertex.co for vertex in seen.data.vertices])
    assert np.abs(found - wanted).max() < 1e-4
