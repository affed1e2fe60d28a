"""Words in other languages: nothing translated that nobody sees, and nothing left over after unregistering."""

import ast
from pathlib import Path

import bpy
import pytest

import blendshape_talker
from blendshape_talker.blender import emotions, registration, translations

BLENDER = Path(translations.__file__).parent


def every_text():
    """Each text of the Blender side: labels, names, tips, messages and the emotions' names."""
    found = {item[1] for item in emotions.menu()}
    for path in BLENDER.rglob("*.py"):
        if path != Path(translations.__file__):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


def test_every_translation_is_of_a_text_that_is_there():
    assert set(translations.GERMAN) - every_text() == set()
    assert all(german.strip() for german in translations.GERMAN.values())
    assert all(english.count("{}") == german.count("{}") for english, german in translations.GERMAN.items())


def test_what_a_first_bake_needs_is_translated(registered):
    labels = {item.bl_label for item in registration.CLASSES if issubclass(item, bpy.types.Panel)}
    assert labels - set(translations.GERMAN) == set()


def test_registering_twice_leaves_nothing_behind(scene):
    for _ in range(2):
        blendshape_talker.register()
        assert translations.translated("no such text") == "no such text"
        blendshape_talker.unregister()
    translations.register()
    translations.unregister()


@pytest.mark.skipif(not bpy.app.build_options.international, reason="this Blender speaks English only")
def test_blender_finds_the_words(registered):
    view = bpy.context.preferences.view
    before = view.language
    view.language, view.use_translate_interface = "de_DE", True
    try:
        assert translations.translated("Adjust over Time") == "Anpassen über die Zeit"
    finally:
        view.language = before
