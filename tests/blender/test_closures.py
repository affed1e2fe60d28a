"""Closed lips of the bundled recording on the demo head, in millimetres as Blender deforms it, after what hands do."""

import bpy
import numpy as np
import pytest

from blendshape_talker import checkpoint
from blendshape_talker.blender import animation, bake, bake_range, keep_keys, scene_io
from blendshape_talker.curves.reduce import closed_rows
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP
from blendshape_talker.pipeline import Talker
from blendshape_talker.speech.lip_sync import CLOSED

DEMO_SPEECH = str(checkpoint.ASSETS / "demo_speech.flac")


@pytest.fixture
def head(registered, monkeypatch):
    """The demo head, surprised and speaking from frame 1 on, at 24 frames a second."""
    talker = Talker.load("cpu")
    monkeypatch.setattr(bake, "_talker", lambda device: talker)
    bpy.context.scene.render.fps = 24
    made = scene_io.add_demo_head(bpy.context)
    request, take = performed(made, 0)
    bake.apply(request, take)
    return made


def performed(head, seed):
    request = bake.make_request(bpy.context.scene, head, bake.Performance(DEMO_SPEECH, "surprised", seed=seed))
    return request, bake.compute(request, lambda fraction, message="": None, lambda: False)


def lip_gaps(head):
    """(T,) mm by which the lips are parted more than at rest, of the deformed mesh."""
    (line,) = animation.lines(head)
    rest, found = animation.rest_vertices(head), []
    for frame in range(line.frames[0], line.frames[1] + 1):
        bpy.context.scene.frame_set(frame)
        mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        found.append(mesh.vertices[UPPER_LIP].co.y - mesh.vertices[LOWER_LIP].co.y)
    return 1e3 * (np.array(found) - rest[UPPER_LIP, 1] + rest[LOWER_LIP, 1])


def test_a_range_of_another_take_leaves_lips_closed(head):
    before = lip_gaps(head)
    closed, limit = closed_rows(before), CLOSED * np.percentile(before, 95)
    assert closed[40:100].sum() > 15 and before.max() > 8.0
    (line,) = animation.lines(head)
    bake_range.weave_range(head, line, performed(head, 5)[1], 40, 100)
    after = lip_gaps(head)
    assert np.abs(after - before).max() > 0.3
    assert (after[closed] < limit).all()
    outside = np.r_[0:39, 100 : len(after)]
    assert np.abs(after - before)[outside].max() < 0.01


def test_keys_beside_closures_do_not_open_them(head):
    before = lip_gaps(head)
    closed = closed_rows(before)
    block = head.data.shape_keys.key_blocks[animation.shape_key_names(head)["speech jaw open"]]
    beside = [row for row in range(3, len(before) - 3) if not closed[row] and (closed[row + 2] or closed[row - 2])]
    for row in beside[:6:2]:
        bpy.context.scene.frame_set(row + 1)
        value = block.value + 0.6
        block.value = value
        block.keyframe_insert("value", frame=row + 1)
    assert keep_keys.keep(head, 24.0, 0.3).fresh == 3
    after = lip_gaps(head)
    assert (after - before)[beside[:6:2]].min() > 0.8
    assert (after - np.maximum(before, 0.0))[closed].max() < 0.03
