"""Words in other languages: nobody sees English in German, nothing is translated that nobody sees, nothing is left."""

import ast
import inspect
import re
from pathlib import Path

import bpy
import pytest

import blendshape_talker
from blendshape_talker.blender import emotions, registration
from blendshape_talker.blender.languages import translations
from blendshape_talker.blender.languages.german import GERMAN

LANGUAGES = Path(translations.__file__).parent
BLENDER = LANGUAGES.parent
COMMAND_LINE = {"batch.py", "contact_sheet.py", "preview.py"}  # what these say is never seen in Blender's window
# English words that Blender's own German (5.2) has in another sense, in the context "*"
BLENDERS_OWN = {"Performance": "Leistung", "Style": "Stil", "Clear": "Entfernen", "Metal": "Metall", "Auto": "Auto"}


def strings(tree):
    """Each string of the source, those of docstrings too."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def sources():
    """(path, syntax tree) of each file of the Blender side but the languages themselves."""
    for path in BLENDER.rglob("*.py"):
        if path.parent != LANGUAGES:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def every_text():
    """Each text of the Blender side: labels, names, tips, messages, the emotions; a job's messages too."""
    found = {text for item in emotions.menu() for text in item[1:3]}
    for _, tree in sources():
        found |= strings(tree)
    for name in ("model", "whisper"):
        path = BLENDER.parent / "speech" / f"{name}.py"
        found |= strings(ast.parse(path.read_text(encoding="utf-8")))
    return found | {text[:1].upper() + text[1:] for text in found}  # as the panel shows what a job does


def is_ours(kind, name):
    """True for a property that a class of ours declares, not one that Blender's ImportHelper brings."""
    holders = [item for item in kind.__mro__ if name in inspect.get_annotations(item)]
    return any(item.__module__.startswith(blendshape_talker.__name__) for item in holders)


def visible():
    """(where, text, context in which Blender looks it up) of all that Blender shows of the registered classes."""
    for kind in registration.CLASSES:
        rna = kind.bl_rna
        if issubclass(kind, bpy.types.Operator):
            module, name = kind.bl_idname.split(".")
            rna = getattr(getattr(bpy.ops, module), name).get_rna_type()
            yield kind.__name__, rna.name, rna.translation_context
            yield f"tip of {kind.__name__}", rna.description, "*"
        elif issubclass(kind, bpy.types.Panel):
            yield kind.__name__, kind.bl_label, getattr(kind, "bl_translation_context", "*")
        for item in rna.properties:
            # without a name of its own a property is one that no panel draws
            if not is_ours(kind, item.identifier) or item.is_hidden or item.name == item.identifier:
                continue
            where = f"{kind.__name__}.{item.identifier}"
            yield where, item.name, item.translation_context
            yield f"tip of {where}", item.description, "*"
            for choice in item.enum_items_static_ui if item.type == "ENUM" else ():
                yield f"{where}: {choice.identifier}", choice.name, item.translation_context
                yield f"tip of {where}: {choice.identifier}", choice.description, "*"


def drawn(tree):
    """The strings that code hands over to be shown: texts of labels and buttons, reasons, reports, errors."""
    places = {"translated": 0, "translated_tip": 0, "TalkerError": 0, "explain": 2, "allowed": 1, "_named_button": 1}
    for node in ast.walk(tree):
        shown = []
        if isinstance(node, ast.Call):
            method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if method else getattr(node.func, "id", "")
            shown = [item.value for item in node.keywords if item.arg in ("text", "title", "message", "confirm_text")]
            place = 1 if method and name == "report" else places.get(name, len(node.args))
            shown += node.args[place : place + 1]
        elif isinstance(node, ast.FunctionDef) and (node.name.endswith("problem") or node.name == "poll"):
            shown = [item.value for item in ast.walk(node) if isinstance(item, ast.Return)]
            shown += [item.body for item in ast.walk(node) if isinstance(item, ast.Lambda)]
        for item in filter(None, shown):
            choices = [item.body, item.orelse] if isinstance(item, ast.IfExp) else [item]
            yield from (
                choice.value for choice in choices if isinstance(choice, ast.Constant) and isinstance(choice.value, str)
            )


def test_every_translation_is_of_a_text_that_is_there():
    assert set(GERMAN) - every_text() == set()
    assert all(german.strip() for german in GERMAN.values())
    assert all(english.count("{}") == german.count("{}") for english, german in GERMAN.items())
    edges = [(text[:1] == " ", text[-1:] == " ", text[-1:] in ".?…") for text in [*GERMAN, *GERMAN.values()]]
    assert edges[: len(GERMAN)] == edges[len(GERMAN) :]


def test_all_that_blender_shows_is_translated(registered):
    shown = list(visible())
    assert {"Bake", "TalkerSettings.style: clear", "tip of KeepKeys.seconds"} <= {where for where, _, _ in shown}
    shown = [item for item in shown if item[1] and not re.fullmatch(r"[\d.]+ mm", item[1])]
    assert [(where, text) for where, text, context in shown if (context, text) not in translations.words()] == []


def test_a_word_that_blender_has_in_another_sense_is_asked_for_in_our_own_context(registered):
    asked = [(where, context) for where, text, context in visible() if text in BLENDERS_OWN]
    assert len(asked) >= len(BLENDERS_OWN)
    assert [where for where, context in asked if context != translations.CONTEXT] == []


def test_what_panels_and_reports_say_is_translated():
    for path, tree in sources():
        if path.name in COMMAND_LINE:
            continue
        found = set(drawn(tree))
        found |= {text for text in strings(tree) if "{}" in text and re.search("[a-z]", text)}  # to be filled in
        assert found - set(GERMAN) - {""} == set(), path


def test_registering_twice_leaves_nothing_behind(scene):
    for _ in range(2):
        blendshape_talker.register()
        assert translations.translated("no such text") == "no such text"
        blendshape_talker.unregister()
    translations.register()
    translations.unregister()


def test_a_docstring_of_two_lines_is_found_with_and_without_its_indentation():
    words = translations.words()
    texts = [text for text in GERMAN if "\n" in text]
    assert texts
    for text in texts:
        assert words["*", text] == words["*", text.replace("\n    ", "\n")] == GERMAN[text]


@pytest.mark.skipif(not bpy.app.build_options.international, reason="this Blender speaks English only")
def test_blender_finds_the_words(registered):
    view = bpy.context.preferences.view
    before = view.language
    view.language, view.use_translate_interface, view.use_translate_tooltips = "de_DE", True, True
    find = bpy.app.translations
    try:
        assert translations.translated("Adjust over Time") == "Anpassen über die Zeit"
        for where, text, context in visible():
            look_up = find.pgettext_tip if where.startswith("tip of") else find.pgettext_iface
            assert look_up(text, context) == translations.words().get((context, text), text), where
    finally:
        view.language = before


def test_an_operators_error_is_told_without_blenders_word_for_it(registered):
    view = bpy.context.preferences.view
    before = view.language
    try:
        for language in ("en_US", "de_DE") if bpy.app.build_options.international else (before,):
            view.language, view.use_translate_interface, view.use_translate_reports = language, True, True
            with pytest.raises(RuntimeError) as raised:
                bpy.ops.blendshape_talker.open_recording(filepath="/nowhere/missing.wav")
            said = translations.error_said(str(raised.value))
            assert said.startswith("/nowhere/missing.wav: ") and said in str(raised.value)
    finally:
        view.language = before
