"""Emotion heard in the voice, in real Blender by pointer and keyboard alone: demo head, *Auto* from the emotion menu, a
recording through its browser, bake; the heard emotions are strips in the NLA. Then a style from *Options*.

Run as first_five_minutes.py says. Pictures: menu, ready, result, options, styles, mumbling.
"""

import os
import sys

import bgui
import bpy

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import progress, settings, strips  # noqa: E402


def test():
    yield from hands.open_talker()
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    places = yield from hands.pick_every("emotion", lambda: settings().emotion, ["auto"], picture="menu")
    assert settings().emotion == "auto", places
    yield from hands.open_recording()
    yield 1.0
    bgui.shot("ready")
    yield from hands.press("bake", lambda: progress().running or strips(""))
    yield from hands.until(lambda: not progress().running and strips(""), 400, "the bake")
    yield 2.0
    for area in bpy.context.window.screen.areas:
        if area.type == "DOPESHEET_EDITOR":
            area.type = "NLA_EDITOR"
    yield 2.0
    bgui.shot("result")
    found = [(strip.name, strip.frame_start, strip.frame_end) for strip in strips("Expression")]
    print("strips", *found, sep="\n  ", flush=True)
    yield from hands.unfold("style", "intensity")
    yield 1.0
    bgui.shot("options")
    places = yield from hands.pick_every("style", lambda: settings().style, ["mumbling"], picture="styles")
    assert settings().style == "mumbling", places
    yield 1.0
    bgui.shot("mumbling")
    assert found and all(name.split(" ")[0].split(".")[0] != "Rest" for name, _, _ in found)


bgui.go(test())
