"""The panel in real Blender beyond the first bake, by pointer and keyboard: a mesh through the file browser, bake,
strengths of speech and expression, exports, and the question before hand-made keys make room.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs. Started by a person's file: the
mesh is written beforehand, and one key is moved from Python, as a drag in the Graph Editor is nothing that we draw.
Pictures, in order: import, imported, baked, weak, mumbled, export.fbx, export.glb, confirm, kept.
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
from hands import curves_of, is_baked, progress, settings  # noqa: E402

FOLDER = Path(tempfile.mkdtemp())


def write_other_head(path):
    """The demo head as an OBJ of another person: wider, in millimetres, z up."""
    mesh = settings().target.data
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
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    write_other_head(FOLDER / "somebody.obj")
    (FOLDER / "notes.txt").write_text("nothing that a head could be")
    yield from hands.press("import_head", lambda: hands.file_browser() is not None)
    yield from hands.choose_file(FOLDER / "somebody.obj", picture="import")
    yield from hands.until(lambda: settings().target.name == "somebody", 30, "the import")
    yield 2.0
    bgui.shot("imported")
    head, demo = settings().target, bpy.data.objects["Demo head"]
    assert abs(head.matrix_world.translation.x - demo.matrix_world.translation.x) > 0.2, "one head in the other"
    assert bpy.context.view_layer.objects.active == head


def bake_and_turn_strengths():
    yield from hands.open_recording()
    places = yield from hands.pick_every("emotion", lambda: settings().emotion, ["happy"])
    yield from hands.pick("emotion", places["happy"], lambda: settings().emotion, "happy")
    yield from hands.press("bake", lambda: progress().running or is_baked())
    yield from hands.job_ends()
    bgui.shot("baked")
    full = shown_vertices()
    for name, words, value, picture in (("strength", "0.4", 0.4, "weak"), ("speech_strength", "0.5", 0.5, "mumbled")):
        yield from hands.type_into(name, words)
        yield from hands.until(lambda: abs(getattr(settings(), name) - value) < 1e-6, 15, f"{name}'s change")  # noqa: B023
        yield 2.0
        bgui.shot(picture)
        moved = np.abs(shown_vertices() - full).max()
        print(f"{name} moves the face by {moved:.2f} mm", flush=True)
        assert moved > 1.0, "the slider changes nothing to see"
        yield from hands.undo(lambda: abs(getattr(settings(), name) - 1.0) < 1e-6)  # noqa: B023
        assert is_baked(), "the undo of a slider takes the bake too"


def export():
    first = 'export(filename_ext=".fbx")'
    yield from hands.unfold(first, "speech_strength")
    for suffix, operator in ((".fbx", True), (".glb", True), (".abc", "alembic_export"), (".usdc", "usd_export")):
        button = f'export(filename_ext="{suffix}")'
        if operator is not True and operator not in dir(bpy.ops.wm):
            x, y = yield from hands.find(button)
            yield from hands.click(x, y)
            assert hands.file_browser() is None, f"{suffix} is grey, but its button works"
            continue
        yield from hands.press(button, lambda: hands.file_browser() is not None)
        yield 2.0
        proposed = Path(hands.file_browser().spaces.active.params.filename).suffix
        assert proposed == suffix, f"{proposed} proposed for {suffix}"
        yield from hands.choose_file(FOLDER / f"spoken{suffix}", picture=f"export{suffix}")
        yield from hands.until((FOLDER / f"spoken{suffix}").is_file, 60, f"the {suffix} file")
        print(suffix, (FOLDER / f"spoken{suffix}").stat().st_size, "bytes", flush=True)


def bake_again_over_hand_made_keys():
    action = hands.strips("Speech")[0].action
    curves_of(action)[0].keyframe_points[20].co[1] += 0.3
    edited = action.name

    yield from hands.click(*(yield from hands.find("bake")))
    yield 3.0
    bgui.shot("confirm")
    yield from hands.keys("Escape")
    yield 1.0
    assert not progress().running and bpy.data.actions[edited].users > 0, "no was taken for yes"
    yield from hands.click(*(yield from hands.find("bake")))
    yield 3.0
    yield from hands.keys("Return")
    # a recording that was heard is baked in a moment: what came of it is waited for
    yield from hands.until(lambda: bpy.data.actions[edited].use_fake_user, 30, "a bake that keeps the edited Action")
    yield from hands.job_ends()
    print("actions", [action.name for action in bpy.data.actions], flush=True)
    bgui.shot("kept")


def test():
    yield from hands.open_talker()
    yield from import_a_mesh()
    yield from bake_and_turn_strengths()
    yield from export()
    yield from bake_again_over_hand_made_keys()


bgui.go(test())
