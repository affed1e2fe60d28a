"""Emotions on the timeline in real Blender, by pointer and keyboard: the strips that a first bake shows, Add Emotion,
Swap, a strip moved with G in the NLA editor, sliders turned, keyed with a click on their dot, and reset.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs. The head and the recording are
chosen from Python, as the other scripts choose them by hand. Pictures, in order: glance, emotions, added, swapped,
moved, controls, turned, keyed, reset; panel_*.png are cut to the sidebar.
"""

import os
import subprocess
import sys

import bgui
import bpy

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import curves_of, progress, settings, strips  # noqa: E402


def emotion_strips():
    return strips("Expression")


def names():
    return sorted(strip.name for strip in emotion_strips())


def cut(name, kind="VIEW_3D", part="UI"):
    """A picture of one region, for the pages."""
    whole, area = bgui.shot(name), bgui.area(kind)
    region = bgui.region(part, area) if part else area
    x, y = bgui.screen_xy(region.x, region.y + region.height)
    size = f"{region.width}x{region.height}+{x}+{y}"
    target = os.path.join(bgui.OUT, f"panel_{name}.png")
    command = ["convert", whole, "-crop", size, "+repage", "-colors", "96", f"PNG8:{target}"]
    subprocess.run(command, check=False)


def nla():
    return next((area for area in bgui.window().screen.areas if area.type == "NLA_EDITOR"), None)


def bake():
    bpy.ops.blendshape_talker.add_demo_head()
    settings().audio, settings().emotion = hands.RECORDING, "happy"
    yield 1.0
    roomy = bgui.area().height > 850 * bpy.context.preferences.system.ui_scale  # before it is shared
    yield from hands.press("bake", lambda: progress().running or emotion_strips())
    yield from hands.until(lambda: not progress().running and emotion_strips(), 400, "the end of the bake")
    yield 4.0
    cut("baked")
    assert names() == ["happy"]
    assert (nla() is not None) == roomy, "the strips are in sight where the panel stays so too"


def emotions():
    yield from hands.unfold("strip_emotion", "speech_strength")
    yield 1.0
    cut("emotions")
    yield from hands.press("show_strips", lambda: nla() is not None)
    yield 3.0
    bgui.shot("glance")
    assert not nla().spaces.active.show_region_ui, "an empty sidebar takes a quarter of the strips' width"
    cut("strips", "NLA_EDITOR", None)
    bpy.context.scene.frame_set(40)
    yield from hands.press("add_emotion", lambda: len(emotion_strips()) == 2)
    yield 1.5
    cut("added")
    added = next(strip for strip in emotion_strips() if strip.select)
    assert abs(added.frame_start - 40) < 1e-3, added.frame_start
    yield from hands.undo(lambda: len(emotion_strips()) == 1)
    yield from hands.press("add_emotion", lambda: len(emotion_strips()) == 2)
    settings().strip_emotion = "surprised"
    yield from hands.press("swap_emotion", lambda: "surprised" in names())
    yield 1.5
    cut("swapped", "NLA_EDITOR", None)


def move_by_hand():
    area = nla()
    region = next(region for region in area.regions if region.type == "WINDOW")
    target = next(strip for strip in emotion_strips() if strip.name == "surprised")
    start, seen = target.frame_start, lips()["blendshape_talker_seen"]
    x, y = bgui.screen_xy(region.x + 0.5 * region.width, region.y + 0.5 * region.height)
    yield from hands.point_at(x, y)
    yield from hands.keys("g")
    bgui.xdo("type", "12")
    yield 1.0
    yield from hands.keys("Return")
    yield from hands.until(lambda: abs(target.frame_start - start - 12) < 0.1, 10, "the move of the strip")
    yield from hands.until(lambda: lips()["blendshape_talker_seen"] != seen, 15, "lips that follow by themselves")
    yield 1.0
    cut("moved", "NLA_EDITOR", None)


def lips():
    return strips("Lips")[0].action


def turn_sliders():
    yield from hands.unfold("speech", "speech_strength")
    yield 1.0
    cut("controls")
    yield from hands.type_into("upper_face", "0.3")
    yield from hands.until(lambda: strips("Controls"), 15, "the strip of the controls")
    yield 1.0
    cut("turned")
    group = settings().target.blendshape_talker
    assert abs(group.upper_face - 0.3) < 1e-6
    x, y = yield from hands.find("speech", 0.6)
    yield from hands.point_at(x, y)
    yield from hands.keys("i")
    data = settings().target.animation_data
    yield from hands.until(lambda: data is not None or settings().target.animation_data is not None, 10, "the key")
    yield 2.0
    cut("keyed")
    print("keys", [curve.data_path for curve in curves()], flush=True)
    assert [curve.data_path for curve in curves()] == ["blendshape_talker.speech"]
    yield from hands.press("reset_controls", lambda: not curves() and not strips("Controls"))
    yield 1.0
    cut("reset")
    assert abs(settings().target.blendshape_talker.upper_face - 1.0) < 1e-6


def curves():
    data = settings().target.animation_data
    return curves_of(data.action if data else None)


def test():
    yield from hands.open_talker()
    yield from bake()
    yield from emotions()
    yield from move_by_hand()
    yield from turn_sliders()


bgui.go(test())
