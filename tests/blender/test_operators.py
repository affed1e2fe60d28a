"""The buttons, from a script: what they write, what they refuse, and that refusals change nothing."""

import dataclasses
import json
import shutil
import subprocess
import sys

import bpy
import numpy as np
import pytest

import blendshape_talker
from blendshape_talker.blender import animation, emotions, panels, properties, registration, viewing
from blendshape_talker.blender.lines.draft import Draft
from blendshape_talker.blender.lines.versions import PROPERTY_CALLBACKS
from blendshape_talker.blender.operators import baking, exporting, machine, running
from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.job import Job


def contents():
    """How many datablocks there are of each kind, and the scene's timing."""
    kinds = ("objects", "meshes", "shape_keys", "actions", "materials", "sounds", "scenes")
    scene = bpy.context.scene
    timing = (scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps, scene.render.fps_base)
    return [len(getattr(bpy.data, kind)) for kind in kinds], timing


def button_classes():
    return [item for item in registration.CLASSES if issubclass(item, bpy.types.Operator)]


@pytest.fixture
def ready(registered, synthetic_talker, recording):
    """Demo head and recording chosen; gives the settings."""
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio = str(recording)
    return registered


# Modules of ours that come with the button that needs them.
LATE = (
    *("pipeline", "curves.reduce", "curves.weave", "face.ply", "face.safe_pickle", "expression.presence"),
    *("speech.prosody", "blender.export", "blender.fewer_keys", "blender.bake_range"),
)


