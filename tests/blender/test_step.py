"""Sound and face in step: whichever was moved or cut, the other one follows; rates like 23.976 stay exact."""

import wave

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, bake, joints, scene_io, step
from blendshape_talker.blender.lines import sound
from blendshape_talker.blender.lines.versions import set_strip_time, strip_time
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import VERTEX_COUNT
from blendshape_talker.speech.frames import keep_contacts, resample

pytestmark = pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound strips")
FPS = 24.0


def write_sound(path, seconds, rate=16000):
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(np.zeros(round(seconds * rate), "<i2").tobytes())
    return path


@pytest.fixture
def baked(scene, make_head, make_take, tmp_path):
    """A head with a line of 48 frames from frame 11 on and its sound: (scene, head)."""
    scene.render.fps = round(FPS)
    head, path = make_head(), write_sound(tmp_path / "a.wav", 2.0)
    speak(scene, head, make_take(start_frame=11, blinks=True, about=about(path)))
    return scene, head


def about(path, fps=FPS):
    return {"recording": str(path), "name": "a", "fps": fps, "seed": 0}


def speak(scene, head, take):
    written = animation.write_take(head, take)
    sound.lay_sound(scene, written.uid, take.recording, written.frames[0], written.moved, written.former)
    step.remember(scene, head)


def line_of(head):
    return animation.lines(head)[0]


def spans(head):
    """(frame_start, frame_end) of every strip of the line by its layer."""
    return {layer: [strip.frame_start for _, strip in found] for layer, found in line_of(head).strips.items()}


def the_sound(scene, head):
    (strip,) = sound.pieces_of(scene, line_of(head).uid)
    return strip


def test_the_face_follows_a_moved_sound_strip(baked):
    scene, head = baked
    assert step.out_of_step(scene, line_of(head)) is None
    before = {layer: list(starts) for layer, starts in spans(head).items()}
    set_strip_time(the_sound(scene, head), "content_start", 61)
    assert "50 frames before" in step.out_of_step(scene, line_of(head))
    assert "face follows" in step.bring_in_step(scene, head, line_of(head))
    assert strip_time(the_sound(scene, head), "content_start") == 61
    assert spans(head) == {layer: [start + 50 for start in starts] for layer, starts in before.items()}
    assert step.out_of_step(scene, line_of(head)) is None


def test_the_sound_follows_moved_nla_strips_and_then_the_other_way(baked):
    scene, head = baked
    for found in line_of(head).strips.values():
        for _, strip in found:
            strip.frame_start_ui += 20
    assert "20 frames after" in step.out_of_step(scene, line_of(head))
    assert "sound follows" in step.bring_in_step(scene, head, line_of(head))
    assert strip_time(the_sound(scene, head), "content_start") == 31
    set_strip_time(the_sound(scene, head), "content_start", 4)
    step.bring_in_step(scene, head, line_of(head))
    assert line_of(head).frames[0] == 4 and strip_time(the_sound(scene, head), "content_start") == 4


def test_cuts_go_along_either_way(baked):
    scene, head = baked
    strip = the_sound(scene, head)
    set_strip_time(strip, "left_handle", 21)
    set_strip_time(strip, "right_handle", 51)
    assert "cut differently" in step.out_of_step(scene, line_of(head))
    step.bring_in_step(scene, head, line_of(head))
    for layer in ("speech", "blinks"):
        (_, spoken), = line_of(head).strips[layer]  # fmt: skip
        assert (spoken.frame_start, spoken.action_frame_start) == (21, 21)
        assert spoken.frame_end == pytest.approx(50, abs=1.01)
    assert step.out_of_step(scene, line_of(head)) is None
    (_, spoken), = line_of(head).strips["speech"]  # fmt: skip
    spoken.action_frame_start, spoken.frame_start_raw = 26, 26
    assert step.out_of_step(scene, line_of(head))
    step.bring_in_step(scene, head, line_of(head))
    assert (
        strip_time(the_sound(scene, head), "left_handle") == 26
        and strip_time(the_sound(scene, head), "content_start") == 11
    )
    # the cut taken back
    set_strip_time(the_sound(scene, head), "left_handle", 11)
    step.bring_in_step(scene, head, line_of(head))
    assert line_of(head).strips["speech"][0][1].frame_start == 11


def test_after_a_bake_at_another_frame_the_moved_one_still_leads(baked, make_take):
    scene, head = baked
    take = make_take(start_frame=31, blinks=True, about=about(line_of(head).record["recording"]))
    speak(scene, head, take)
    line = next(line for line in animation.lines(head) if line.frames[0] == 31)
    line.strips["speech"][0][1].frame_start_ui = 36
    line = next(item for item in animation.lines(head) if item.uid == line.uid)
    assert "sound follows" in step.bring_in_step(scene, head, line)


