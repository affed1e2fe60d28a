"""The contact sheet: every shape and every emotion once, in its place, with its name below."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blendshape_talker import __main__, pipeline
from blendshape_talker.blender import contact_sheet
from blendshape_talker.blender.contact_sheet import Section
from blendshape_talker.face.flame import load_head

SIZE = 48


@pytest.fixture
def talker(monkeypatch):
    """Stands where the networks stand: two speech shapes, one expression shape, two emotions."""
    head = load_head()
    shapes = np.zeros((3, 5023, 3), np.float32)
    shapes[0, :, 1] = -0.015 * head.mouth
    shapes[1, :, 2] = 0.02 * head.mouth
    shapes[2, :, 1] = 0.02 * (head.vertices[:, 1] > 0.03)
    fusion = SimpleNamespace(
        names=("speech mouth down", "speech mouth out + a name of more than one line", "expression brows up"),
        speech_count=2, blendshapes=shapes, weights=lambda apexes, basis, kind: apexes,
    )  # fmt: skip
    emotions = {name: SimpleNamespace(apex=np.float32([apex])) for name, apex in (("neutral", 0.0), ("amazed", 1.0))}
    library = SimpleNamespace(names=tuple(emotions), emotions=emotions, basis=shapes[2:])
    result = SimpleNamespace(fusion_model=fusion, library=library)
    monkeypatch.setattr(pipeline.Expressions, "load", lambda device="auto": result)
    return result


def read(path):
    """(height, width, 3), upper row first."""
    image = bpy.data.images.load(str(path))
    values = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
    bpy.data.images.remove(image)
    return values


def pictures(sheet, sections):
    places, boxes, shape = contact_sheet._layout(sections, SIZE)
    assert sheet.shape[:2] == shape
    return [sheet[top : top + SIZE, left : left + SIZE] for left, top in places], boxes


def test_every_shape_has_its_picture_and_its_name(talker, tmp_path, capsys):
    path = tmp_path / "shapes.png"
    assert __main__.main(["contact-sheet", "--out", str(path), "--size", str(SIZE)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert [item.name for item in tmp_path.iterdir()] == ["shapes.png"]
    sections = contact_sheet.shape_sections(talker)
    assert [list(section.captions)[0] for section in sections] == ["neutral", "brows up"]
    sheet = read(path)
    (neutral, *moved), boxes = pictures(sheet, sections)
    assert len(moved) == 3
    upper, lower = slice(0, SIZE // 3), slice(SIZE // 2, SIZE)
    for picture, here, elsewhere in zip(moved, (lower, lower, upper), (upper, upper, lower), strict=True):
        assert np.abs(picture[here] - neutral[here]).max() > 0.15
        assert np.abs(picture[elsewhere] - neutral[elsewhere]).mean() < 0.02
    for box in boxes:  # ink within its box, paper around it
        left, top = int(box.left), int(box.top)
        text = sheet[top : top + int(box.height), left : left + int(box.width)]
        assert text.min() < 0.75 and text.max() > 0.9
    assert sheet[0].min() > 0.9 and sheet[-1].min() > 0.9 and sheet[:, 0].min() > 0.9
    assert {item.name for item in bpy.data.scenes} == {"Scene"} and not bpy.data.curves


def test_emotions_on_a_mesh_of_ones_own(talker, tmp_path, capsys):
    mesh = tmp_path / "mine.npz"
    np.savez(mesh, vertices=1000 * load_head().vertices, faces=load_head().faces)
    path = tmp_path / "emotions.png"
    arguments = ["--emotions", "--mesh", str(mesh), "--out", str(path), "--size", str(SIZE)]
    assert __main__.main(["contact-sheet", *arguments]) == 0
    assert "millimetres" in capsys.readouterr().err
    (section,) = contact_sheet.emotion_sections(talker)
    assert section.captions == ("neutral", "amazed") and section.weights.tolist() == [[0, 0, 0], [0, 0, 1]]
    (neutral, amazed), _ = pictures(read(path), [section])
    assert np.abs(amazed - neutral).max() > 0.15


def test_rows_are_filled_and_nothing_overlaps():
    sections = [
        Section("one", ["word"] * 11, np.zeros((11, 1))),
        Section("two", ["a longer name"] * 3, np.zeros((3, 1))),
    ]
    places, boxes, (height, width) = contact_sheet._layout(sections, 100)
    assert len(places) == len(set(places)) == 14 and len(boxes) == 16
    taken = np.zeros((height, width), int)
    for left, top in places:
        taken[top : top + 100, left : left + 100] += 1
    for box in boxes:
        assert box.left >= 0 and box.left + box.width <= width and box.top + box.height <= height
        taken[int(box.top) : int(box.top + box.height), int(box.left) : int(box.left + box.width)] += 1
    assert taken.max() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "sheet.jpg"], ".png"),
        (["--out", "missing/sheet.png"], "no such folder"),
        (["--out", "sheet.png", "--size", "4"], "16 to 1024"),
        (["--out", "sheet.png", "--mesh", "gone.obj"], "not found"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert __main__.main(["contact-sheet", *arguments]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert words in lines[-1] and "Traceback" not in "".join(lines)
    assert list(tmp_path.iterdir()) == []