def test_enabling_imports_no_torch_and_can_be_repeated():
    code = (
        "import sys, json, bpy, blendshape_talker as addon\n"
        "for _ in range(3):\n    addon.register(); addon.unregister()\n"
        f"late = ['torch', 'librosa', 'scipy', 'soundfile', 'numba', *{LATE}]\n"
        "heavy = [name for name in late if name in sys.modules or f'blendshape_talker.{name}' in sys.modules]\n"
        "left = [name for name in dir(bpy.types) if 'alker' in name]\n"
        "print(json.dumps([heavy, left, hasattr(bpy.types.Scene, 'blendshape_talker')]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[], [], False]


def test_bake_writes_animation_range_and_sound(ready, synthetic_talker):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.001
    ready.emotion, ready.start_frame = "happy", 21
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert animation.lines(ready.target)[0].frames == (21, 65)  # 1.5 s at 29.97 fps: 45 frames
    assert (scene.frame_start, scene.frame_end) == (1, 250)  # room enough
    assert (scene.render.fps, scene.frame_current) == (30, 1)
    expected = synthetic_talker.animate("", "happy", 1.0, 30 / 1.001, True, 0, lambda *_: None, lambda: False)
    keys, short = ready.target.data.shape_keys, animation.shape_key_names(ready.target)
    for row in (0, 17, 44):
        scene.frame_set(21 + row)
        values = [keys.key_blocks[short[name]].value for name in expected.names]
        assert np.abs(values - expected.weights[row]).max() < 1e-5
    if bpy.app.build_options.audaspace:
        assert len(bpy.data.sounds) == 1


def test_a_bake_ends_in_the_scene_that_it_began_in(ready, synthetic_talker, monkeypatch):
    scene, other, animate = bpy.context.scene, bpy.data.scenes.new("Other"), synthetic_talker.animate

    def meanwhile(*given, **how):
        bpy.context.window_manager.windows[0].scene = other  # hands switch it while the networks run
        return animate(*given, **how)

    monkeypatch.setattr(synthetic_talker, "animate", meanwhile)
    before = other.sync_mode, other.use_audio_scrub, other.frame_current
    assert bpy.ops.blendshape_talker.bake(take=3) == {"FINISHED"}
    assert bpy.context.window_manager.windows[0].scene == other
    assert scene.blendshape_talker.take == 3 and other.blendshape_talker.take == 0
    assert scene.sync_mode == "AUDIO_SYNC" and scene.blendshape_talker.sound_in_step
    assert (other.sync_mode, other.use_audio_scrub, other.frame_current) == before
    assert len(animation.lines(scene.blendshape_talker.target)) == 1


def test_switching_the_add_on_off_ends_what_runs(ready, synthetic_talker):
    manager, job = bpy.context.window_manager, Job(lambda progress, cancelled: None)
    # as a click leaves them; without a screen an operator runs to its end at once
    running._shown[job] = manager.event_timer_add(10.0, window=manager.windows[0])
    machine._watching[lambda: None] = Job(lambda progress, cancelled: None)
    manager.blendshape_talker.running, manager.blendshape_talker.testing = True, "the CPU"
    Draft("Head", "Speech", ["value"], 1, np.zeros((4, 1))).step()
    assert not bpy.ops.blendshape_talker.bake.poll()
    blendshape_talker.unregister()
    blendshape_talker.register()
    assert not manager.blendshape_talker.running and not manager.blendshape_talker.testing
    job.start().wait()
    with pytest.raises(Cancelled):
        job.result()
    assert not bpy.data.actions and bpy.ops.blendshape_talker.bake() == {"FINISHED"}


def test_one_undo_takes_the_bake_back(ready):
    bpy.ops.ed.undo_push(message="before")
    before = contents()
    assert bpy.ops.blendshape_talker.bake("EXEC_DEFAULT", True) == {"FINISHED"}
    assert contents() != before
    bpy.ops.ed.undo()
    assert contents() == before
    assert bpy.context.scene.blendshape_talker.target.data.shape_keys is None


def test_a_cancelled_bake_changes_nothing(ready, synthetic_talker, monkeypatch):
    def stopped(*arguments, **settings):
        raise Cancelled

    monkeypatch.setattr(synthetic_talker, "animate", stopped)
    before = contents()
    assert bpy.ops.blendshape_talker.bake() == {"CANCELLED"}
    assert contents() == before


@pytest.mark.parametrize("error", [TalkerError("the recording is silent; choose another"), OSError("disk full")])
def test_a_failed_bake_changes_nothing_and_says_why(ready, synthetic_talker, monkeypatch, error):
    def failing(*arguments, **settings):
        raise error

    monkeypatch.setattr(synthetic_talker, "animate", failing)
    before = contents()
    with pytest.raises(RuntimeError, match=str(error).split(";")[0]):
        bpy.ops.blendshape_talker.bake()
    assert contents() == before


def test_edited_keys_of_a_line_need_a_yes(ready):
    target = ready.target
    target.shape_key_add(name="Basis", from_mix=False)
    wink = target.shape_key_add(name="wink", from_mix=False)
    wink.keyframe_insert("value", frame=1)
    own = target.data.shape_keys.animation_data.action
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert target.data.shape_keys.animation_data.action == own
    (theirs,) = animation.lines(target)[0].actions("speech")
    animation.curves_of(theirs)[0].keyframe_points[3].co[1] += 0.5
    before = contents()
    with pytest.raises(RuntimeError, match="hand-made"):
        bpy.ops.blendshape_talker.bake()
    assert contents() == before
    assert bpy.ops.blendshape_talker.bake(replace=True) == {"FINISHED"}
    assert theirs.name in bpy.data.actions and theirs.users > 0


def test_every_refusal_says_why(registered, recording, tmp_path):
    context = bpy.context
    assert "no head" in baking.bake_problem(context)
    bpy.ops.blendshape_talker.add_demo_head()
    assert "no recording" in baking.bake_problem(context)
    registered.audio = str(tmp_path / "gone.wav")
    assert "not found" in baking.bake_problem(context)
    registered.audio = str(recording)
    assert baking.bake_problem(context) is None
    registered.target.select_set(True)
    bpy.ops.object.delete()
    assert registered.target is None or "no longer in this scene" in baking.bake_problem(context)
    bpy.ops.blendshape_talker.add_demo_head()
    assert baking.bake_problem(context) is None
    context.window_manager.blendshape_talker.running = True
    assert "running" in baking.bake_problem(context)
    context.window_manager.blendshape_talker.running = False
    with pytest.raises(RuntimeError, match="no bake yet"):
        bpy.ops.blendshape_talker.export(filepath=str(tmp_path / "a.fbx"))
    with pytest.raises(RuntimeError, match="not found"):
        bpy.ops.blendshape_talker.import_head(filepath=str(tmp_path / "gone.obj"))


def test_nothing_is_done_to_a_head_that_is_no_longer_in_the_scene(ready):
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    names = ("reset_controls", "keep_keys", "reduce_keys", "turn_object", "add_joints", "next_take", "export", "bake")
    assert all(getattr(bpy.ops.blendshape_talker, name).poll() for name in names)
    for mouth in list(ready.target.children):
        bpy.data.objects.remove(mouth)
    for collection in list(ready.target.users_collection):  # as Delete does: the panel's pointer keeps it in the file
        collection.objects.unlink(ready.target)
    assert animation.is_baked(ready.target) and not ready.target.users_collection
    assert [name for name in (*names, "add_mouth") if getattr(bpy.ops.blendshape_talker, name).poll()] == []
    with pytest.raises(RuntimeError, match="no longer in this scene"):
        bpy.ops.blendshape_talker.add_mouth()


def test_a_mesh_of_another_kind_is_refused_in_one_line(ready, make_head, recording):
    bpy.context.scene.blendshape_talker.target = make_head(vertices=300)
    with pytest.raises(RuntimeError, match="300 vertices"):
        bpy.ops.blendshape_talker.bake()
    assert bpy.data.objects["Head"].data.shape_keys is None


def test_export_button_and_strength(ready, tmp_path):
    bpy.ops.blendshape_talker.bake()
    if PROPERTY_CALLBACKS:
        assert ready.strength == pytest.approx(1.0)
        ready.strength = 0.25
        assert animation.expression_strength(ready.target) == pytest.approx(0.25)
    assert bpy.ops.blendshape_talker.export(filepath=str(tmp_path / "head.fbx")) == {"FINISHED"}
    assert (tmp_path / "head.fbx").stat().st_size > 10000


def test_the_next_line_starts_after_the_last_and_each_can_be_shown(ready, recording, tmp_path):
    assert not bpy.ops.blendshape_talker.new_line.poll()
    bpy.ops.blendshape_talker.bake()
    assert ready.sound_in_step and bpy.context.scene.sync_mode == "AUDIO_SYNC"
    assert bpy.ops.blendshape_talker.new_line() == {"FINISHED"}
    first = animation.lines(ready.target)[0]
    assert ready.start_frame == first.frames[1] + 1
    ready.audio = str(shutil.copy(recording, tmp_path / "second.wav"))
    bpy.ops.blendshape_talker.bake()
    lines = animation.lines(ready.target)
    assert [line.name for line in lines] == ["tone", "second"] and lines[0].frames == first.frames
    for line in lines:
        assert bpy.ops.blendshape_talker.show_line(line=line.uid) == {"FINISHED"}
        assert line.frames[0] <= bpy.context.scene.frame_current <= line.frames[1]
        assert bpy.context.scene.frame_current == viewing.speaking_frame(line)
        assert properties.shown_line(ready).uid == line.uid
    if PROPERTY_CALLBACKS:
        ready.speech_strength, ready.strength = 0.5, 0.25
        strengths = [
            (animation.speech_strength(ready.target, line), animation.expression_strength(ready.target, line))
            for line in animation.lines(ready.target)
        ]
        assert strengths == [(1.0, 1.0), (0.5, 0.25)]
    with pytest.raises(RuntimeError, match="no longer there"):
        bpy.ops.blendshape_talker.show_line(line="gone")


def test_the_button_says_what_a_bake_would_do(ready, recording, tmp_path):
    assert panels.bake_plan(ready) == ("Bake", "")
    bpy.ops.blendshape_talker.bake()
    assert panels.bake_plan(ready) == ("Bake Again", "")
    ready.audio = str(shutil.copy(recording, tmp_path / "second.wav"))
    assert panels.bake_plan(ready)[0] == "Bake" and "place of tone" in panels.bake_plan(ready)[1]
    ready.start_frame = 10
    assert panels.bake_plan(ready)[0] == "Bake Another Line" and "tone still speaks" in panels.bake_plan(ready)[1]
    bpy.ops.blendshape_talker.new_line()
    assert panels.bake_plan(ready) == ("Bake Another Line", "")


def test_a_recording_is_chosen_or_refused_in_one_line(registered, recording, tmp_path):
    assert bpy.ops.blendshape_talker.open_recording(filepath=str(recording)) == {"FINISHED"}
    assert registered.audio == str(recording)
    with pytest.raises(RuntimeError, match="gone.wav"):
        bpy.ops.blendshape_talker.open_recording(filepath=str(tmp_path / "gone.wav"))
    assert registered.audio == str(recording)


@pytest.mark.parametrize("emotion", ["happy", "auto"])
def test_cues_that_are_opened_after_an_emotion_was_chosen_bake(ready, synthetic_talker, tmp_path, monkeypatch, emotion):
    seen, animate = [], synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker,
        "animate",
        lambda *given, **named: (seen.append((given[1], given[2], named["heard"])), animate(*given, **named))[1],
    )
    ready.emotion, ready.intensity = emotion, 0.5
    (tmp_path / "cues.csv").write_text("start,end,emotion\n0,0.5,happy\n0.6,1.2,sad\n")
    assert bpy.ops.blendshape_talker.open_cues(filepath=str(tmp_path / "cues.csv")) == {"FINISHED"}
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert seen == [("neutral", 0.5, 0.0)]


