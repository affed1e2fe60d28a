"""Room for a new head, views that face it, playback in step with the sound, the frame in which it speaks."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Quaternion, Vector

from blendshape_talker.blender import animation, scene_io, viewing

FRONT = Vector((0.0, -1.0, 0.0))


@pytest.fixture
def default_scene():
    """What Blender opens with: cube, camera, light, one window of several areas."""
    bpy.ops.wm.read_factory_settings()
    return bpy.context


def box(target):
    bpy.context.view_layer.update()
    corners = np.array([target.matrix_world @ Vector(corner) for corner in target.bound_box])
    return corners.min(axis=0), corners.max(axis=0)


def meet(first, second):
    (low, high), (other_low, other_high) = box(first), box(second)
    return bool(((low < other_high - 1e-4) & (high > other_low + 1e-4)).all())


def add_head():
    head = scene_io.add_demo_head(bpy.context)
    return head, viewing.stand_in_free_room(bpy.context, head)


def test_an_empty_scene_gets_the_head_at_its_origin_with_the_neck_on_the_ground(scene):
    head, beside = add_head()
    low, high = box(head)
    assert beside == "" and head.matrix_world.translation.x == 0.0 and abs(low[2]) < 1e-5
    assert high[2] == pytest.approx(0.3, abs=0.05)


def test_heads_stand_beside_the_cube_and_each_other(default_scene):
    cube = bpy.data.objects["Cube"]
    heads = []
    for _ in range(3):
        head, beside = add_head()
        assert beside == (heads[-1].name if heads else "Cube")
        assert not any(meet(head, other) for other in (cube, *heads))
        assert box(head)[0][2] == pytest.approx(0.0, abs=1e-5)
        heads.append(head)
    assert max(box(head)[1][0] for head in heads) < 3.0


def test_a_hidden_thing_takes_no_room_and_a_floor_none(scene):
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.hide_set(True)
    bpy.ops.mesh.primitive_plane_add(size=30.0)
    head, beside = add_head()
    assert beside == "" and head.matrix_world.translation.x == 0.0


def test_under_a_sky_the_head_stays_at_the_origin(scene):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=50.0)
    head, beside = add_head()
    assert beside == "" and head.matrix_world.translation.x == 0.0


def views():
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active


def test_every_view_faces_the_new_head(default_scene):
    head, _ = add_head()
    count = viewing.show(bpy.context, head)
    assert count == len(list(views())) >= 1
    low, high = box(head)
    for space in views():
        view = space.region_3d
        assert (view.view_location - Vector((low + high) / 2)).length < 1e-5
        assert (view.view_rotation @ Vector((0, 0, 1))).dot(FRONT) > 0.9
        assert 0.3 < view.view_distance < 2.0 and space.clip_start < 0.1


def test_a_view_from_the_front_keeps_its_direction_and_a_camera_is_left(default_scene):
    head, _ = add_head()
    front = Quaternion((0.7071068, 0.7071068, 0.0, 0.0))
    camera = bpy.data.objects["Camera"].matrix_world.copy()
    for space in views():
        space.region_3d.view_rotation = front
        space.region_3d.view_perspective = "CAMERA"
    viewing.show(bpy.context, head)
    for space in views():
        assert space.region_3d.view_rotation.dot(front) == pytest.approx(1.0, abs=1e-5)
        assert space.region_3d.view_perspective == "PERSP"
    assert bpy.data.objects["Camera"].matrix_world == camera


def test_playback_follows_the_sound_once_and_the_user_s_choice_stays(registered):
    scene = bpy.context.scene
    assert viewing.play_in_step(scene)
    assert scene.sync_mode == "AUDIO_SYNC" and scene.use_audio_scrub
    scene.sync_mode, scene.use_audio_scrub = "NONE", False
    assert not viewing.play_in_step(scene)
    assert scene.sync_mode == "NONE" and not scene.use_audio_scrub


def test_the_speaking_frame_is_the_first_plainly_open_one():
    deltas = np.zeros((2, 5, 3), np.float32)
    deltas[0, 0, 1], deltas[1, 1, 1] = -0.01, 0.002
    weights = np.zeros((60, 2))
    weights[:, 1] = 1.0  # something small moves all the time
    weights[10:21, 0] = 0.3 * np.hanning(11)
    weights[30:41, 0] = 0.9 * np.hanning(11)
    weights[45:56, 0] = np.hanning(11)
    assert viewing.speaking_row(deltas, weights) == 35
    assert viewing.speaking_row(deltas, np.zeros((60, 2))) == 0


def test_a_line_s_speaking_frame_follows_its_strips(make_head, make_take):
    head, take = make_head(), make_take(start_frame=11)
    about = {"recording": "/a.wav", "name": "a", "open": 20}
    animation.write_take(head, replace(take, about=about))
    line = animation.lines(head)[0]
    assert viewing.speaking_frame(line) == 31
    strip = line.strips["speech"][0][1]
    strip.frame_start, strip.frame_end = strip.frame_start + 100, strip.frame_end + 100
    assert viewing.speaking_frame(animation.lines(head)[0]) == 131
