"""Pictures and videos: they show the animation and leave nothing behind."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, joints, motion, preview, scene_io
from blendshape_talker.blender.animation import Take
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import load_head


@pytest.fixture
def talking_head(scene):
    """Demo head whose mouth region drops by 15 mm in frame 2."""
    target = scene_io.add_demo_head(bpy.context)
    deltas = np.zeros((1, 5023, 3), np.float32)
    deltas[0, :, 1] = -0.015 * load_head().mouth
    animation.write_take(target, Take(["speech down"], 1, deltas, np.array([[0.0], [1.0], [0.0]], np.float32)))
    return target


def contents():
    kinds = ("scenes", "objects", "lights", "cameras", "worlds", "materials", "meshes", "sounds")
    return [len(getattr(bpy.data, kind)) for kind in kinds]


def pixels(path):
    image = bpy.data.images.load(str(path))
    values = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    bpy.data.images.remove(image)
    return values


def test_stills_show_their_frame_whatever_the_scene_shows(talking_head, tmp_path):
    bpy.context.scene.frame_set(1)
    before = contents()
    pictures = []
    for frame in (1, 2, 3):
        path = preview.render_still(talking_head, tmp_path / f"{frame}.png", frame, resolution=64, samples=2)
        pictures.append(pixels(path))
    assert pictures[0].shape == (64, 64, 4)
    assert np.abs(pictures[0] - pictures[1]).max() > 0.2
    assert np.abs(pictures[0] - pictures[2]).max() < 0.02
    assert np.ptp(pictures[0][..., 0]) > 0.4  # a lit face on a darker ground
    assert contents() == before
    assert bpy.context.scene.frame_current == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png", "2.png", "3.png"]


def test_a_head_with_joints_turns_wherever_it_stands(talking_head, tmp_path):
    armature = joints.add_joints(bpy.context, talking_head)
    bone = armature.pose.bones["head"]
    for frame, angle in ((1, 0.0), (3, 0.6)):
        bone.rotation_euler.y = angle
        bone.keyframe_insert("rotation_euler", frame=frame)
    before = [*contents(), len(bpy.data.armatures)]

    def picture(name, frame):
        return pixels(preview.render_still(talking_head, tmp_path / f"{name}.png", frame, resolution=64, samples=2))

    straight, turned = picture("straight", 1), picture("turned", 3)
    assert np.abs(turned - straight).max() > 0.3
    armature.location = (3.0, -1.0, 0.5)
    bpy.context.view_layer.update()
    assert np.abs(picture("elsewhere", 3) - turned).max() < 0.05
    assert [*contents(), len(bpy.data.armatures)] == before


def test_a_head_without_joints_turns_and_stays_in_the_picture(talking_head, tmp_path):
    """Its own turning is played; what an animator keyed on it is not, and where it stands makes no difference."""
    talking_head[motion.TURNS] = True
    (line,) = animation.lines(talking_head)
    motion.write(talking_head, line, motion.Motion(np.array([[0.0] * 3, [0.0, 0.6, 0.0], [0.0] * 3]), np.zeros((3, 2))))

    def picture(name, frame):
        return pixels(preview.render_still(talking_head, tmp_path / f"{name}.png", frame, resolution=64, samples=2))

    before = contents()
    straight, turned = picture("straight", 1), picture("turned", 2)
    assert np.abs(turned - straight).max() > 0.3
    for frame, place in ((1, 0.0), (2, 5.0)):
        talking_head.location.x = place
        talking_head.keyframe_insert("location", frame=frame)
    talking_head.rotation_euler.z += 1.0
    bpy.context.scene.frame_set(2)
    motion.write(talking_head, line, motion.Motion(np.array([[0.0] * 3, [0.0, 0.6, 0.0], [0.0] * 3]), np.zeros((3, 2))))
    assert np.abs(picture("elsewhere", 2) - turned).max() < 0.05
    assert contents() == before


def test_video_has_all_frames_and_sound_where_there_is_any(talking_head, recording, tmp_path):
    before, reports = contents(), []
    path = preview.render_preview(
        talking_head, tmp_path / "talk.mp4", (1, 3), (25, 1.0), audio=recording, resolution=64, samples=1,
        progress=lambda fraction, message: reports.append(fraction),
    )  # fmt: skip
    clip = bpy.data.movieclips.load(str(path))
    assert clip.frame_duration == 3 and tuple(clip.size) == (64, 64)
    bpy.data.movieclips.remove(clip)
    content = path.read_bytes()
    assert b"avc1" in content
    assert (b"mp4a" in content) == bpy.app.build_options.audaspace
    assert reports == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert contents() == before


def test_a_head_of_any_size_fills_the_picture(talking_head, tmp_path):
    still = pixels(preview.render_still(talking_head, tmp_path / "a.png", 1, resolution=48, samples=2))
    mesh = talking_head.data
    for block in mesh.shape_keys.key_blocks:
        points = np.empty(5023 * 3, np.float32)
        block.data.foreach_get("co", points)
        block.data.foreach_set("co", points * 1000.0)
    talking_head.scale = (0.5, 0.5, 0.5)
    large = pixels(preview.render_still(talking_head, tmp_path / "b.png", 1, resolution=48, samples=2))
    assert np.abs(still - large).mean() < 0.01


def test_a_mesh_without_materials_is_not_left_with_one(talking_head, tmp_path):
    talking_head.data.materials.clear()
    before = contents()
    preview.render_still(talking_head, tmp_path / "a.png", 1, resolution=32, samples=1)
    assert contents() == before and not talking_head.material_slots


def test_only_mp4(talking_head, tmp_path):
    with pytest.raises(TalkerError, match="mp4"):
        preview.render_preview(talking_head, tmp_path / "talk.avi", (1, 2), (25, 1.0))
