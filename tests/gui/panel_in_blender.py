"""The panel in real Blender with a screen, as somebody uses it: demo head, bake, undo, Esc; then a mesh of one's own
through the file browser, bake, the expression strength, the exports, and the dialog before hand-made keys make room.

Not a pytest test: it runs inside a Blender with a window that has the extension enabled, started with the extension's
zip and a recording after `--`. It needs a helper module `bgui` for Blender's event loop: sidebar(tab, scale),
click(x, y), xdo(xdotool's arguments), key(name), shot(name), in_sidebar(share of the width, pixels from the top),
screen_xy(x, y), area(), window(), override(), FILES, go(generator).
Pictures, in order: before, bar, result, undone, cancelled, import, imported, baked, weak, export.fbx, export.glb,
confirm, kept.
"""

import tempfile
from pathlib import Path

import bgui
import bpy
import numpy as np

RECORDING = next(path for path in bgui.FILES if not path.endswith(".zip"))
EMOTION = "happy"
# Places in the sidebar: share of its width, distance from its top in units of the interface's scale
IMPORT, DEMO_HEAD, BAKE, STRENGTH = (0.30, 63.5), (0.70, 63.5), (0.50, 300.0), (0.50, 327.5)
FBX, GLTF, ALEMBIC, USD = (0.25, 385.0), (0.70, 385.0), (0.25, 404.0), (0.70, 404.0)
FOLDER = Path(tempfile.mkdtemp())


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


def demo_head_bake_undo_and_cancel():
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
    yield from bake_ends()
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


def bake_ends():
    yield from until(lambda: not progress().running, 240, "the end of the bake")
    yield 1.0


def file_browser():
    return next((area for area in bgui.window().screen.areas if area.type == "FILE_BROWSER"), None)


def choose_file(name, picture):
    """Name a file of FOLDER in the file browser and press its button; a browser for exports proposes the suffix."""
    yield from until(lambda: file_browser() is not None, 20, "the file browser")
    yield 2.0
    params = file_browser().spaces.active.params
    assert Path(params.filename).suffix in ("", Path(name).suffix), f"{params.filename} for {name}"
    params.directory, params.filename = str(FOLDER).encode(), name
    file_browser().tag_redraw()
    yield 3.0
    bgui.shot(picture)
    region = next(region for region in file_browser().regions if region.type == "EXECUTE")
    x, y = bgui.screen_xy(region.x + 0.93 * region.width, region.y + 0.5 * region.height)
    bgui.click(x, y)
    yield from until(lambda: file_browser() is None, 60, "the end of the file browser")
    yield 1.0


def type_into(position, keys):
    """Click a number field and type; keys by their X names."""
    bgui.click(*place(position))
    yield 3.0
    bgui.xdo("key", "--delay", 300, "ctrl+a", *keys, "Return")


