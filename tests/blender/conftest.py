"""What the tests in Blender share: an empty scene and a small synthetic animation."""

import wave
from types import SimpleNamespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="these tests run where Blender is installed as a module")

import blendshape_talker  # noqa: E402
from blendshape_talker.animation import Animation  # noqa: E402
from blendshape_talker.blender import bake  # noqa: E402
from blendshape_talker.blender.animation import Take  # noqa: E402
from blendshape_talker.errors import Cancelled  # noqa: E402
from blendshape_talker.face.flame import VERTEX_COUNT  # noqa: E402


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

    def make(vertices=300, frames=48, speech=3, expression=2, start_frame=1, seed=0, blinks=False, about=None):
        generator = np.random.default_rng(seed)
        names = [f"speech shape {index}" for index in range(speech)]
        names += [f"expression shape {index}" for index in range(expression)]
        phases = generator.uniform(0, 6, len(names))
        time = np.arange(frames)[:, None] / 24.0
        weights = 0.4 + 0.9 * np.sin(3.0 * time + phases)
        deltas = (np.random.default_rng(seed // 8).normal(size=(len(names), vertices, 3)) * 0.01).astype(np.float32)
        closure = blink_weights = None
        if blinks:
            closure = np.clip(np.sin(time[:, 0] * 4.0), 0.0, 1.0)
            blink_weights = (closure[:, None] * np.linspace(1.0, 0.5, expression)).astype(np.float32)
        weights = weights.astype(np.float32)
        return Take(tuple(names), speech, deltas, weights, start_frame, blink_weights, closure, about or {})

    return make


class SyntheticTalker:
    """Stands where the networks stand: a smooth animation of a few blendshapes that move known vertices."""

    speech_count, expression_count, seconds = 4, 3, 1.5
    listener = SimpleNamespace(style=lambda name, **_more: None if name == "average" else name)

    def animate(self, audio, emotion, intensity, fps, blinks, seed, progress, cancelled, cues=None, **_more):
        count = self.speech_count + self.expression_count
        progress(0.5, "listening")
        if cancelled():
            raise Cancelled
        times = np.arange(round(self.seconds * fps)) / fps
        weights = (0.5 + 0.7 * np.sin(4 * times[:, None] + np.arange(count))).astype(np.float32)
        weights[:, self.speech_count :] *= intensity
        shapes = np.zeros((count, VERTEX_COUNT, 3), np.float32)
        for index in range(count):
            shapes[index, 200 * index : 200 * index + 150] = 0.002 * np.array([1, index - 3, 2])
        names = tuple(f"{'speech' if index < self.speech_count else 'expression'} {index}" for index in range(count))
        speech, expression = weights[:, : self.speech_count], weights[:, self.speech_count :]
        return Animation(fps, times, speech, expression, names, shapes)


@pytest.fixture
def synthetic_talker(monkeypatch):
    """The bake runs with :class:`SyntheticTalker` in place of the networks; gives that talker."""
    talker = SyntheticTalker()
    monkeypatch.setattr(bake, "_talker", lambda device: talker)
    return talker


@pytest.fixture
def registered(scene):
    """The add-on's classes are registered; a class left over would hang Blender at exit."""
    blendshape_talker.register()
    yield bpy.context.scene.blendshape_talker
    blendshape_talker.unregister()


@pytest.fixture
def recording(tmp_path):
    """A second and a half of tone as a WAV file."""
    path = tmp_path / "tone.wav"
    samples = (8000 * np.sin(np.arange(24000) * 0.1)).astype("<i2")
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16000)
        stream.writeframes(samples.tobytes())
    return path