def test_the_panel_s_share_of_the_voice_reaches_the_bake(ready, synthetic_talker, monkeypatch):
    seen, animate = [], synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker,
        "animate",
        lambda *given, **named: (seen.append((given[1], named["heard"])), animate(*given, **named))[1],
    )
    ready.heard = 0.25
    for ready.emotion in ("happy", "auto"):
        assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert seen == [("happy", 0.25), ("auto", None)]


def test_cues_from_a_file_take_the_place_of_the_emotion(ready, synthetic_talker, tmp_path, monkeypatch):
    seen = []
    animate = synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker, "animate", lambda *values, **named: (seen.append(named["cues"]), animate(*values, **named))[1]
    )
    (tmp_path / "cues.csv").write_text("start,end,emotion\n0,0.5,happy\n0.6,1.2,sad\n")
    (tmp_path / "wrong.csv").write_text("start,end,emotion\n0,0.5,hungry\n")
    with pytest.raises(RuntimeError, match=r"wrong.csv, line 2"):
        bpy.ops.blendshape_talker.open_cues(filepath=str(tmp_path / "wrong.csv"))
    assert ready.cues == ""
    assert bpy.ops.blendshape_talker.open_cues(filepath=str(tmp_path / "cues.csv")) == {"FINISHED"}
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert [cue.emotion for cue in seen[-1]] == ["happy", "sad"]
    assert emotions.spoken(animation.lines(ready.target)[0]) == "2 cues"
    assert bpy.ops.blendshape_talker.clear_cues() == {"FINISHED"}
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert seen[-1] is None and emotions.spoken(animation.lines(ready.target)[0]) == "neutral"