def write_other_head(path):
    """The demo head as an OBJ of another person: wider, in millimetres, z up."""
    mesh = bpy.data.objects["Demo head"].data
    vertices = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", vertices.ravel())
    vertices = 1000.0 * vertices[:, [0, 2, 1]] * (1.06, -1.0, 0.97)
    faces = [polygon.vertices for polygon in mesh.polygons]
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    lines += ["f " + " ".join(str(corner + 1) for corner in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


def shown_vertices():
    """What the 3D View shows of the head, in its own coordinates."""
    target = settings().target
    mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    vertices = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", vertices.ravel())
    return vertices


def import_a_mesh():
    write_other_head(FOLDER / "somebody.obj")
    bpy.data.objects.remove(bpy.data.objects["Demo head"])
    yield 1.0
    yield from press(IMPORT, lambda: file_browser() is not None, "Import")
    yield from choose_file("somebody.obj", "import")
    bgui.shot("imported")
    assert settings().target is not None and settings().target.name == "somebody"
    look_at_the_face()
    yield 3.0


def bake_and_weaken():
    settings().audio, settings().emotion = RECORDING, EMOTION
    bgui.area().tag_redraw()
    yield 3.0  # a button that was grey when the pointer came stays grey until it leaves
    yield from press(BAKE, lambda: progress().running, "Bake")
    yield from bake_ends()
    scene = bpy.context.scene
    scene.frame_set(most_open_frame())
    yield 2.0
    bgui.shot("baked")
    full = shown_vertices()
    assert abs(settings().strength - 1.0) < 1e-6
    yield from type_into(STRENGTH, ("0", "period", "4"))
    yield from until(lambda: abs(settings().strength - 0.4) < 1e-6, 10, "the slider's change")
    yield 2.0
    bgui.shot("weak")
    moved = np.abs(shown_vertices() - full).max()
    print(f"weaker by {moved:.2f} mm", flush=True)
    assert moved > 1.0, "the slider changes nothing to see"
    with bgui.override():
        bpy.ops.ed.undo()
    yield 1.0
    assert abs(settings().strength - 1.0) < 1e-6 and is_baked(), "an undo does not take the slider back"


def export():
    for suffix, position in ((".fbx", FBX), (".glb", GLTF)):
        yield from press(position, lambda: file_browser() is not None, f"the button of {suffix}")
        yield from choose_file("spoken" + suffix, "export" + suffix)
        yield from until((FOLDER / f"spoken{suffix}").is_file, 60, f"the {suffix} file")
        print(suffix, (FOLDER / f"spoken{suffix}").stat().st_size, "bytes", flush=True)
    for suffix, position, operator in ((".abc", ALEMBIC, "alembic_export"), (".usdc", USD, "usd_export")):
        if operator in dir(bpy.ops.wm):
            yield from press(position, lambda: file_browser() is not None, f"the button of {suffix}")
            yield from choose_file("spoken" + suffix, "export" + suffix)
            yield from until((FOLDER / f"spoken{suffix}").is_file, 60, f"the {suffix} file")
        else:
            bgui.click(*place(position))
            yield 3.0
            assert file_browser() is None, f"{suffix} is grey, but its button works"


def bake_again_over_hand_made_keys():
    actions = {action.name for action in bpy.data.actions}
    yield from press(BAKE, lambda: progress().running, "Bake over an untouched bake, which asks nothing")
    yield from bake_ends()
    assert len(bpy.data.actions) == len(actions), "the earlier bake did not make room"
    action = settings().target.data.shape_keys.animation_data.action
    curves = action.layers[0].strips[0].channelbags[0].fcurves if hasattr(action, "layers") else action.fcurves
    curves[0].keyframe_points[20].co[1] += 0.3
    with bgui.override():
        bpy.ops.ed.undo_push(message="Move a key")
    edited, count = action.name, len(bpy.data.actions)

    bgui.click(*place(BAKE))
    yield 6.0
    bgui.shot("confirm")
    bgui.key("Escape")
    yield 2.0
    assert not progress().running and len(bpy.data.actions) == count, "no was taken for yes"

    bgui.click(*place(BAKE))
    yield 6.0
    bgui.key("Return")
    yield from until(lambda: progress().running, 10, "the bake after a yes")
    yield from bake_ends()
    kept = bpy.data.actions[edited]
    assert kept.use_fake_user and kept != settings().target.data.shape_keys.animation_data.action
    print("actions", [action.name for action in bpy.data.actions], flush=True)
    bgui.shot("kept")


def test():
    yield 1.0
    bpy.context.preferences.view.filebrowser_display_type = "SCREEN"  # in the window that clicks go to
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bgui.sidebar("Talker", scale=1.25)
    yield 2.0
    yield from demo_head_bake_undo_and_cancel()
    yield from import_a_mesh()
    yield from bake_and_weaken()
    yield from export()
    yield from bake_again_over_hand_made_keys()


bgui.go(test())
