"""What the tests in Blender share: an empty scene and a small synthetic animation."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="these tests run where Blender is installed as a module")

from blendshape_talker.blender.animation import Take  # noqa: E402


@pytest.fixture
def scene():
    """A factory-empty file with one scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def make_head(scene):
    """Function that makes a small mesh object of triangles in the scene."""

    def make(vertices=300, name="Head", seed=0):
        coordinates = np.random.default_rng(seed).normal(size=(vertices, 3)).astype(np.float32)
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(coordinates.tolist(), [], np.arange(vertices // 3 * 3).reshape(-1, 3).tolist())
        target = bpy.data.objects.new(name, mesh)
        scene.collection.objects.link(target)
        return target

    return make


@pytest.fixture
def make_take():
    """Function that makes a smooth take with weights below 0 and above 1."""

    def make(vertices=300, frames=48, speech=3, expression=2, start_frame=1, seed=0):
        generator = np.random.default_rng(seed)
        names = [f"speech shape {index}" for index in range(speech)]
        names += [f"expression shape {index}" for index in range(expression)]
        phases = generator.uniform(0, 6, len(names))
        time = np.arange(frames)[:, None] / 24.0
        weights = 0.4 + 0.9 * np.sin(3.0 * time + phases)
        deltas = generator.normal(size=(len(names), vertices, 3)) * 0.01
        return Take(tuple(names), speech, deltas.astype(np.float32), weights.astype(np.float32), start_frame)

    return make
