"""A bake from request to scene: the right head whatever happens meanwhile, the range, one step of undo, no growth."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, bake, scene_io
from blendshape_talker.blender.lines import sound
from blendshape_talker.blender.lines.versions import strips_of
from blendshape_talker.errors import TalkerError


@pytest.fixture
def start(scene, synthetic_talker, recording):
    """Function that begins a bake on a head: (request, take)."""

    def begin(head, frame=1, emotion="neutral"):
        request = bake.make_request(scene, head, bake.Performance(str(recording), emotion), frame)
        return request, bake.compute(request, lambda fraction, message="": None, lambda: False)

    return begin


@pytest.fixture
def head(scene):
    return scene_io.add_demo_head(bpy.context)


def contents():
    """Datablocks of each kind, and the strips in the sequencer."""
    kinds = ("objects", "meshes", "shape_keys", "actions", "materials", "sounds", "scenes", "texts", "collections")
    editor = bpy.context.scene.sequence_editor
    strips = strips_of(editor) if editor else ()
    return [len(getattr(bpy.data, kind)) for kind in kinds], len(strips)


def test_renamed_moved_and_rescaled_meanwhile_it_is_the_same_head(scene, head, start):
    request, take = start(head)
    head.name, head.scale, head.location.x = "Heroine", (3.0, 3.0, 3.0), 7.0
    other = scene_io.add_demo_head(bpy.context)
    other.name = "Demo head"
    scene.name = "Act one"
    assert bake.apply(request, take) == head
    assert animation.is_baked(head) and not animation.is_baked(other)


def test_shape_keys_of_the_user_s_that_came_meanwhile_stay(head, start):
    request, take = start(head)
    head.shape_key_add(name="Basis", from_mix=False)
    head.shape_key_add(name="wink", from_mix=False)
    bake.apply(request, take)
    assert "wink" in head.data.shape_keys.key_blocks and animation.is_baked(head)


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (lambda head: bpy.context.scene.collection.objects.unlink(head), "no longer in the scene"),
        (lambda head: bpy.data.objects.remove(head), "no longer in the scene"),
        (lambda head: setattr(head, "data", other_mesh()), "another shape"),
        (lambda head: setattr(head.data.vertices[7].co, "x", 1.0), "another shape"),
        (lambda head: head.data.transform(np.diag([2.0, 2.0, 2.0, 1.0]).tolist()), "another shape"),
        (lambda head: bpy.ops.object.mode_set(mode="EDIT"), "Edit Mode"),
        (lambda head: bpy.ops.object.mode_set(mode="SCULPT"), "Sculpt Mode"),
    ],
)
def test_a_head_that_is_not_the_same_gets_one_clear_line(scene, head, start, meanwhile, words):
    request, take = start(head)
    scene_io.add_demo_head(bpy.context).name = "Bystander"
    bpy.context.view_layer.objects.active = head
    if scene.collection.objects.get(head.name) is None:
        scene.collection.objects.link(head)
    for collection in [item for item in head.users_collection if item != scene.collection]:
        collection.objects.unlink(head)
    meanwhile(head)
    before = contents()
    with pytest.raises(TalkerError, match=words) as caught:
        bake.apply(request, take)
    assert "\n" not in str(caught.value) and contents() == before
    assert not any(animation.is_baked(item) for item in bpy.data.objects)
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def other_mesh():
    mesh = bpy.data.meshes.new("other")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    return mesh


def test_keys_edited_meanwhile_are_not_lost(head, start):
    bake.apply(*start(head))
    request, take = start(head)
    (action,) = animation.lines(head)[0].actions("speech")
    animation.curves_of(action)[0].keyframe_points[5].co[1] = 0.9
    with pytest.raises(TalkerError, match="meanwhile"):
        bake.apply(request, take)
    bake.apply(request, take, replace=True)
    assert action.use_fake_user


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound")
def test_cuts_of_the_sound_are_named_before_another_recording_takes_them(scene, head, start, recording, tmp_path):
    bake.apply(*start(head))
    other = tmp_path / "other.wav"
    other.write_bytes(recording.read_bytes())
    (line,) = animation.lines(head)
    sound.sound_of(scene, line.uid).split(frame=15, split_method="SOFT")
    assert bake.hand_made(scene, head, str(recording), 1) is None
    with pytest.raises(TalkerError, match="cut of sound strip tone"):
        bake.make_request(scene, head, bake.Performance(str(other)))
    bake.make_request(scene, head, bake.Performance(str(other)), replace=True)


def test_the_range_grows_to_hold_all_and_never_shrinks(scene, head, start):
    scene.frame_start, scene.frame_end = 10, 20
    bake.apply(*start(head, 5))
    assert (scene.frame_start, scene.frame_end) == (5, 40)
    bake.apply(*start(head, 100))
    assert (scene.frame_start, scene.frame_end) == (5, 135)
    bake.apply(*start(head, -300))
    assert (scene.frame_start, scene.frame_end) == (0, 135)  # Blender's range begins at 0
    scene.frame_end = 500
    bake.apply(*start(head, 100))
    assert (scene.frame_start, scene.frame_end) == (0, 500)
    assert any("preview range" in hint for hint in animation.unseen(head, scene))
    scene.frame_set(-290)
    values = [block.value for block in head.data.shape_keys.key_blocks if block.name.startswith("S ")]
    assert np.abs(values).max() > 0.1


@pytest.mark.parametrize("frame", [-1048575, 1048575, 1048560, 2**31 - 1, -(2**31)])
def test_frames_beyond_the_timeline_are_refused_before_the_work(scene, head, recording, frame):
    with pytest.raises(TalkerError, match="timeline"):
        bake.make_request(scene, head, bake.Performance(str(recording)), frame)


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound")
def test_the_old_sound_becomes_the_line_s(scene, head, start, recording):
    sound.add_sound(scene, recording, 1)
    editor = scene.sequence_editor
    (strip,) = strips_of(editor)
    strip["blendshape_talker"] = True  # as version 0.1.0 marked it
    sound.adopt_old_sound(scene, "a-line", 1)
    assert sound.sound_of(scene, "a-line") == strip


def test_one_undo_takes_a_second_bake_back(registered, synthetic_talker, recording):
    bpy.ops.blendshape_talker.add_demo_head()
    settings = bpy.context.scene.blendshape_talker
    settings.audio = str(recording)
    bpy.ops.blendshape_talker.bake("EXEC_DEFAULT", True)
    before, frames = contents(), [line.frames for line in animation.lines(settings.target)]
    settings.start_frame = 60
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.blendshape_talker.bake("EXEC_DEFAULT", True)
    assert len(animation.lines(settings.target)) == 2
    bpy.ops.ed.undo()
    settings = bpy.context.scene.blendshape_talker
    assert contents() == before and [line.frames for line in animation.lines(settings.target)] == frames


def test_bake_after_bake_leaves_no_growth(registered, synthetic_talker, recording):
    bpy.ops.blendshape_talker.add_demo_head()
    settings = bpy.context.scene.blendshape_talker
    settings.audio = str(recording)
    counts = set()
    for number in range(60):
        settings.start_frame, settings.emotion = 1 + 100 * (number % 3), ("happy", "sad")[number % 2]
        assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
        if number >= 3:
            data = settings.target.data.shape_keys.animation_data
            counts.add((str(contents()), len(data.nla_tracks), len(settings.target.data.shape_keys.key_blocks)))
    assert len(counts) == 1 and len(animation.lines(settings.target)) == 3
    assert all(action.users == 1 for action in bpy.data.actions) and len(bpy.data.actions) == 10
    # one sound a line, or one that all three share; none at all where Blender is built without sound
    assert sum(item.users for item in bpy.data.sounds) == (3 if bpy.data.sounds else 0)