def test_a_style_is_a_file_or_a_recording_that_is_there(ready, synthetic_talker, recording, tmp_path, monkeypatch):
    seen = []
    animate = synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker,
        "animate",
        lambda *values, **named: (seen.append(named["style"]), animate(*values, **named))[1],
    )
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"} and seen == [None]
    ready.style = "file"
    for path, reason in (
        ("", "no style file chosen"),
        ("gone.wav", "gone.wav: .*not found"),
        ("gone.style", "gone.style"),
    ):
        ready.style_file = str(tmp_path / path) if path else ""
        with pytest.raises(RuntimeError, match=reason):
            bpy.ops.blendshape_talker.bake()
    ready.style_file = str(recording)
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"} and seen == [None, str(recording)]


def test_a_doubtful_recording_is_said_and_remembered(ready, synthetic_talker, monkeypatch, capfd):
    animate = synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker, "animate",
        lambda *values, **named: dataclasses.replace(animate(*values, **named), warnings=("cut short",)),
    )  # fmt: skip
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert "cut short" in capfd.readouterr().out
    assert animation.lines(ready.target)[0].record["warnings"] == ["cut short"]


@pytest.mark.parametrize(
    ("last", "suffix", "expected"),
    [
        ("", ".glb", "Demo_head.glb"),
        ("/tmp/take.fbx", ".fbx", "/tmp/take.fbx"),
        ("/tmp/take.fbx", ".glb", "/tmp/take.glb"),
        ("/tmp/take.2/scene 1.5", ".abc", "/tmp/take.2/scene 1.5.abc"),
    ],
)
def test_every_export_button_proposes_its_own_format(last, suffix, expected):
    assert exporting.proposed_path(last, "Demo head", suffix) == expected


def test_blender_s_command_line_reaches_ours(capfd):
    assert blendshape_talker._command_line(["animate", "/no/such.wav", "--out", "/no/such.npz"]) == 1
    assert blendshape_talker._command_line(["--help"]) == 0
    assert blendshape_talker._command_line(["no-such-command"]) == 2
    assert "no-such-command" in capfd.readouterr().err


def test_labels_and_tooltips_are_there(registered):
    shown = [item for item in registration.CLASSES if issubclass(item, bpy.types.Panel)]
    assert len(shown) > 5
    for item in (*button_classes(), *shown):
        assert item.bl_label and "blendshape_talker" in item.bl_idname
    for item in button_classes():
        assert item.__doc__ and not item.__doc__.endswith(".")  # Blender adds the full stop
    assert "PyTorch" in properties.versions()
    assert blendshape_talker.__doc__
