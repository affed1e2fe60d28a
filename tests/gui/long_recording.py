"""A long recording in real Blender, by pointer and keyboard: while its keys are written the bar moves, Esc stops it and
nothing stays, Ctrl-Z in between does no harm; then it is baked.

Run as first_five_minutes.py says, with a recording of ten minutes or more. Pictures: writing, stopped, result.
"""

import os
import sys
import time

import bgui
import bpy

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import progress, settings  # noqa: E402


def is_writing():
    return progress().running and progress().message == "writing to Blender" and progress().fraction > 0.972


def bake_until_it_writes():
    yield from hands.press("bake", lambda: progress().running)
    yield from hands.until(is_writing, 900, "the writing")


def nothing_is_left():
    keys = settings().target.data.shape_keys
    return keys is None and not bpy.data.actions and not progress().running


def test():
    yield from hands.open_talker()
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    yield from hands.open_recording()

    yield from bake_until_it_writes()
    assert [action.name for action in bpy.data.actions], "nothing is written beforehand"
    bgui.shot("writing")
    yield from hands.keys("Escape")
    yield from hands.until(lambda: not progress().running, 5, "the stop")
    yield 1.0
    bgui.shot("stopped")
    assert nothing_is_left(), [action.name for action in bpy.data.actions]

    yield from bake_until_it_writes()
    yield from hands.keys("ctrl+z")
    yield from hands.until(lambda: not progress().running, 60, "the bake in spite of an undo")
    yield 1.0
    print("after an undo:", settings().target, [action.name for action in bpy.data.actions], flush=True)
    assert not any("draft" in action.name for action in bpy.data.actions if action.users)

    if not settings().audio:
        yield from hands.open_recording()
    yield from hands.press("bake", lambda: progress().running)
    seen, last, longest = [], time.time(), 0.0
    while progress().running:
        if is_writing():
            seen.append(progress().fraction)
            longest = max(longest, time.time() - last)
        last = time.time()
        yield 0.02
    longest = max(longest, time.time() - last)
    yield 2.0
    bgui.shot("result")
    print(f"the bar stood at {sorted(set(seen))}; Blender answered at the latest after {longest:.2f} s", flush=True)
    assert len(set(seen)) > 2
    assert not any("draft" in action.name for action in bpy.data.actions)
    assert hands.strips("")


bgui.go(test())
