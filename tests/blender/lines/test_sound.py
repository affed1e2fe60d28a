"""The sound strip of a line: its own, kept as hands left it, shared by copies, never another's."""

import wave

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import marks, sound
from blendshape_talker.blender.lines.versions import set_strip_time, strip_time, strips_of

pytestmark = pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound")


@pytest.fixture
def recordings(tmp_path):
    """Two recordings of different lengths."""
    paths = []
    for name, count in (("a", 24000), ("b", 40000)):
        path = tmp_path / f"{name}.wav"
        with wave.open(str(path), "wb") as stream:
            stream.setnchannels(1)
            stream.setsampwidth(2)
            stream.setframerate(16000)
            stream.writeframes((8000 * np.sin(np.arange(count) * 0.1)).astype("<i2").tobytes())
        paths.append(path)
    return paths


def strips(scene):
    """All strips by their name."""
    editor = scene.sequence_editor
    return {strip.name: strip for strip in strips_of(editor)}


def bake(scene, target, take):
    """Write a take with its sound, as a bake does."""
    written = animation.write_take(target, take)
    sound.lay_sound(scene, written.uid, take.recording, written.frames[0], written.moved, written.former)
    return written


@pytest.fixture
def saying(make_take, recordings):
    """Function that makes a take of the first or the second recording."""

    def make(number=0, **settings):
        path = recordings[number]
        return make_take(about={"recording": str(path), "name": path.stem}, **settings)

    return make


def test_each_line_and_each_head_has_its_own(scene, make_head, saying):
    left, right = make_head(), make_head(name="Other")
    bake(scene, left, saying(start_frame=7))
    bake(scene, left, saying(1, start_frame=101))
    bake(scene, right, saying(1))
    found = [(strip_time(strip, "content_start"), strip.name[0]) for strip in strips(scene).values()]
    assert sorted(found) == [(1, "b"), (7, "a"), (101, "b")]
    bake(scene, left, saying(1, start_frame=101))
    # Blender 5.2 opens a recording once for all strips, others once a strip; none is left over in any
    assert len(strips(scene)) == 3
    assert {strip.sound.name for strip in strips(scene).values()} == set(bpy.data.sounds.keys())


def test_a_person_s_strip_is_never_touched(scene, make_head, saying, recordings):
    scene.sequence_editor_create()
    editor = scene.sequence_editor
    own = strips_of(editor).new_sound("music", str(recordings[0]), 1, 1)
    own["blendshape_talker"] = '{"version": 2, "lines": '  # half a mark is none
    target = make_head()
    for number in (0, 1, 0):
        bake(scene, target, saying(number))
    assert sorted(strips(scene)) == ["a", "music"] and strips(scene)["a"].channel != own.channel


