"""Emotion heard in the voice, in real Blender by pointer and keyboard alone: demo head, *Auto* from the emotion menu, a
recording through its browser, bake; the heard emotions are strips in the NLA. Then a style from *Options*.

Run as first_five_minutes.py says. Pictures: menu, ready, result, options, styles, mumbling.
"""

import os
import sys

import bgui
import bpy

sys.path.insert(0, os.path.dirname(next(path for path in bgui.FILES if path.endswith("hands.py"))))
import hands  # noqa: E402

RECORDING = next(path for path in bgui.FILES if path.endswith((".flac", ".wav", ".ogg", ".mp3")))


def settings():
    return bpy.context.scene.blendshape_talker


def progress():
    return bpy.context.window_manager.blendshape_talker


def strips():
    keys = settings().target.data.shape_keys
    tracks = keys.animation_data.nla_tracks if keys and keys.animation_data else ()
    return [(track.name, strip.name, strip.frame_start, strip.frame_end) for track in tracks for strip in track.strips]


def test():
    yield 1.0
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
    yield from hands.open_tab("Talker")
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    places = yield from hands.pick_every("emotion", lambda: settings().emotion, ["auto"], picture="menu")
    assert settings().emotion == "auto", places
    yield from hands.press("open_recording", lambda: hands.file_browser() is not None)
    yield from hands.choose_file(RECORDING)
    yield 1.0
    bgui.shot("ready")
    yield from hands.press("bake", lambda: progress().running or bool(strips()))
    yield from hands.until(lambda: not progress().running and strips(), 400, "the bake")
    yield 2.0
    for area in bpy.context.window.screen.areas:
        if area.type == "DOPESHEET_EDITOR":
            area.type = "NLA_EDITOR"
    yield 2.0
    bgui.shot("result")
    found = [strip for strip in strips() if strip[0].startswith("Expression")]
    print("strips", *found, sep="\n  ", flush=True)
    yield from hands.unfold("style", "intensity")
    yield 1.0
    bgui.shot("options")
    places = yield from hands.pick_every("style", lambda: settings().style, ["mumbling"], picture="styles")
    assert settings().style == "mumbling", places
    yield 1.0
    bgui.shot("mumbling")
    assert found and all(name.split(" ")[0].split(".")[0] != "Rest" for _, name, _, _ in found)


bgui.go(test())
