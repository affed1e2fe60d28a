"""The emotions of the menu: numbers that files and buttons keep, an order that reads, and files of version 0.1."""

import zlib

import bpy
import numpy as np
import pytest

from blendshape_talker import pipeline
from blendshape_talker.blender import emotions
from blendshape_talker.errors import TalkerError
from blendshape_talker.settings import AUTO

# As files have stored them; a line may be added here and never changed.
PUBLISHED = (
    *("neutral", "happy", "sad", "angry", "afraid", "disgusted", "surprised", "contemptuous", "pleased", "excited"),
    *("irritated", "moody", "suspicious", "afraid-mild", "tired", "pain", "smirk", "proud", "bored", "determined"),
    *("confused", "disappointed"),
)


def old_number(name):
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def store_raw(settings, number):
    """What the file holds, past the enum's check."""
    if hasattr(settings, "bl_system_properties_get"):
        settings.bl_system_properties_get(do_create=True)["emotion"] = number
    else:
        settings["emotion"] = number


def test_published_numbers_never_change():
    assert tuple(emotions.NUMBERS)[: len(PUBLISHED)] == PUBLISHED
    assert list(emotions.NUMBERS.values()) == list(range(len(emotions.NUMBERS)))


def test_every_bundled_emotion_has_a_number_and_a_place():
    named = [name for column in emotions.COLUMNS.values() for name in column]
    assert sorted(named) == sorted(emotions.NUMBERS) == sorted(pipeline.emotions())


def test_numbers_survive_a_button_s_float32():
    for name in (*pipeline.emotions(), "of-my-own", "bored stiff"):
        assert int(np.float32(emotions.number(name))) == emotions.number(name)


def test_the_menu_starts_with_neutral_and_the_basic_emotions(registered):
    items = registered.bl_rna.properties["emotion"].enum_items
    assert [item.identifier for item in items][:5] == ["neutral", "happy", "sad", "angry", "afraid"]
    assert registered.emotion == "neutral"
    assert {item.identifier for item in items} == {AUTO, *pipeline.emotions()}
    assert items["afraid-mild"].name == "Afraid (Mild)"
    for item in items:
        registered.emotion = item.identifier
        assert registered.emotion == item.identifier


def test_numbers_are_the_same_whatever_the_library(monkeypatch):
    before = {item[0]: item[4] for item in emotions.menu()}
    monkeypatch.setattr(emotions, "emotion_names", lambda: ("neutral", "of-my-own", "angry", "happy"))
    after = {item[0]: item[4] for item in emotions.menu()}
    assert {before[name] == after[name] for name in ("neutral", "angry", "happy")} == {True}
    assert after["of-my-own"] not in before.values()
    monkeypatch.setattr(emotions, "emotion_names", lambda: (_ for _ in ()).throw(TalkerError("no library; reinstall")))
    assert [item[0] for item in emotions.menu() if item[0]] == ["neutral"]


@pytest.mark.parametrize("rounded", [False, True], ids=["from a script", "from a button"])
def test_a_file_with_an_old_number_reads_as_the_same_emotion(registered, tmp_path, rounded):
    for name in PUBLISHED[1:]:
        bpy.ops.scene.new(type="EMPTY")
        scene = bpy.context.scene
        scene.name = name
        number = old_number(name)
        store_raw(scene.blendshape_talker, int(np.float32(number)) if rounded else number)
    path = str(tmp_path / "old.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    read = {scene.name: scene.blendshape_talker.emotion for scene in bpy.data.scenes if scene.name in PUBLISHED}
    assert read == {name: name for name in PUBLISHED[1:]}
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.data.scenes["angry"].blendshape_talker.emotion == "angry"


def test_a_number_that_stands_for_nothing_reads_as_neutral(registered, tmp_path):
    store_raw(bpy.context.scene.blendshape_talker, 123456789)
    path = str(tmp_path / "odd.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.context.scene.blendshape_talker.emotion == "neutral"
