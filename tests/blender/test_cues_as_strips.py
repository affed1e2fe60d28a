"""What expression/cues.py says of Blender: strips that add over a track at rest show the sum of its cues."""

import bpy
import numpy as np

from blendshape_talker.expression.cues import Cue, arrange, fade
from blendshape_talker.expression.library import ExpressionLibrary

RATE, FIRST_FRAME = 24.0, 7


def new_action(block, frames, values):
    """(action, slot or None) with linear keys on the value of a shape key."""
    data = block.id_data.animation_data_create()
    data.action = None
    for frame, value in zip(frames, values, strict=True):
        block.value = value
        block.keyframe_insert("value", frame=frame)
    action, slot = data.action, getattr(data, "action_slot", None)
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags] if slot else [action]
    for point in bags[0].fcurves[0].keyframe_points:
        point.interpolation = "LINEAR"
    data.action = None
    return action, slot


def new_strip(data, action, slot, start, end):
    track = data.nla_tracks.new()
    strip = track.strips.new(action.name, int(start), action)
    if slot is not None:
        strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = start, end
    strip.frame_start, strip.frame_end = start, end
    return strip


def test_strips_that_add_over_rest_show_the_sum_of_the_cues(make_head):
    head = make_head()
    head.shape_key_add(name="Basis")
    block = head.shape_key_add(name="expression")
    block.slider_min, block.slider_max = -10.0, 10.0
    listed = [
        Cue(0.3, 2.0, "happy"), Cue(2.0, 4.01, "sad"), Cue(3.1, 6.0, "angry", 0.8), Cue(4.5, 5.2, "surprised"),
        Cue(6.5, 7.0, "bored", 1.0, 0.0, 0.0),
    ]  # fmt: skip
    strips = arrange(listed, 8.0, ExpressionLibrary.load())
    times = np.arange(8 * int(RATE)) / RATE

    def own(cue, seconds):
        return 0.5 + 0.3 * np.sin(7.0 * (seconds - cue.start) + len(cue.emotion))

    last = FIRST_FRAME + len(times)
    rest, slot = new_action(block, [FIRST_FRAME, last], [0.0, 0.0])
    data = block.id_data.animation_data
    new_strip(data, rest, slot, FIRST_FRAME, last)
    for cue in strips:
        frames = np.arange(np.floor(cue.start * RATE), np.ceil(cue.end * RATE) + 1)
        action, slot = new_action(block, frames + FIRST_FRAME, own(cue, frames / RATE))
        end = cue.end * RATE + FIRST_FRAME - (0.0 if cue.blend_out else 0.01)
        strip = new_strip(data, action, slot, cue.start * RATE + FIRST_FRAME, end)
        strip.blend_type, strip.extrapolation = "ADD", "NOTHING"
        strip.blend_in, strip.blend_out = cue.blend_in * RATE, cue.blend_out * RATE
    shown = []
    for frame in range(len(times)):
        bpy.context.scene.frame_set(frame + FIRST_FRAME)
        shown.append(block.value)
    wanted = sum(fade(cue, times) * own(cue, times) for cue in strips)
    assert wanted.max() > 0.7 and (wanted == 0).any()
    np.testing.assert_allclose(shown, wanted, atol=1e-5)
