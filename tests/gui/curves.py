"""Takes and curves in real Blender, by the pointer: Next Take, Bake Range, Keep My Keys and its undo, Save as Style
and a bake in it, Reduce Keys, Make from Motion.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs. The key of a shape is set from
Python, as a value that is dragged in the Properties editor is nothing that we draw; the Graph Editor is opened by
Python to look into it. Pictures, in order: baked, taken, range, waiting, kept, style, saved,
spoken, reduced, file, motion, captured, curves.
"""

import os
import sys
import tempfile
from pathlib import Path

import bgui
import bpy
import numpy as np

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import curves_of, progress, settings  # noqa: E402

SHAPE_FRAME = 40


def strip_of(track):
    return next(iter(hands.strips(track)), None)


def key_count():
    return sum(len(curve.keyframe_points) for curve in curves_of(strip_of("Speech").action))


def values(block, frames):
    scene, result = bpy.context.scene, []
    former = scene.frame_current
    for frame in frames:
        scene.frame_set(frame)
        result.append(block.value)
    scene.frame_set(former)
    return np.array(result)


def bake():
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    yield from hands.open_recording()
    yield from hands.press("bake", lambda: progress().running or strip_of("Speech") is not None)
    yield from hands.job_ends()
    bgui.shot("baked")


def next_take():
    before = strip_of("Speech").action
    kept = [tuple(key.co) for key in curves_of(before)[4].keyframe_points]
    yield from hands.unfold("next_take", "speech_strength")
    yield from hands.press("next_take", lambda: settings().take == 1)
    yield from hands.job_ends()
    fresh = [tuple(key.co) for key in curves_of(strip_of("Speech").action)[4].keyframe_points]
    print("take", settings().take, "moves a shape by", np.abs(np.array(fresh) - kept).max(), flush=True)
    assert fresh != kept
    bgui.shot("taken")


def keep_my_keys():
    block = next(block for block in settings().target.data.shape_keys.key_blocks if block.name.startswith("S jaw"))
    frames = range(SHAPE_FRAME - 25, SHAPE_FRAME + 26)
    before = values(block, frames)
    bpy.context.scene.frame_set(SHAPE_FRAME)
    block.value = before[25] + 0.5
    block.keyframe_insert("value", frame=SHAPE_FRAME)
    bpy.ops.ed.undo_push(message="a key by hand")
    yield from hands.unfold("keep_keys", "next_take")
    bgui.shot("waiting")
    yield from hands.press("keep_keys", lambda: strip_of("My Keys") is not None)
    yield 1.0
    after = values(block, frames)
    print("kept", after[25] - before[25], "25 frames away", np.abs(after - before)[[0, 50]].max(), flush=True)
    assert abs(after[25] - before[25] - 0.5) < 1e-4 and np.abs(after - before)[[0, 50]].max() < 1e-4
    bgui.shot("kept")
    yield from hands.undo(lambda: strip_of("My Keys") is None)
    yield from hands.press("keep_keys", lambda: strip_of("My Keys") is not None)


def bake_range():
    before = [tuple(key.co) for key in curves_of(strip_of("Speech").action)[4].keyframe_points]

    def now():
        return [tuple(key.co) for key in curves_of(strip_of("Speech").action)[4].keyframe_points]

    yield from hands.click(*(yield from hands.find("bake_range")))
    yield 3.0
    bgui.shot("range")
    yield from hands.keys("Return")
    yield from hands.until(lambda: progress().running or now() != before, 20, "the range's bake")
    yield from hands.job_ends()
    moved = [frame for (frame, value), (_, other) in zip(before, now(), strict=True) if value != other]
    print("range", moved[0], "to", moved[-1], "of", len(before), flush=True)
    assert before[0] == now()[0] and before[-1] == now()[-1] and len(moved) < len(before)


def reduce_keys():
    before = key_count()
    yield from hands.press("reduce_keys(error='0.5'", lambda: progress().running or key_count() < before)
    yield from hands.job_ends()
    yield from hands.until(lambda: key_count() < before, 10, "fewer keys")
    print("keys of speech", before, "became", key_count(), flush=True)
    bgui.shot("reduced")


def spoken_style():
    (line,) = hands.module("blender.animation").lines(settings().target)
    return line.record["style"]


def save_as_style():
    path = Path(tempfile.mkdtemp()) / "mine.style"
    yield from hands.press("save_style", lambda: hands.file_browser() is not None)
    yield from hands.choose_file(path, picture="style")
    yield from hands.until(lambda: not progress().running and path.is_file(), 60, "the style")
    yield from hands.until(lambda: settings().style_file == str(path), 10, "the choice of the style")
    yield 1.0
    bgui.shot("saved")
    yield from hands.press("bake", lambda: progress().running or "mine.style" in spoken_style())
    yield from hands.job_ends()
    assert spoken_style() == str(path)
    bgui.shot("spoken")


def make_from_motion():
    """A capture that began 0.2 s before its recording did, and opens the mouth 1.3 times as far as the bake."""
    (line,) = hands.module("blender.animation").lines(settings().target)
    gap = np.nan_to_num(hands.module("blender.style_of_line").mouth_of(settings().target, line)[:, 0])
    opened = 1.3 / 32 * np.maximum(np.concatenate([np.zeros(12), gap]), 0)[::2]
    rows = [f"10:00:{n // 30:02d}:{n % 30:02d}.000,61,{value:.4f}" for n, value in enumerate(opened)]
    path = Path(tempfile.mkdtemp()) / "anna.csv"
    path.write_text("\n".join(["Timecode,BlendshapeCount,JawOpen", *rows]))
    yield from hands.unfold("style_from_motion", "intensity")
    bgui.shot("file")
    yield from hands.press("style_from_motion", lambda: hands.file_browser() is not None)
    yield from hands.choose_file(path, picture="motion")
    yield from hands.until(lambda: settings().style_file == str(path.with_suffix(".style")), 60, "the style")
    yield 1.0
    bgui.shot("captured")


def look_at_curves():
    area = next(area for area in bgui.window().screen.areas if area.type in ("DOPESHEET_EDITOR", "GRAPH_EDITOR"))
    area.type = "GRAPH_EDITOR"
    animation = settings().target.data.shape_keys.animation_data
    for track in animation.nla_tracks:
        for strip in track.strips:
            strip.select = strip == strip_of("Speech")
    animation.nla_tracks.active = animation.nla_tracks["Speech"]
    animation.use_tweak_mode = True
    yield 1.0
    with bpy.context.temp_override(window=bgui.window(), area=area, region=area.regions[-1]):
        bpy.ops.screen.screen_full_area()
    yield 3.0
    area = bgui.area("GRAPH_EDITOR")
    for index, curve in enumerate(curves_of(animation.action)):
        curve.hide, curve.select = index not in (1, 4), index in (1, 4)
    with bgui.override(area):
        bpy.ops.graph.view_all()
    yield 3.0
    bgui.shot("curves")


def test():
    yield from hands.open_talker()
    yield from bake()
    yield from next_take()
    yield from bake_range()
    yield from keep_my_keys()
    yield from save_as_style()
    yield from reduce_keys()
    yield from make_from_motion()
    yield from look_at_curves()


bgui.go(test())