def test_locked_tracks_and_strips_are_left_alone(baked):
    scene, head = baked
    set_strip_time(the_sound(scene, head), "content_start", 31)
    track = line_of(head).strips["speech"][0][0]
    track.lock = True
    with pytest.raises(TalkerError, match="locked"):
        step.bring_in_step(scene, head, line_of(head))
    assert line_of(head).frames[0] == 11
    track.lock = False
    step.bring_in_step(scene, head, line_of(head))
    the_sound(scene, head).lock = True
    line_of(head).strips["speech"][0][1].frame_start_ui = 91
    with pytest.raises(TalkerError, match="locked"):
        step.bring_in_step(scene, head, line_of(head))


def test_a_sound_strip_that_is_locked_leaves_the_face_where_it_is_too(baked):
    scene, head = baked
    set_strip_time(
        the_sound(scene, head), "content_start", 31
    )  # the face is to follow, and the sound to be cut as the face is
    spoken = line_of(head).strips["speech"][0][1]
    spoken.action_frame_start, spoken.frame_start_raw = 21, 21
    the_sound(scene, head).lock = True
    before = spans(head)
    with pytest.raises(TalkerError, match="locked"):
        step.bring_in_step(scene, head, line_of(head))
    assert spans(head) == before
    the_sound(scene, head).lock = False
    assert "face follows its sound and the sound follows" in step.bring_in_step(scene, head, line_of(head))


def test_the_button_moves_all_lines_or_none(registered, make_head, make_take, tmp_path):
    scene = bpy.context.scene
    scene.render.fps = round(FPS)
    head = registered.target = make_head()
    for name, frame in (("a", 11), ("b", 111)):
        recording = write_sound(tmp_path / f"{name}.wav", 2.0)
        speak(scene, head, make_take(start_frame=frame, about={**about(recording), "name": name}))
    first, last = animation.lines(head)
    piece = sound.pieces_of(scene, first.uid)[0]
    set_strip_time(piece, "content_start", strip_time(piece, "content_start") + 10)
    for _, strip in (item for found in last.strips.values() for item in found):
        strip.frame_start_ui += 10
    sound.pieces_of(scene, last.uid)[0].lock = True
    frames = [line.frames for line in animation.lines(head)]
    with pytest.raises(RuntimeError, match="locked"):
        bpy.ops.blendshape_talker.bring_in_step()
    assert [line.frames for line in animation.lines(head)] == frames


def test_bones_go_along(scene, make_take, tmp_path):
    scene.render.fps = round(FPS)
    head = scene_io.add_demo_head(bpy.context)
    armature = joints.add_joints(bpy.context, head)
    path = write_sound(tmp_path / "a.wav", 2.0)
    speak(scene, head, make_take(VERTEX_COUNT, start_frame=11, about=about(path)))
    from blendshape_talker.blender import motion

    hump = np.sin(np.linspace(0, np.pi, 48))[:, None]
    motion.write(head, line_of(head), motion.Motion(hump * [0.3, 0, 0], hump * [0.1, 0]))
    set_strip_time(the_sound(scene, head), "content_start", 31)
    step.bring_in_step(scene, head, line_of(head))
    starts = {strip.frame_start for track in armature.animation_data.nla_tracks[1:] for strip in track.strips}
    assert starts == {31.0}


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001), (30, 1.001), (25, 1.0), (60, 1.001)])
def test_ten_minutes_of_ticks_are_right_to_the_frame(scene, make_head, tmp_path, fps, base):
    """Ticks of the mouth on the network's 60 frames a second land on the frames that show their seconds."""
    scene.render.fps, scene.render.fps_base = fps, base
    rate = bake.frame_rate_of(scene)
    seconds = 600.0
    ticks = np.arange(0.5, seconds, 7.13)
    clock = np.arange(round(seconds * 60)) / 60
    curve = np.exp(-0.5 * (np.abs(clock[:, None] - ticks).min(axis=1) / 0.05) ** 2)[:, None]
    times = np.arange(round(seconds * rate)) / rate
    weights = resample(curve, keep_contacts(times, curve[:, 0], rate))
    head = make_head()
    deltas = np.zeros((1, len(head.data.vertices), 3), np.float32)
    deltas[0, 0] = 0.01
    path = write_sound(tmp_path / "ticks.wav", seconds, 8000)
    speak(scene, head, animation.Take(("speech a",), 1, deltas, weights, 1, about=about(path, rate)))
    (action,) = line_of(head).actions("speech")
    ((points),) = animation.read_curves(action).values()
    frames = np.arange(1, len(times) + 1)
    values = np.interp(frames, points[:, 0], points[:, 1])
    tops = 1 + np.flatnonzero((values[1:-1] > 0.5) & (values[1:-1] >= values[:-2]) & (values[1:-1] > values[2:]))
    found = frames[tops] - 1
    assert len(found) == len(ticks)
    assert np.abs(found - ticks * rate).max() < 0.75  # half a frame, and a third of one of the network's
    exact = 600 * fps / base
    assert abs(strip_time(the_sound(scene, head), "content_duration") - exact) <= 1.0
    assert abs(line_of(head).frames[1] - exact) <= 1.0
