"""What stands beside the main path in real Blender, by pointer and keyboard: a smiling head neutralised as it comes in,
a mouth for it, cues from a file, a line after the first, an export without what hangs on the head.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs. The smiling head and the cues are
written beforehand. Pictures, in order: neutralise, neutral, mouth, cues, spoken, second, attached, exported.
"""

import os
import sys
import tempfile
from pathlib import Path

import bgui
import numpy as np

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import progress, settings  # noqa: E402

FOLDER = Path(tempfile.mkdtemp())


def lines():
    return hands.module("blender.animation").lines(settings().target)


def shape_of(item):
    vertices = np.empty((len(item.data.vertices), 3), np.float32)
    item.data.vertices.foreach_get("co", vertices.ravel())
    return vertices


def bake(count):
    """Press Bake and wait for the ``count``-th line."""
    yield from hands.press("bake", lambda: progress().running or len(lines()) == count)
    yield from hands.until(lambda: not progress().running and len(lines()) == count, 400, f"line {count}")
    yield 2.0


def write_smiling_head(path):
    """The demo head with the library's happy face on, as an OBJ; how far that moved it at most, in metres."""
    library = hands.module("expression.library").ExpressionLibrary.load()
    head = hands.module("face.flame").load_head()
    shape = np.tensordot(library.emotions["happy"].apex, library.basis, 1)
    rows = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in head.vertices + shape]
    rows += ["f " + " ".join(str(corner + 1) for corner in face) for face in head.faces]
    path.write_text("\n".join(rows) + "\n")
    return float(np.abs(shape).max()), head.vertices


def import_a_smile():
    moved, neutral = write_smiling_head(FOLDER / "smiling.obj")
    yield from hands.press("import_head", lambda: hands.file_browser() is not None)
    yield from hands.tick(0, lambda: hands.file_browser().spaces.active.active_operator.neutralise)
    yield from hands.choose_file(FOLDER / "smiling.obj", picture="neutralise")
    yield from hands.until(lambda: settings().target is not None, 60, "the import")
    yield 2.0
    bgui.shot("neutral")
    left = float(np.abs(shape_of(settings().target) - neutral).max())
    print(f"the smile moved the face by {1000 * moved:.1f} mm, {1000 * left:.1f} mm are left", flush=True)
    assert left < 0.5 * moved


def add_a_mouth():
    head = settings().target
    yield from hands.press("add_mouth", lambda: len(head.children) == 1)
    yield 1.5
    bgui.shot("mouth")


def speak_cues():
    (FOLDER / "cues.csv").write_text("start,end,emotion,intensity\n0,2,happy,1\n2,4,angry,0.8\n3.5,6,surprised,1\n")
    yield from hands.open_recording()
    yield from hands.unfold("start_frame", "intensity")
    yield from hands.press("open_cues", lambda: hands.file_browser() is not None)
    yield from hands.choose_file(FOLDER / "cues.csv")
    yield from hands.until(lambda: settings().cues.endswith("cues.csv"), 20, "the choice of cues")
    yield 1.0
    bgui.shot("cues")
    yield from bake(1)
    bgui.shot("spoken")
    strips = [strip.name for _, strip in lines()[0].strips["expression"]]
    print("strips of emotions:", *strips, flush=True)
    assert sorted(strips) == ["angry 0.8", "happy", "surprised"], strips


def add_a_line():
    first = lines()[0].frames
    yield from hands.press("new_line", lambda: settings().start_frame == first[1] + 1)
    yield from hands.press("clear_cues", lambda: not settings().cues)
    yield from bake(2)
    bgui.shot("second")
    assert lines()[0].frames == first and lines()[1].frames[0] == first[1] + 1


def export_without_the_mouth():
    button = 'export(filename_ext=".fbx")'
    yield from hands.unfold(button, "speech_strength")
    sizes = []
    for name in ("whole.fbx", "bare.fbx"):
        yield from hands.press(button, lambda: hands.file_browser() is not None)
        if name == "bare.fbx":
            yield from hands.tick(1, lambda: hands.file_browser().spaces.active.active_operator.attached)
        yield from hands.choose_file(FOLDER / name, picture="attached" if name == "bare.fbx" else None)
        yield from hands.until((FOLDER / name).is_file, 120, name)
        yield 2.0
        sizes.append((FOLDER / name).stat().st_size)
    bgui.shot("exported")
    print("with the mouth", sizes[0], "bytes, without", sizes[1], flush=True)
    assert sizes[1] < sizes[0]


def test():
    yield from hands.open_talker()
    yield from import_a_smile()
    yield from add_a_mouth()
    yield from speak_cues()
    yield from add_a_line()
    yield from export_without_the_mouth()


bgui.go(test())
