"""The first five minutes in real Blender, from its default scene with empty settings, by pointer and keyboard alone:
demo head, an emotion, a recording through its browser, bake, undo, Esc, and then every emotion from the menu.

Not a pytest test: it runs inside a Blender with a window that has the extension enabled, started with the extension's
zip, hands.py and a recording after `--`. It needs a helper module `bgui` for Blender's event loop: click(x, y),
xdo(xdotool's arguments), shot(name), screen_xy(x, y), area(), region(kind), window(), FILES, go(generator).
Pictures, in order: default, head, menu, recordings, ready, bar, result, undone, cancelled.
"""

import os
import sys
import time

import bgui
import bpy
import numpy as np

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import is_baked, progress, settings  # noqa: E402

UPPER_LIP, LOWER_LIP = 3546, 3504  # vertices of FLAME


def box(item):
    bpy.context.view_layer.update()
    corners = np.array(item.bound_box) @ np.array(item.matrix_world)[:3, :3].T + np.array(item.matrix_world)[:3, 3]
    return corners.min(axis=0), corners.max(axis=0)


def mouth_gap():
    """Distance of the lips in the frame that is shown, in metres of a head of usual size."""
    target = settings().target
    mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    scale = abs(target.matrix_world.determinant()) ** (1 / 3)
    return scale * (mesh.vertices[UPPER_LIP].co - mesh.vertices[LOWER_LIP].co).length


def add_the_demo_head():
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    yield 2.0
    bgui.shot("head")
    head, cube = settings().target, bpy.data.objects["Cube"]
    (low, high), (cube_low, cube_high) = box(head), box(cube)
    assert ((high < cube_low) | (low > cube_high)).any(), "the head is in the cube"
    assert bpy.context.view_layer.objects.active == head and [*bpy.context.selected_objects] == [head]
    view = bgui.area().spaces.active.region_3d
    assert (np.array(view.view_location) > low).all() and (np.array(view.view_location) < high).all()
    print("view distance", round(view.view_distance, 2), "m; head at", [round(x, 2) for x in head.location], flush=True)


def pick_an_emotion():
    places = yield from hands.pick_every("emotion", lambda: settings().emotion, ["happy"], picture="menu")
    yield from hands.pick("emotion", places["happy"], lambda: settings().emotion, "happy")


def pick_every_emotion():
    names = [item.identifier for item in settings().bl_rna.properties["emotion"].enum_items if item.identifier]
    places = yield from hands.pick_every("emotion", lambda: settings().emotion, names)
    print(len(places), "emotions picked from the menu:", *places, flush=True)
    missing = set(names) - set(places)
    assert not missing, f"not to be picked: {missing}"


def open_the_recording():
    yield from hands.open_recording(picture="recordings")
    assert settings().audio == hands.RECORDING, settings().audio
    yield 1.0
    bgui.shot("ready")


def bake_and_watch_the_bar():
    scene = bpy.context.scene
    yield from hands.press("bake", lambda: progress().running or is_baked())
    began, seen, shown = time.time(), [], False
    while progress().running and time.time() - began < 400:
        seen.append((round(time.time() - began, 1), round(progress().fraction, 2), progress().message))
        yield 0.25
        if progress().fraction > 0.3 and not shown:
            bgui.shot("bar")
            shown = True
    print("bar", seen, flush=True)
    yield 2.0
    bgui.shot("result")
    assert is_baked(), "the bake wrote nothing"
    assert mouth_gap() > 0.004, f"the playhead leads to a shut mouth, {1000 * mouth_gap():.1f} mm"
    assert scene.sync_mode == "AUDIO_SYNC" and scene.use_audio_scrub
    print("playhead at", scene.frame_current, f"lips {1000 * mouth_gap():.1f} mm apart", flush=True)


def undo_and_cancel():
    before = bpy.context.scene.frame_end
    yield from hands.undo(lambda: not is_baked())
    assert settings().target is not None and settings().audio == hands.RECORDING and settings().emotion == "happy"
    assert bpy.context.scene.sync_mode == "NONE", "the undo leaves playback changed"
    yield 1.0
    bgui.shot("undone")

    # a recording that was heard is baked again before anybody finds Escape
    hands.module("blender.networks")._talkers.clear()
    yield from hands.press("bake", lambda: progress().running)
    yield from hands.keys("Escape")
    yield from hands.until(lambda: not progress().running, 200, "the cancel")
    yield 1.0
    assert not is_baked() and len(bpy.data.actions) == 0, "a cancelled bake left something"
    assert bpy.context.scene.frame_end in (before, 250)
    bgui.shot("cancelled")


def test():
    yield from hands.open_talker()
    yield 1.0
    bgui.shot("default")
    yield from add_the_demo_head()
    yield from pick_an_emotion()
    yield from open_the_recording()
    yield from bake_and_watch_the_bar()
    yield from undo_and_cancel()
    yield from pick_every_emotion()


bgui.go(test())
