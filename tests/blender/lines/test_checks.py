"""What is refused before a bake, and what would keep one from being seen."""

import json

import bpy
import numpy as np
import pytest
from playing import played, strips_of, values_at

from blendshape_talker.blender import animation
from blendshape_talker.blender.lines import checks, marks
from blendshape_talker.errors import TalkerError

MARK = "blendshape_talker"


@pytest.fixture
def spoken(make_head, make_take):
    """A head that speaks on frames 1 to 48: (target, take)."""
    target, take = make_head(), make_take(blinks=True, about={"recording": "/a.wav", "name": "a", "fps": 24.0})
    animation.write_take(target, take)
    return target, take


def enter_tweak_mode(target):
    """As Tab in the NLA editor does."""
    data = target.data.shape_keys.animation_data
    (strip,) = strips_of(target, "speech")
    for track in data.nla_tracks:
        for item in track.strips:
            item.select = False
    strip.select = True
    data.nla_tracks.active = data.nla_tracks["Speech"]
    data.use_tweak_mode = True
    return data


def set_preview_range(first, last):
    scene = bpy.context.scene
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, first, last


def take_influence(strip):
    strip.use_animated_influence = True
    strip.influence = 0.0
    strip.keyframe_insert("influence", frame=10)


def test_a_bake_as_it_is_gives_no_hint(scene, spoken, make_head):
    assert animation.unseen(spoken[0], scene) == []
    assert animation.unseen(make_head(name="bare"), scene) == [] and animation.unseen(None, scene) == []


def in_collection(target: bpy.types.Object) -> bpy.types.LayerCollection:
    """The view layer's place of a new collection that alone holds ``target``."""
    for collection in list(target.users_collection):
        collection.objects.unlink(target)
    collection = bpy.data.collections.new("Heads")
    bpy.context.scene.collection.children.link(collection)
    collection.objects.link(target)
    return bpy.context.view_layer.layer_collection.children["Heads"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda target, data: setattr(data, "use_nla", False), "switched off"),
        (lambda target, data: setattr(data.nla_tracks["Expression"], "mute", True), "Expression is muted"),
        (lambda target, data: setattr(data.nla_tracks["Speech"], "is_solo", True), "only track Speech plays"),
        (lambda target, data: setattr(data.nla_tracks["Speech"].strips[0], "mute", True), "strip a in Speech is muted"),
        (lambda target, data: setattr(target, "show_only_shape_key", True), "pinned"),
        (lambda target, data: setattr(target.data.shape_keys.key_blocks["S shape 1"], "mute", True), "muted"),
        (lambda target, data: setattr(target.data.shape_keys.key_blocks["S shape 1"], "slider_max", 0.4), "narrower"),
        (lambda target, data: target.data.shape_keys.key_blocks["S shape 1"].driver_add("value"), "driven"),
        (lambda target, data: setattr(bpy.context.scene.render, "fps", 30), "24 frames a second"),
        (lambda target, data: target.hide_set(True), "hidden in the viewport"),
        (lambda target, data: setattr(in_collection(target).collection, "hide_viewport", True), "collection that is"),
        (lambda target, data: setattr(in_collection(target), "hide_viewport", True), "collection that is"),
        (lambda target, data: setattr(in_collection(target), "exclude", True), "collection that is"),
        (lambda target, data: animation.set_speech_strength(target, 0.0), "speech strength of a is 0"),
        (lambda target, data: animation.set_expression_strength(target, 0.0), "expression strength of a is 0"),
        (lambda target, data: set_preview_range(500, 600), "outside the preview range"),
        (lambda target, data: target.modifiers.new("cache", "MESH_SEQUENCE_CACHE"), "modifier cache takes the place"),
        (lambda target, data: take_influence(data.nla_tracks["Speech"].strips[0]), "strip a has no influence"),
    ],
)
def test_what_hides_a_bake_is_said(scene, spoken, change, words):
    target, _ = spoken
    change(target, target.data.shape_keys.animation_data)
    hints = animation.unseen(target, scene)
    assert any(words in hint for hint in hints), hints
    assert all("\n" not in hint for hint in hints)


