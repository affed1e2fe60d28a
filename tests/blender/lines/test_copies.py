"""Heads copied with Shift-D share Actions and marks; what is done to one leaves the other as it is."""

import bpy
import numpy as np
import pytest
from playing import played

from blendshape_talker.blender import animation


@pytest.fixture
def pair(scene, make_head, make_take):
    """A spoken head and its copy: (original, copy, take)."""
    target, take = make_head(), make_take(blinks=True)
    animation.write_take(target, take)
    bpy.context.view_layer.objects.active = target
    target.select_set(True)
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    assert copy.data.shape_keys != target.data.shape_keys
    return target, copy, take


@pytest.mark.parametrize("swapped", [False, True])
def test_strength_of_one_leaves_the_other(scene, pair, swapped):
    first, second, take = pair
    if swapped:
        first, second = second, first
    animation.set_expression_strength(second, 0.0)
    animation.set_speech_strength(second, 0.5)
    assert played(scene, first, take) < 1e-5
    assert played(scene, second, take, speech=0.5, expression=0.0) < 1e-5
    assert animation.speech_strength(first) == 1.0


@pytest.mark.parametrize("swapped", [False, True])
def test_a_bake_on_one_leaves_the_other(scene, pair, make_take, swapped):
    first, second, take = pair
    if swapped:
        first, second = second, first
    (fade,) = [strip for _, strip in animation.lines(first)[0].strips["expression"]]
    (own,) = [strip for _, strip in animation.lines(second)[0].strips["expression"]]
    own.blend_in = 8.0
    again = make_take(seed=2, blinks=True, frames=60)
    animation.write_take(second, again)
    assert played(scene, first, take) < 1e-5 and fade.blend_in == 0.0
    (own,) = [strip for _, strip in animation.lines(second)[0].strips["expression"]]
    assert own.blend_in == 8.0
    own.blend_in = 0.0
    assert played(scene, second, again) < 1e-5
    assert animation.lines(first)[0].uid != animation.lines(second)[0].uid
    animation.write_take(first, again)
    animation.write_take(second, again)
    animation.write_take(first, take)
    assert played(scene, first, take) < 1e-5 and played(scene, second, again) < 1e-5
    used = [action for action in bpy.data.actions if action.users]
    assert len(used) == len(bpy.data.actions) == 7 and max(action.users for action in used) == 2  # the rest is shared


def test_edited_keys_of_a_shared_action_are_not_lost_for_the_other(scene, pair, make_take):
    first, second, take = pair
    (action,) = animation.lines(first)[0].actions("speech")
    animation.curves_of(action)[0].keyframe_points[10].co[1] = 0.9
    animation.write_take(second, make_take(seed=2, blinks=True))
    scene.frame_set(11)
    names = animation.shape_key_names(first)
    assert first.data.shape_keys.key_blocks[names[take.names[0]]].value == pytest.approx(0.9)


def test_a_linked_copy_is_one_head(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    twin = bpy.data.objects.new("Twin", target.data)
    scene.collection.objects.link(twin)
    again = make_take(seed=2)
    animation.write_take(twin, again)
    assert played(scene, target, again) < 1e-5 and len(bpy.data.actions) == 3
    assert np.isclose(animation.speech_strength(twin), 1.0)
