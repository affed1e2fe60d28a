"""Strength of speech and expression: exact in the evaluated scene, reversible, and blinks that stay blinks."""

import bpy
import numpy as np
import pytest
from playing import played, strips_of, values_at

from blendshape_talker.blender import animation, scene_io
from blendshape_talker.expression import lids
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face import meshes
from blendshape_talker.face.flame import load_head


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("layer", ["speech", "expression"])
def test_strength_scales_its_own_layer(scene, make_head, make_take, layer, strength):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    read, write = getattr(animation, f"{layer}_strength"), getattr(animation, f"set_{layer}_strength")
    assert read(target) == 1.0
    write(target, strength)
    assert read(target) == pytest.approx(strength)
    assert played(scene, target, take, **{layer: strength}) < 1e-5
    assert animation.hand_made_animation(target) is None
    write(target, 1.0)
    assert played(scene, target, take) < 1e-5


def test_values_out_of_range_are_bounded(make_head, make_take):
    target = make_head()
    animation.write_take(target, make_take())
    animation.set_speech_strength(target, 7.0)
    assert animation.speech_strength(target) == 2.0
    animation.set_speech_strength(target, -1.0)
    assert animation.speech_strength(target) == 0.0


def test_a_slider_dragged_for_long_loses_nothing(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    for value in np.random.default_rng(0).choice([0.0, 0.01, 0.3, 0.77, 1.0, 1.9], 600):
        animation.set_expression_strength(target, value)
    animation.set_expression_strength(target, 1.0)
    assert played(scene, target, take) < 1e-4
    assert animation.hand_made_animation(target) is None


def test_strength_shows_without_a_change_of_frame(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    scene.frame_set(7)
    animation.set_expression_strength(target, 0.5)
    bpy.context.view_layer.update()
    value = target.data.shape_keys.key_blocks["E shape 0"].value
    assert value == pytest.approx(0.5 * take.weights[6, 3], abs=1e-5)


def test_edited_keys_are_scaled_and_come_back(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    (strip,) = strips_of(target, "speech")
    key = animation.curves_of(strip.action)[0].keyframe_points[10]
    key.co[1], key.interpolation = 0.9, "BEZIER"
    animation.set_speech_strength(target, 0.0)
    animation.curves_of(strip.action)[0].keyframe_points[20].co[1] = 0.25  # set while the speech slept: meant so
    animation.set_speech_strength(target, 1.0)
    points = animation.curves_of(strip.action)[0].keyframe_points
    assert points[10].co[1] == pytest.approx(0.9, rel=1e-5)
    assert points[20].co[1] == pytest.approx(0.25)
    assert points[30].co[1] == pytest.approx(take.weights[30, 0], abs=1e-5)
    assert strip.action.name in animation.hand_made_animation(target)


def test_fades_and_influence_are_the_animator_s(scene, make_head, make_take):
    target, take = make_head(), make_take()
    animation.write_take(target, take)
    (strip,) = strips_of(target, "expression")
    strip.use_animated_influence = True
    curve = strip.fcurves.find("influence")
    curve.keyframe_points[0].co = (1.0, 0.5)
    curve.update()
    animation.set_expression_strength(target, 2.0)
    assert played(scene, target, take) < 1e-5  # twice a half
    assert [tuple(point.co) for point in curve.keyframe_points] == [(1.0, 0.5)]


def test_each_line_has_its_own(scene, make_head, make_take):
    target = make_head()
    first, second = make_take(), make_take(start_frame=101, about={"recording": "/b.wav"})
    animation.write_take(target, first)
    animation.write_take(target, second)
    animation.set_speech_strength(target, 0.5, animation.line_at(target, 120))
    assert played(scene, target, first) < 1e-5 and played(scene, target, second, speech=0.5) < 1e-5
    assert animation.speech_strength(target) is None
    assert animation.speech_strength(target, animation.line_at(target, 1)) == 1.0
    animation.set_speech_strength(target, 0.0)
    assert played(scene, target, first, speech=0) < 1e-5 and played(scene, target, second, speech=0) < 1e-5


def test_a_line_baked_again_keeps_its_strengths(scene, make_head, make_take):
    target = make_head()
    animation.write_take(target, make_take())
    animation.set_speech_strength(target, 0.0)
    animation.set_expression_strength(target, 1.7)
    again = make_take(seed=3, frames=60)
    animation.write_take(target, again)
    assert (animation.speech_strength(target), animation.expression_strength(target)) == (0.0, 1.7)
    assert played(scene, target, again, speech=0.0, expression=1.7) < 1e-5
    animation.set_speech_strength(target, 1.0)
    assert played(scene, target, again, expression=1.7) < 1e-5


@pytest.fixture
def blinking_head(scene):
    """The demo head with the library's own directions as shapes, wide-eyed, then squinting: (target, take)."""
    library = ExpressionLibrary.load()
    target = scene_io.add_demo_head(bpy.context)
    names = [f"expression {name}" for name in library.directions]
    emotion = np.zeros((40, len(names)), np.float32)
    for name, value in (("eyeWide", 0.4), ("eyeBlink", -0.0)):
        emotion[:20, [i for i, d in enumerate(library.directions) if d.startswith(name)]] = value
    emotion[20:, [i for i, d in enumerate(library.directions) if d.startswith("eyeBlink")]] = 0.6
    closure = np.zeros(40)
    closure[[10, 30]] = 1.0
    blinks = lids.blink_layer(library.basis, emotion, closure)
    speech = np.zeros((1, 5023, 3), np.float32)
    speech[0, :, 1] = -0.01 * load_head().mouth
    weights = np.concatenate([np.ones((40, 1), np.float32), emotion + blinks], axis=1)
    shapes = np.concatenate([speech, library.basis])
    take = animation.Take(("speech jaw open", *names), 1, shapes, weights, 1, blinks, closure)
    animation.write_take(target, take)
    return target, take


def lid_openings(scene, target, take, frame):
    """(2,) mm by which the lids of the evaluated head are open."""
    values = values_at(scene, target, take.names, frame)[take.speech_count :]
    return 1000 * lids.lid_opening(take.deltas[take.speech_count :], values[None])[0]


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
def test_eyes_blink_at_every_strength_and_lids_stop_at_the_eye(scene, blinking_head, strength):
    target, take = blinking_head
    animation.set_expression_strength(target, strength)
    openings = np.array([lid_openings(scene, target, take, frame) for frame in range(1, 41)])
    assert np.abs(openings[[10, 30]]).max() < 0.05  # shut
    assert openings.min() > -0.05  # never through the eye, though twice the squint would be
    assert openings[5].min() > 5.0


def test_a_mesh_in_other_units_blinks_alike(scene, tmp_path):
    np.savez(tmp_path / "mm.npz", vertices=1000 * load_head().vertices[:, [2, 0, 1]], faces=load_head().faces)
    target, _ = scene_io.import_head(bpy.context, tmp_path / "mm.npz")
    library = ExpressionLibrary.load()
    fit = meshes.fit_to_canonical(animation.rest_vertices(target))
    names = tuple(f"expression {name}" for name in library.directions)
    emotion = np.zeros((3, len(names)), np.float32)
    emotion[:, [i for i, d in enumerate(library.directions) if d.startswith("eyeBlink")]] = 0.6
    closure = np.array([0.0, 1.0, 0.0])
    blinks = lids.blink_layer(library.basis, emotion, closure)
    take = animation.Take(names, 0, meshes.transform_deltas(library.basis, fit), emotion + blinks, 1, blinks, closure)
    animation.write_take(target, take)
    animation.set_expression_strength(target, 0.5)
    values = np.array([values_at(scene, target, names, frame) for frame in (1, 2, 3)])
    expected = 0.5 * emotion + lids.blink_layer(library.basis, 0.5 * emotion, closure)
    assert np.abs(values - expected).max() < 2e-3
    animation.set_expression_strength(target, 1.0)
    assert played(scene, target, take) < 2e-3


def test_blinks_that_hands_changed_are_left_alone(scene, blinking_head):
    target, take = blinking_head
    (strip,) = strips_of(target, "blinks")
    curve = animation.curves_of(strip.action)[0]
    curve.keyframe_points[0].co[1] = 0.7
    before = animation.read_curves(strip.action)
    animation.set_expression_strength(target, 0.0)
    after = animation.read_curves(strip.action)
    assert all(np.array_equal(points, after[path]) for path, points in before.items())
    assert strip.action.name in animation.hand_made_animation(target)


def test_at_strength_zero_only_the_blinks_move(scene, blinking_head):
    target, take = blinking_head
    animation.set_expression_strength(target, 0.0)
    names = take.names[1:]
    assert np.abs(values_at(scene, target, names, 5)).max() < 1e-5
    assert np.abs(values_at(scene, target, names, 25)).max() < 1e-5
    assert np.abs(values_at(scene, target, names, 11)).max() > 0.5
