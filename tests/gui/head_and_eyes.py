"""Head and eyes in real Blender by pointer and keyboard: joints, a bake that moves them, another motion, off and on, a
strength, and the sound strip moved away and brought back in step.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs. The sound strip is moved from
Python, as a drag in the sequencer is nothing that we draw. Pictures, in order: joints, moving, again, still, strong,
apart, in_step.
"""

import os
import sys

import bgui
import bpy
import numpy as np

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import is_baked, progress, settings, strips  # noqa: E402


def armature():
    return next((item for item in bpy.data.objects if item.type == "ARMATURE"), None)


def turned(name="head"):
    """Degrees by which a bone turns over the take, at most."""
    scene, found = bpy.context.scene, []
    for frame in range(scene.frame_start, scene.frame_end, 3):
        scene.frame_set(frame)
        seen = armature().evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append(seen.pose.bones[name].rotation_euler[:])
    scene.frame_set(scene.frame_start + (scene.frame_end - scene.frame_start) // 2)
    return float(np.degrees(np.ptp(np.array(found), axis=0).max()))


def head_strip():
    return strips("Head", armature())[0]


def the_sound():
    editor = bpy.context.scene.sequence_editor
    return next(iter(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all))


def spoken():
    return strips("Speech")[0]


def joints_and_bake():
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    yield from hands.unfold("add_joints", "bake")
    yield from hands.press("add_joints", lambda: armature() is not None)
    yield 1.0
    bgui.shot("joints")
    yield from hands.open_recording()
    yield from hands.press("bake", lambda: progress().running or is_baked())
    yield from hands.job_ends()
    yield 1.0
    print(f"head {turned():.1f} degrees, eyes {turned('eye_L'):.1f} degrees", flush=True)
    assert turned() > 1.0 and turned("eye_L") > 1.0
    bgui.shot("moving")


def scroll_down():
    """To the end of the sidebar, which is longer than the view once the NLA editor lies below it."""
    region = bgui.region("UI")
    bgui.xdo("mousemove", *bgui.screen_xy(region.x + 0.4 * region.width, region.y + 0.5 * region.height))
    yield 0.5
    bgui.xdo("click", "--repeat", 30, "--delay", 60, 5)
    yield 3.0


def another_off_and_stronger():
    yield from scroll_down()
    before = head_strip().action.name, turned()
    yield from hands.press("move_again(", lambda: abs(turned() - before[1]) > 1e-3)
    bgui.shot("again")
    full = turned()
    yield from hands.find("mute", share=0.07)  # the eye at the left edge
    yield from hands.press("mute", lambda: head_strip().mute)
    yield 1.0
    bgui.shot("still")
    assert turned() < 1e-3
    yield from hands.press("mute", lambda: not head_strip().mute)
    yield from hands.type_into("head", "2")
    yield from hands.until(lambda: abs(turned() - 2 * full) < 0.05 * full, 15, "twice the motion")
    bgui.shot("strong")


def sound_moved_and_brought_back():
    the_sound().frame_start += 25
    start = spoken().frame_start
    bgui.area().tag_redraw()
    yield 3.0
    yield from scroll_down()
    bgui.shot("apart")
    yield from hands.press("bring_in_step", lambda: spoken().frame_start == start + 25)
    yield 2.0
    assert head_strip().frame_start == start + 25
    bgui.shot("in_step")


def test():
    yield from hands.open_talker()
    yield from joints_and_bake()
    yield from another_off_and_stronger()
    yield from sound_moved_and_brought_back()


bgui.go(test())
