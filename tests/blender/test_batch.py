"""The whole path with the bundled networks: what ``bake`` of the command line does."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from blendshape_talker import __main__, checkpoint
from blendshape_talker.blender import animation, batch
from blendshape_talker.blender.lines.names import short_names
from blendshape_talker.errors import TalkerError
from blendshape_talker.expression.library import ExpressionLibrary
from blendshape_talker.face.flame import load_head
from blendshape_talker.pipeline import Talker

DEMO_SPEECH = checkpoint.ASSETS / "demo_speech.flac"


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """The demo speech baked as the command line does it, with exports; gives the folder."""
    folder = tmp_path_factory.mktemp("baked")
    status = __main__.main([
        "bake", str(DEMO_SPEECH), "--out", str(folder / "talk.blend"), "--emotion", "happy", "--fps", "25",
        "--export", str(folder / "talk.fbx"), "--export", str(folder / "talk.abc"),
    ])  # fmt: skip
    assert status == 0
    return folder


@pytest.fixture(scope="module")
def expected():
    """The same performance without Blender."""
    return Talker.load("cpu").animate(DEMO_SPEECH, "happy", fps=25.0)


def head_with_mouth():
    """The demo head of the open file, which holds nothing else but its mouth."""
    found = [item for item in bpy.data.objects if item.type == "MESH"]
    head, mouth = sorted(found, key=lambda item: item.name)
    assert "Mouth" in mouth.name and head.name.startswith("Demo")
    return head


def open_blend(folder):
    bpy.ops.wm.open_mainfile(filepath=str(folder / "talk.blend"))
    return bpy.context.scene, head_with_mouth()


def test_the_file_plays_what_animate_computes(baked, expected):
    scene, target = open_blend(baked)
    assert sorted(path.name for path in baked.iterdir()) == ["talk.abc", "talk.blend", "talk.fbx"]
    assert (scene.render.fps, scene.render.fps_base) == (25, 1.0)
    assert (scene.frame_start, scene.frame_end) == (1, expected.frame_count)
    keys, names = target.data.shape_keys.key_blocks, animation.shape_key_names(target)
    for row in range(0, expected.frame_count, 13):
        scene.frame_set(1 + row)
        values = np.array([keys[names[name]].value for name in expected.names])
        assert np.abs(values - expected.weights[row]).max() < 1e-4
    if bpy.app.build_options.audaspace:
        (sound,) = bpy.data.sounds
        assert sound.filepath.startswith("//") and Path(bpy.path.abspath(sound.filepath)).samefile(DEMO_SPEECH)


def test_the_alembic_file_holds_the_displacements(baked, expected):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    bpy.ops.wm.alembic_import(filepath=str(baked / "talk.abc"), as_background_job=False)
    head = head_with_mouth()
    for row in (0, 20, 41, expected.frame_count - 1):
        bpy.context.scene.frame_set(1 + row)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        mesh = evaluated.to_mesh()
        local = np.empty((len(mesh.vertices), 3), np.float32)
        mesh.vertices.foreach_get("co", local.ravel())
        matrix = np.array(evaluated.matrix_world)
        world = local @ matrix[:3, :3].T + matrix[:3, 3]
        wanted = load_head().vertices + expected.displacements(row, row + 1)[0]
        wanted = np.stack([wanted[:, 0], -wanted[:, 2], wanted[:, 1]], axis=1)
        assert np.abs(world - wanted).max() < 1e-4  # a tenth of a millimetre


def test_the_fbx_file_holds_the_weights(baked, expected):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    bpy.ops.import_scene.fbx(filepath=str(baked / "talk.fbx"))
    head = head_with_mouth()
    curves = animation.read_curves(head.data.shape_keys.animation_data.action)
    moving = [index for index, name in enumerate(expected.names) if np.ptp(expected.weights[:, index]) > 1e-3]
    assert len(moving) > 10
    short = short_names(expected.names)
    for index in moving:
        points = curves[f'key_blocks["{short[index]}"].value']
        frames = np.arange(expected.frame_count) + points[0, 0]
        values = np.interp(frames, points[:, 0], points[:, 1])
        assert np.abs(values - expected.weights[:, index]).max() < 1e-3


def test_preview_and_a_mesh_of_ones_own(tmp_path, monkeypatch, synthetic_talker, recording):
    np.savez(tmp_path / "mine.npz", vertices=1000 * load_head().vertices, faces=load_head().faces)
    seconds = 2 / 24
    told: list[str] = []
    written = batch.bake_to_files(
        recording, tmp_path / "mine.blend", mesh=tmp_path / "mine.npz", fps=24, exports=[tmp_path / "mine.glb"],
        preview=tmp_path / "mine.mp4", preview_seconds=seconds, notify=told.append,
    )  # fmt: skip
    assert [path.name for path in written] == ["mine.blend", "mine.glb", "mine.mp4"]
    assert all(path.stat().st_size > 1000 for path in written)
    assert len(told) == 1 and "millimetres" in told[0]


@pytest.mark.parametrize("how", ["--joints", "--head-motion"])
def test_head_and_eyes_move_where_asked(tmp_path, how):
    out = tmp_path / "talk.blend"
    assert __main__.main(["bake", str(DEMO_SPEECH), "--out", str(out), "--fps", "29.97", how]) == 0
    bpy.ops.wm.open_mainfile(filepath=str(out))
    scene, head = bpy.context.scene, next(item for item in bpy.data.objects if item.name.startswith("Demo head"))
    assert scene.render.fps / scene.render.fps_base == pytest.approx(30000 / 1001, rel=1e-7)
    places = []
    for frame in range(1, scene.frame_end + 1, 7):
        scene.frame_set(frame)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        vertices = np.empty(3 * len(evaluated.data.vertices), np.float32)
        evaluated.data.vertices.foreach_get("co", vertices)
        matrix = np.array(evaluated.matrix_world)
        places.append(vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
    moved = np.ptp(np.array(places), axis=0).max(axis=1)
    top = load_head().vertices[:, 1].argmax()
    assert 0.002 < moved[top] < 0.06
    low = load_head().vertices[:, 1].argmin()
    assert (moved[low] < 0.001) == (how == "--joints")  # with joints the body stays


def test_a_head_that_is_not_neutral_is_said_once_and_brought_back(tmp_path, synthetic_talker, recording):
    library = ExpressionLibrary.load()
    smiling = load_head().vertices + np.tensordot(library.emotions["happy"].apex, library.basis, 1)
    np.savez(tmp_path / "smile.npz", vertices=smiling, faces=load_head().faces)
    rest = []
    for neutralise, words in ((False, "a smile"), (True, "taken out")):
        told: list[str] = []
        batch.bake_to_files(
            recording, tmp_path / "talk.blend", mesh=tmp_path / "smile.npz", neutralise=neutralise, notify=told.append
        )
        assert len([line for line in told if "smile.npz" in line and words in line]) == 1
        assert not any("not neutral" in line for line in told if "smile.npz" not in line)
        (target,) = [item for item in bpy.data.objects if item.type == "MESH" and item.name.startswith("smile")]
        rest.append(animation.rest_vertices(target))
    assert np.abs(rest[0] - smiling).max() < 1e-5
    assert np.abs(rest[1] - load_head().vertices).max() < 0.3 * np.abs(rest[0] - load_head().vertices).max()


def test_names_that_are_no_text(tmp_path, synthetic_talker, recording):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/f\xf6lder")
    os.mkdir(folder)
    audio, mesh = folder + "/spe\udce9ch.wav", folder + "/he\udce4d.npz"
    os.rename(recording, audio)
    with open(mesh, "wb") as stream:
        np.savez(stream, vertices=load_head().vertices, faces=load_head().faces)
    outputs = [f"{folder}/out\udcff.{suffix}" for suffix in ("blend", "fbx", "abc", "glb", "usdc", "mp4")]
    batch.bake_to_files(audio, outputs[0], mesh=mesh, exports=outputs[1:5], preview=outputs[5], preview_seconds=0.05)
    assert sorted(os.listdir(folder)) == sorted([*map(os.path.basename, outputs), "spe\udce9ch.wav", "he\udce4d.npz"])
    bpy.ops.wm.open_mainfile(filepath=outputs[0])
    assert "he_d" in bpy.data.objects
    if bpy.app.build_options.audaspace:
        (sound,) = bpy.data.sounds
        assert os.path.samefile(bpy.path.abspath(sound.filepath), audio)


def test_an_input_is_never_an_output(tmp_path, synthetic_talker, recording):
    mesh = tmp_path / "head.fbx"
    mesh.write_text("a mesh")
    content = recording.read_bytes()
    os.link(recording, tmp_path / "same.blend")
    (tmp_path / "link.fbx").symlink_to(mesh)
    for out, exports in (("same.blend", []), ("new.blend", ["head.fbx"]), ("new.blend", ["link.fbx"])):
        with pytest.raises(TalkerError, match="is the input"):
            batch.bake_to_files(recording, tmp_path / out, mesh=mesh, exports=[tmp_path / export for export in exports])
    assert recording.read_bytes() == content and mesh.read_text() == "a mesh"
    assert not (tmp_path / "new.blend").exists()


def test_nothing_is_written_when_one_output_fails(tmp_path, synthetic_talker, recording, monkeypatch):
    (tmp_path / "talk.blend").write_text("an older file")
    failing = [
        {"mesh": tmp_path / "missing.obj"},
        {"exports": [tmp_path / "a.fbx", tmp_path / "a.max"]},
        {"exports": [tmp_path / "missing" / "a.fbx"]},
        {"exports": [tmp_path / "talk.fbx", tmp_path / "talk.fbx"]},
        {"preview": tmp_path / "a.gif"},
        {"emotion": "hungry"},
        {"fps": 0.0},
        {"intensity": float("nan")},
    ]
    for settings in failing:
        with pytest.raises(TalkerError) as caught:
            batch.bake_to_files(recording, tmp_path / "talk.blend", **settings)
        assert "\n" not in str(caught.value)
    with pytest.raises(TalkerError, match="blend"):
        batch.bake_to_files(recording, tmp_path / "talk.mp4")
    with pytest.raises(TalkerError, match="not found"):
        batch.bake_to_files(tmp_path / "no.wav", tmp_path / "talk.blend")
    assert (tmp_path / "talk.blend").read_text() == "an older file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.blend", "tone.wav"]