def test_place_volume_channel_and_mute_stay(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    strip = strips(scene)["a"]
    set_strip_time(strip, "content_start", 31)
    strip.channel, strip.volume, strip.mute = 6, 0.4, True
    bake(scene, target, saying(seed=3))
    assert strips(scene) == {"a": strip} and (strip_time(strip, "content_start"), strip.channel, strip.mute) == (
        31,
        6,
        True,
    )
    bake(scene, target, saying(1))  # another recording takes over what hands did
    strip = strips(scene)["b"]
    assert len(strips(scene)) == len(bpy.data.sounds) == 1
    assert (strip_time(strip, "content_start"), strip.channel, strip.mute) == (31, 6, True)
    assert strip.volume == pytest.approx(0.4)


def test_keys_of_the_volume_stay_with_another_recording(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    strip = strips(scene)["a"]
    for frame, volume in ((5, 0.2), (15, 0.9)):
        strip.volume = volume
        strip.keyframe_insert("volume", frame=frame)
    bake(scene, target, saying(seed=3))
    bake(scene, target, saying(1))
    strip = strips(scene)["b"]
    for frame, volume in ((5, 0.2), (15, 0.9)):
        scene.frame_set(frame)
        assert strip.volume == pytest.approx(volume, abs=1e-3)
    (curve,) = animation.curves_of(scene.animation_data.action)
    assert curve.data_path == f"{strip.path_from_id()}.volume"


def test_sound_of_a_line_whose_strips_someone_deleted_is_not_laid_twice(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    strip = strips(scene)["a"]
    target.data.shape_keys.animation_data_clear()
    uid = bake(scene, target, saying(seed=2)).uid
    assert strips(scene) == {"a": strip} and sound.sound_of(scene, uid) == strip
    target.data.shape_keys.animation_data_clear()
    bake(scene, target, saying(start_frame=61))  # elsewhere: what is there may be wanted
    assert len(strips(scene)) == 2


def test_pieces_that_someone_cut_move_together_and_go_together(scene, make_head, saying, recordings):
    target = make_head()
    uid = bake(scene, target, saying()).uid
    whole = strips(scene)["a"]
    second = whole.split(frame=15, split_method="SOFT")
    assert {strip_time(strip, "content_start") for strip in (whole, second)} == {1} and len(strips(scene)) == 2
    bake(scene, target, saying(start_frame=21))
    assert {strip_time(strip, "content_start") for strip in strips(scene).values()} == {21}
    assert sound.lost_cuts(scene, uid, recordings[0]) is None
    assert "the cut of sound strip" in sound.lost_cuts(scene, uid, recordings[1])
    bake(scene, target, saying(1, start_frame=21))
    assert list(strips(scene)) == ["b"] and len(bpy.data.sounds) == 1


def test_it_moves_with_a_line_whose_start_was_changed(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    set_strip_time(strips(scene)["a"], "content_start", 4)  # three frames late, on purpose
    bake(scene, target, saying(start_frame=21))
    assert strip_time(strips(scene)["a"], "content_start") == 24


def test_copies_share_a_strip_until_they_differ(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    bpy.context.view_layer.objects.active = target
    target.select_set(True)
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    bake(scene, copy, saying(seed=2))  # says the same in step: one sound is enough
    assert list(strips(scene)) == ["a"]
    bake(scene, target, saying(1))  # the original says something else: the copy keeps its sound
    assert sorted(strips(scene)) == ["a", "b"]
    bake(scene, target, saying(0))
    bake(scene, copy, saying(1))
    assert sorted(name[0] for name in strips(scene)) == ["a", "b"]
    uids = {line.uid for head in (target, copy) for line in animation.lines(head)}
    assert len(uids) == 2 and all(sound.sound_of(scene, uid) for uid in uids)


def test_a_removed_line_takes_its_sound_along(scene, make_head, saying):
    target = make_head()
    written = bake(scene, target, saying())
    sound.remove_sound(scene, written.uid)
    assert not strips(scene) and not bpy.data.sounds
    sound.remove_sound(scene, written.uid)


def test_a_strip_that_someone_deleted_comes_back(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    sound.remove_strip(scene, strips(scene)["a"])
    bake(scene, target, saying())
    assert list(strips(scene)) == ["a"]


def test_a_full_sequencer_is_no_error(scene, make_head, saying):
    editor = scene.sequence_editor_create()
    collection = strips_of(editor)
    for channel in range(1, 129):
        try:
            collection.new_effect("c", "COLOR", channel, 1, frame_end=501)
        except TypeError:  # 5.0 and later
            collection.new_effect("c", "COLOR", channel, 1, length=500)
    written = animation.write_take(make_head(), saying())
    assert not sound.lay_sound(scene, written.uid, saying().recording, 1)


def test_a_mark_is_read_back(scene, make_head, saying, tmp_path):
    target = make_head()
    written = bake(scene, target, saying())
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    strip = sound.sound_of(bpy.context.scene, written.uid)
    assert strip.name == "a" and marks.read_mark(strip)["lines"] == [written.uid]


def test_a_strip_in_a_group_is_found(scene, make_head, saying):
    target = make_head()
    written = bake(scene, target, saying())
    strip = strips(scene)["a"]
    group = strips_of(scene.sequence_editor).new_meta("group", 5, 1)
    strip.move_to_meta(group)
    bake(scene, target, saying(seed=3))
    assert sound.sound_of(scene, written.uid) is not None and list(strips(scene)) == ["group"]
    sound.remove_sound(scene, written.uid)
    assert not bpy.data.sounds and list(strips(scene)) == ["group"]


def test_a_deleted_head_holds_no_sound_back(scene, make_head, saying):
    target = make_head()
    bake(scene, target, saying())
    bpy.context.view_layer.objects.active = target
    target.select_set(True)
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    bpy.data.objects.remove(target)
    bake(scene, copy, saying(1))
    assert [name[0] for name in strips(scene)] == ["b"] and len(bpy.data.sounds) == 1


def test_a_line_without_a_free_channel_says_so(scene, make_head, saying):
    scene.sequence_editor_create()
    length = (
        "length"
        if "length" in strips_of(scene.sequence_editor).bl_rna.functions["new_effect"].parameters
        else "frame_end"
    )
    for channel in range(1, 129):
        strips_of(scene.sequence_editor).new_effect(f"{channel}", "COLOR", channel, frame_start=1, **{length: 500})
    written = bake(scene, make_head(), saying())
    assert sound.sound_of(scene, written.uid) is None and "no free channel" in sound.unheard(scene, written.uid)
    strips_of(scene.sequence_editor).remove(strips(scene)["7"])
    written = bake(scene, make_head(name="Other"), saying())
    assert sound.sound_of(scene, written.uid).channel == 7 and sound.unheard(scene, written.uid) is None
