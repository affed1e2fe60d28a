"""The extension's words in other languages, through Blender's own translations; English where there are none.

Blender looks up labels, names, items and tips by itself. Text that is put together goes through :func:`translated`
first, so that the sentence is translated and then filled in. What becomes data, names of shape keys, Actions, tracks
and strips, stays English.

Where Blender has a word of its own for the same English, that goes before what an add-on registers: *Performance* would
become "Leistung" and *Clear* "Entfernen". What means something else here is therefore asked for in :data:`CONTEXT`,
which Blender does not know, as ``translation_context`` of a property or a panel.
"""

from collections.abc import Callable
from inspect import cleandoc

import bpy

from .german import GERMAN

CONTEXT = "Blendshape Talker"
_CONTEXTS = ("*", "Operator", CONTEXT)  # Blender asks for buttons in a context of their own
_OWNER = __package__


def translated(message: str) -> str:
    """``message`` in the language of Blender's interface; the message itself where nothing is known."""
    return _found(bpy.app.translations.pgettext_iface, message)


def translated_tip(message: str) -> str:
    """As :func:`translated`, where the user lets Blender translate tooltips."""
    return _found(bpy.app.translations.pgettext_tip, message)


def error_said(words: str) -> str:
    """A line that an operator called from Python has reported, without the "Error: " that Blender puts before it."""
    for word in ("Error", translated("Error")):
        words = words.removeprefix(f"{word}: ")
    return words.strip()


def _found(look_up: Callable[..., str], message: str) -> str:
    """What we have for ``message``, else what Blender has, which speaks more languages than we do."""
    ours = str(look_up(message, CONTEXT))
    return ours if ours != message else str(look_up(message))


def words() -> dict[tuple[str, str], str]:
    """German by context and English, as Blender wants it."""
    # a docstring of two lines is also asked for without the indentation, which Python 3.13 takes away
    spelt = GERMAN | {cleandoc(english): german for english, german in GERMAN.items() if "\n" in english}
    return {(context, english): german for english, german in spelt.items() for context in _CONTEXTS}


def register() -> None:
    """Let Blender know the words."""
    german = words()
    bpy.app.translations.register(_OWNER, {"de_DE": german, "de": german})


def unregister() -> None:
    """The reverse of :func:`register`."""
    bpy.app.translations.unregister(_OWNER)
