"""Heads of a library file: what the next save would lose is refused with advice that works, the rest survives."""

import bpy
import numpy as np
import pytest
from playing import played

from blendshape_talker.blender import animation
from blendshape_talker.errors import TalkerError

THEIRS = {"recording": "/library.wav", "name": "library"}


@pytest.fixture
def linked(scene, make_head, make_take, tmp_path):
    """Function that gives an overridden head of a library file: with shape keys of its own, with a line, or bare."""

    def make(kind, mesh_too):
        target = make_head(name="Hero")
        if kind == "own keys":
            target.shape_key_add(name="Basis", from_mix=False)
            target.shape_key_add(name="wink", from_mix=False)
        elif kind == "line":
            animation.write_take(target, make_take(about=THEIRS))
        collection = bpy.data.collections.new("Hero")
        scene.collection.children.link(collection)
        collection.objects.link(target)
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
            wanted.collections = ["Hero"]
        here = bpy.context.scene
        here.collection.children.link(wanted.collections[0])
        wanted.collections[0].override_hierarchy_create(here, bpy.context.view_layer, do_fully_editable=True)
        head = next(item for item in bpy.data.objects if item.override_library)
        if mesh_too:
            mesh = head.data.override_create(remap_local_usages=True)
            head.data = mesh
        for item in bpy.context.view_layer.objects:
            item.select_set(item == head)
        bpy.context.view_layer.objects.active = head
        return head

    return make


def reloaded(tmp_path):
    """The head after the file was saved and opened again."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    return next(item for item in bpy.data.objects if item.type == "MESH" and item.library is None)


@pytest.mark.parametrize("kind", ["bare", "own keys"])
@pytest.mark.parametrize("mesh_too", [False, True])
def test_what_would_be_lost_is_refused_and_the_advice_works(linked, make_take, tmp_path, kind, mesh_too):
    head = linked(kind, mesh_too)
    problem = animation.target_problem(head)
    with pytest.raises(TalkerError):
        animation.write_take(head, make_take())
    if mesh_too:
        assert "Make Local > Selected Objects and Data" in problem
        bpy.ops.object.make_local(type="SELECT_OBDATA")
    else:
        assert "Make Single User > Object & Data" in problem
        bpy.ops.object.make_single_user(object=True, obdata=True)
    head = bpy.context.view_layer.objects.active
    assert animation.target_problem(head) is None
    take = make_take()
    animation.write_take(head, take)
    animation.set_speech_strength(head, 0.5)
    head = reloaded(tmp_path)
    assert played(bpy.context.scene, head, take, speech=0.5) < 1e-5
    assert (head.override_library is None) == mesh_too


def test_a_head_that_has_our_shapes_speaks_more_lines(linked, make_take, tmp_path):
    head = linked("line", mesh_too=True)
    assert animation.target_problem(head) is None
    theirs = make_take(about=THEIRS)
    with pytest.raises(TalkerError, match="belongs to the library"):
        animation.write_take(head, make_take(seed=2, about=THEIRS))
    with pytest.raises(TalkerError, match="keeps no new shape keys"):
        animation.write_take(head, make_take(start_frame=101, speech=4, about={"recording": "/b.wav"}))
    take = make_take(seed=2, start_frame=101, about={"recording": "/b.wav"})
    animation.write_take(head, take)
    animation.set_speech_strength(head, 0.5, animation.line_at(head, 120))
    assert animation.speech_strength(head, animation.line_at(head, 1)) is None
    animation.set_speech_strength(head, 0.5, animation.line_at(head, 1))
    head = reloaded(tmp_path)
    assert head.data.override_library and head.data.shape_keys.animation_data
    assert played(bpy.context.scene, head, take, speech=0.5) < 1e-5
    assert played(bpy.context.scene, head, theirs) < 1e-5
    animation.write_take(head, make_take(seed=3, start_frame=101, about={"recording": "/b.wav"}))
    assert [line.frames for line in animation.lines(head)] == [(1, 48), (101, 148)]


def test_a_linked_action_is_never_written(linked, make_take, tmp_path):
    head = linked("line", mesh_too=False)
    bpy.ops.object.make_single_user(object=True, obdata=True)
    head = bpy.context.view_layer.objects.active
    before = {action.name: animation.read_curves(action) for action in bpy.data.actions}
    animation.set_speech_strength(head, 0.5)
    again = make_take(seed=2, about=THEIRS, frames=60)
    animation.write_take(head, again)
    for action in bpy.data.actions:
        if action.library:
            curves = animation.read_curves(action)
            assert all(np.array_equal(points, before[action.name][path]) for path, points in curves.items())
    head = reloaded(tmp_path)
    assert played(bpy.context.scene, head, again, speech=0.5) < 1e-5
