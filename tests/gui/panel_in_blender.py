"""The panel in real Blender with a screen: open the tab, add the demo head, bake, undo, bake again and press Esc.

Not a pytest test: it runs inside a Blender with a window that has the extension enabled, started with the extension's
zip and a recording after `--`. It needs a helper module `bgui` for Blender's event loop: sidebar(tab, scale),
click(x, y), key(name), shot(name), in_sidebar(share of the width, pixels from the top), area(), override(), FILES,
go(generator).
Pictures, in order: before, bar, result, undone, cancelled.
"""

import bgui
import bpy

RECORDING = next(path for path in bgui.FILES if not path.endswith(".zip"))
EMOTION = "happy"
# Places in the sidebar: share of its width, distance from its top in units of the interface's scale
DEMO_HEAD, BAKE = (0.70, 63.5), (0.50, 300.0)


def progress():
    return bpy.context.window_manager.blendshape_talker


def settings():
    return bpy.context.scene.blendshape_talker


def is_baked():
    target = settings().target
    return target is not None and target.data.shape_keys is not None


def place(position):
    share, from_top = position
    return bgui.in_sidebar(share, from_top * bpy.context.preferences.system.ui_scale)


def look_at_the_face():
    space = bgui.area().spaces.active
    view = space.region_3d
    view.view_perspective = "PERSP"
    view.view_location = (0.03, 0.0, -0.02)
    view.view_rotation = (0.70, 0.70, 0.12, 0.12)
    view.view_distance = 0.62
    space.clip_start, space.lens = 0.01, 70
    space.overlay.show_overlays = False
    space.shading.type = "MATERIAL"


def most_open_frame():
    """The frame of the bake in which the lips are farthest apart."""
    scene, target = bpy.context.scene, settings().target
    gaps = {}
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        gaps[frame] = (mesh.vertices[3546].co - mesh.vertices[3504].co).length
    assert max(gaps.values()) > min(gaps.values()) + 0.004, "the mouth does not move"
    return max(gaps, key=gaps.get)


def until(happened, seconds, what):
    """Let Blender run until ``happened()``."""
    for _ in range(int(seconds / 0.1)):
        yield 0.1
        if happened():
            return
    raise AssertionError(f"{what} did not happen within {seconds} s")


def press(position, happened, what, tries=3):
    """Click at a place of the sidebar until ``happened()``; a click can be lost while Blender redraws."""
    for remaining in reversed(range(tries)):
        bgui.click(*place(position))
        try:
            yield from until(happened, 5, what)
            return
        except AssertionError:
            if not remaining:
                raise


def test():
    yield 1.0
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bgui.sidebar("Talker", scale=1.25)
    yield 2.0
    yield from press(DEMO_HEAD, lambda: settings().target is not None, "Demo Head")
    settings().audio, settings().emotion = RECORDING, EMOTION
    look_at_the_face()
    with bgui.override():
        bpy.ops.ed.undo_push(message="Settings")  # fields set by hand push one each
    yield 12.0  # a software renderer compiles its shaders
    bgui.shot("before")

    scene = bpy.context.scene
    before = (scene.frame_start, scene.frame_end)
    yield from press(BAKE, lambda: progress().running or is_baked(), "Bake")
    yield from until(lambda: progress().fraction > 0.12 or not progress().running, 120, "progress")
    yield 0.3
    bgui.shot("bar")
    assert progress().running, "the bake was over before its bar could be seen"
    yield from until(lambda: not progress().running, 240, "the end of the bake")
    assert is_baked(), "the bake wrote nothing"
    names = [block.name for block in settings().target.data.shape_keys.key_blocks]
    print("baked", len(names) - 1, "shape keys, frames", scene.frame_start, scene.frame_end, flush=True)
    print("strength", settings().strength, flush=True)
    scene.frame_set(most_open_frame())
    yield 3.0
    bgui.shot("result")

    with bgui.override():
        bpy.ops.ed.undo()
    yield 2.0
    assert not is_baked(), "one undo does not take the bake back"
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == before
    assert settings().target is not None and settings().audio == RECORDING
    bgui.shot("undone")

    yield from press(BAKE, lambda: progress().running, "Bake again")
    bgui.key("Escape")
    yield from until(lambda: not progress().running, 60, "the cancel")
    yield 1.0
    assert not is_baked() and len(bpy.data.actions) == 0, "a cancelled bake left something"
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == before
    bgui.shot("cancelled")


bgui.go(test())