def test_a_bake_under_such_a_head_still_works(scene, spoken, make_take):
    target, _ = spoken
    data = target.data.shape_keys.animation_data
    data.use_nla = False
    target.show_only_shape_key = True
    data.nla_tracks["Expression"].mute = True
    again = make_take(seed=2, blinks=True, about={"recording": "/a.wav"})
    animation.write_take(target, again)
    assert not data.use_nla and target.show_only_shape_key and data.nla_tracks["Expression"].mute
    data.use_nla, target.show_only_shape_key, data.nla_tracks["Expression"].mute = True, False, False
    assert played(scene, target, again) < 1e-5


def test_tweak_mode_is_refused_and_said(scene, spoken, make_take):
    target, take = spoken
    data = enter_tweak_mode(target)
    assert data.use_tweak_mode
    assert "tweak mode" in animation.target_problem(target)
    with pytest.raises(TalkerError, match="tweak mode"):
        animation.write_take(target, make_take(seed=2, about={"recording": "/a.wav"}))
    assert any("tweak mode" in hint for hint in animation.unseen(target, scene))
    data.use_tweak_mode = False
    assert played(scene, target, take) < 1e-5


def test_strength_in_tweak_mode_does_no_harm(scene, spoken):
    target, take = spoken
    data = enter_tweak_mode(target)
    animation.set_speech_strength(target, 0.5)
    animation.set_expression_strength(target, 0.5)
    data.use_tweak_mode = False
    assert played(scene, target, take, speech=0.5, expression=0.5) < 1e-5


def broken_marks():
    """Values that a mark may have after hands, scripts or a crash."""
    good = {"version": 2, "line": "x", "layer": "speech", "start": 1, "first": 1, "count": 48}
    yield from ("", "{", '{"version": 2', "null", "[]", "7", "speech", json.dumps({**good, "version": 3}))
    for name, value in (("line", 5), ("layer", "words"), ("start", "1"), ("first", None), ("count", 1.5)):
        yield json.dumps({**good, name: value})
    yield from (1, 2.5, [1, 2], {"version": 2})


@pytest.mark.parametrize("value", list(broken_marks()))
def test_an_action_with_a_broken_mark_is_a_person_s(scene, spoken, make_take, value):
    target, take = spoken
    (strip,) = strips_of(target, "speech")
    action, before = strip.action, animation.read_curves(strip.action)
    action[MARK] = value
    assert marks.read_action(action) is None
    animation.hand_made_animation(target)
    animation.set_speech_strength(target, 0.5)
    animation.write_take(target, make_take(seed=2, start_frame=101, about={"recording": "/b.wav"}))
    animation.write_take(target, make_take(seed=2, about={"recording": "/a.wav"}))
    assert strip.action == action
    assert all(np.array_equal(points, before[path]) for path, points in animation.read_curves(action).items())


@pytest.mark.parametrize("value", list(broken_marks()))
def test_a_head_with_a_broken_mark_finds_its_shapes_by_its_lines(scene, spoken, make_take, value):
    target, _ = spoken
    keys = target.data.shape_keys
    count = len(keys.key_blocks)
    keys[MARK] = value
    again = make_take(seed=2, blinks=True, about={"recording": "/a.wav"})
    animation.write_take(target, again)
    assert len(keys.key_blocks) == count and played(scene, target, again) < 1e-5
    assert len(animation.lines(target)) == 1


@pytest.mark.parametrize("lost", ["blendshape_talker_strength", "blendshape_talker_closure"])
@pytest.mark.parametrize("value", [None, "loud", [1.0], 3])
def test_lost_numbers_are_no_error(scene, spoken, make_take, lost, value):
    target, _ = spoken
    for action in animation.lines(target)[0].actions():
        if lost in action:
            del action[lost]
        if value is not None:
            action[lost] = value
    animation.expression_strength(target)
    animation.set_expression_strength(target, 0.5)
    animation.set_speech_strength(target, 0.5)
    again = make_take(seed=2, blinks=True, about={"recording": "/a.wav"})
    animation.write_take(target, again)
    assert len(animation.lines(target)) == 1


