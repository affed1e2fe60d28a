"""Upper lids follow the eyes of a head with joints: in keys of the blinks, after every change of the gaze."""

import bpy
import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, export, joints, motion, scene_io
from blendshape_talker.blender.lines.gaze import pitch_of
from blendshape_talker.expression.cues import Cue, CueTake
from blendshape_talker.expression.lids import blink_layer, lid_opening

FIRST, COUNT, RATE = 11, 48, 24.0
DOWN = 0.25 * np.sin(np.linspace(0.0, 2 * np.pi, COUNT))  # radians: down, then up


@pytest.fixture(scope="module")
def network():
    """(names, speech count, blendshapes) of the bundled network, without torch."""
    config, arrays = checkpoint.load(checkpoint.ASSETS / "fusion.npz", "fusion network")
    shapes = arrays["blendshapes"].astype(np.float32) * arrays["blendshape_scale"].astype(np.float32)[:, None, None]
    return config["names"], config["speech_count"], shapes


class Baked:
    """A head with joints that speaks a line of two seconds with one blink, looking down and up."""

    def __init__(self, network):
        self.names, count, shapes = network
        self.shapes = shapes[count:]
        self.emotion = np.full((COUNT, len(self.shapes)), 0.1, np.float32)
        self.closure = np.zeros(COUNT)
        self.closure[40] = 1.0
        blinks = blink_layer(self.shapes, self.emotion, self.closure)
        weights = np.concatenate([np.zeros((COUNT, count), np.float32), self.emotion + blinks], axis=1)
        cue = CueTake(Cue(0.0, COUNT / RATE, "happy", 1.0, 0.0, 0.0), 0, np.vstack([self.emotion, self.emotion[-1:]]))
        about = {"recording": "/a.wav", "name": "a", "fps": RATE, "strips": 1, "asked": ["x", "y"]}
        held = np.zeros_like(self.emotion)
        take = animation.Take(
            self.names, count, shapes, weights, FIRST, blinks, self.closure, about, (cue,), held
        )  # fmt: skip
        bpy.context.scene.render.fps = int(RATE)
        self.head = scene_io.add_demo_head(bpy.context)
        self.armature = joints.add_joints(bpy.context, self.head)
        animation.write_take(self.head, take)
        self.line = animation.lines(self.head)[0]
        still = np.zeros((COUNT, 3))
        motion.write(self.head, self.line, motion.Motion(still, np.stack([DOWN, still[:, 0]], axis=1)))
        bpy.context.scene.blendshape_talker.target = self.head

    def difference(self, pitch):
        """Largest difference of what the blinks play from those of eyes that look down by ``pitch`` (T,) or (T, 2)."""
        wanted = self.emotion + blink_layer(self.shapes, self.emotion, self.closure, pitch=pitch)
        keys, names = self.head.data.shape_keys.key_blocks, animation.shape_key_names(self.head)
        plays = []
        for row in range(0, COUNT, 4):
            bpy.context.scene.frame_set(FIRST + row)
            plays.append([keys[names[name]].value for name in self.names[-len(self.shapes) :]])
        return np.abs(np.array(plays) - wanted[::4]).max()


@pytest.fixture
def baked(registered, network):
    return Baked(network)


def test_lids_follow_the_gaze_and_its_strength(baked):
    assert animation.is_stale(baked.head) and baked.difference(0.0 * DOWN) < 1e-4
    motion.follow(baked.head)
    assert not animation.is_stale(baked.head) and baked.difference(DOWN) < 1e-4
    openings = lid_opening(
        baked.shapes, baked.emotion + blink_layer(baked.shapes, baked.emotion, baked.closure, pitch=DOWN)
    )
    assert openings[12].max() < 0.6 * openings[36].min(), "this test looks at lids that move"
    motion.set_strength(baked.head, baked.line, "gaze", 0.5)
    assert baked.difference(0.5 * DOWN) < 1e-4 and not animation.is_stale(baked.head)
    motion.set_strength(baked.head, baked.line, "gaze", 0.0)
    assert baked.difference(0.0 * DOWN) < 1e-4


def test_a_muted_or_moved_gaze_is_noticed(baked):
    motion.follow(baked.head)
    ((_, strip, _),) = motion.strips_of(baked.armature, baked.line.uid, "gaze")
    strip.mute = True
    assert animation.is_stale(baked.head)
    animation.refresh(baked.head)
    assert baked.difference(0.0 * DOWN) < 1e-4
    strip.mute = False
    animation.refresh(baked.head)
    assert baked.difference(DOWN) < 1e-4


def test_lids_follow_keys_that_hands_set_on_an_eye(baked):
    motion.follow(baked.head)
    bone = baked.armature.pose.bones["eye_L"]
    bone.rotation_euler = (-0.2, 0.0, 0.0)
    bone.keyframe_insert("rotation_euler", index=0, frame=FIRST)
    assert animation.is_stale(baked.head)
    animation.refresh(baked.head)
    assert baked.difference(np.stack([np.full(COUNT, 0.2), DOWN], axis=1)) < 1e-4
    baked.armature.animation_data.action_blend_type = "ADD"
    animation.refresh(baked.head)
    assert baked.difference(np.stack([DOWN + 0.2, DOWN], axis=1)) < 1e-4


def test_without_joints_lids_stay(baked):
    motion.follow(baked.head)
    for modifier in list(baked.head.modifiers):
        baked.head.modifiers.remove(modifier)
    assert not pitch_of(baked.head, baked.line, np.arange(5)).any()
    animation.refresh(baked.head)
    assert baked.difference(0.0 * DOWN) < 1e-4


def test_an_edited_blink_strip_is_left_alone(baked):
    action = baked.line.actions("blinks")[0]
    curve = animation.curves_of(action)[0]
    curve.keyframe_points[3].co.y += 0.2
    motion.follow(baked.head)
    assert baked.difference(0.0 * DOWN) < 0.25 and baked.difference(DOWN) > 0.02


def test_an_export_holds_lids_that_follow(baked, tmp_path):
    assert animation.is_stale(baked.head)
    export.export_head(bpy.context, baked.head, tmp_path / "head.glb")
    assert not animation.is_stale(baked.head) and baked.difference(DOWN) < 1e-4