def test_shape_keys_that_someone_deleted_are_made_anew(scene, spoken, make_take):
    target, _ = spoken
    target.shape_key_remove(target.data.shape_keys.key_blocks["S shape 1"])
    animation.set_expression_strength(target, 0.5)
    animation.set_expression_strength(target, 1.0)
    again = make_take(seed=2, blinks=True, about={"recording": "/a.wav"})
    animation.write_take(target, again)
    assert played(scene, target, again) < 1e-5


def test_all_shape_keys_deleted(scene, spoken, make_take):
    target, take = spoken
    target.shape_key_clear()
    assert not animation.is_baked(target) and animation.unseen(target, scene) == []
    animation.write_take(target, take)
    assert played(scene, target, take) < 1e-5


def test_a_head_without_any_mark_keeps_all_that_is_there(scene, spoken, make_take):
    target, take = spoken
    for action in bpy.data.actions:
        del action[MARK]
    del target.data.shape_keys[MARK]
    assert not animation.is_baked(target)
    again = make_take(seed=2, start_frame=201, about={"recording": "/b.wav"})
    animation.write_take(target, again)
    assert played(scene, target, again) < 1e-5
    scene.frame_set(20)
    assert target.data.shape_keys.key_blocks["S shape 0"].value == pytest.approx(take.weights[19, 0], abs=1e-5)
    assert np.abs(values_at(scene, target, again.names, 20)).max() < 1e-6


def test_strips_that_someone_grouped_are_still_the_line_s(spoken, make_take, tmp_path):
    """Meta strips are made by an operator that wants an NLA editor: the factory's windows have areas for one."""
    path = str(tmp_path / "grouped.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=False)
    with bpy.data.libraries.load(path) as (_, wanted):
        wanted.objects = ["Head"]
    (target,) = wanted.objects
    scene = bpy.context.scene
    scene.collection.objects.link(target)
    windows = bpy.context.window_manager.windows
    if not windows:
        pytest.skip("this Blender has no window in the background")
    area = next(item for item in windows[0].screen.areas if item.type == "VIEW_3D")
    area.type = "NLA_EDITOR"
    area.spaces.active.dopesheet.show_only_selected = False
    data = target.data.shape_keys.animation_data
    for track in data.nla_tracks:
        for strip in track.strips:
            strip.select = track.name == "Expression"
    bpy.context.view_layer.update()
    region = next(item for item in area.regions if item.type == "WINDOW")
    with bpy.context.temp_override(window=windows[0], area=area, region=region):
        bpy.ops.nla.meta_add()
    assert data.nla_tracks["Expression"].strips[0].type == "META"
    (line,) = animation.lines(target)
    assert line.frames == (1, 48) and "expression" in line.strips
    animation.set_expression_strength(target, 0.5)
    assert animation.expression_strength(target) == 0.5
    with pytest.raises(TalkerError, match="meta strip"):
        animation.write_take(target, make_take(seed=2, about={"recording": "/a.wav"}))
    take = make_take(blinks=True, about={"recording": "/a.wav", "name": "a", "fps": 24.0})
    assert played(scene, target, take, expression=0.5) < 1e-5


def test_a_linked_object_of_the_same_name_is_no_other_head(scene, make_head, tmp_path):
    head = make_head(name="Head")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, into):
        into.objects = ["Head"]
    (linked,) = into.objects
    assert not checks.is_in(scene, linked)
    scene.collection.objects.link(linked)
    assert linked.name == head.name and checks.is_in(scene, linked) and checks.is_in(scene, head)
    scene.collection.objects.unlink(head)
    assert checks.is_in(scene, linked) and not checks.is_in(scene, head)
