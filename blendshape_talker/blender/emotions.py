"""The emotions in Blender's menu: in which order, under which name, and by which number a .blend keeps them."""

import logging
import zlib

import bpy
import numpy as np

from ..errors import TalkerError
from ..expression.library import emotion_names
from ..settings import AUTO
from .languages.translations import translated
from .lines.cues import baked_cue, cue_strips
from .lines.marks import Line
from .lines.versions import stored_properties

logger = logging.getLogger(__name__)

# What a .blend stores. Never change or reuse a number; a new emotion takes the next one. Below 2**24, because a button
# of Blender hands its enum's number over as float32.
NUMBERS = {
    "neutral": 0, "happy": 1, "sad": 2, "angry": 3, "afraid": 4, "disgusted": 5, "surprised": 6, "contemptuous": 7,
    "pleased": 8, "excited": 9, "irritated": 10, "moody": 11, "suspicious": 12, "afraid-mild": 13, "tired": 14,
    "pain": 15, "smirk": 16, "proud": 17, "bored": 18, "determined": 19, "confused": 20, "disappointed": 21,
}  # fmt: skip
# The menu's columns. What the library has besides, for instance one that somebody made, ends the last of them.
COLUMNS = {
    "Basic": ("neutral", "happy", "sad", "angry", "afraid", "disgusted", "surprised", "contemptuous"),
    "More": (
        *("pleased", "excited", "proud", "smirk", "determined", "confused", "suspicious", "irritated"),
        *("afraid-mild", "disappointed", "moody", "bored", "tired", "pain"),
    ),
}
_AUTO = 1 << 22  # no emotion of the library
_OWN = 1 << 23  # numbers of emotions that only somebody's own library has


def label(name: str) -> str:
    """An emotion's name as the panel shows it: ``afraid-mild`` is "Afraid (Mild)"."""
    words = name.replace("_", " ").title().split("-")
    return words[0] + "".join(f" ({word})" for word in words[1:])


def spoken(line: Line) -> str:
    """With what a line is spoken, in a word or two: "happy", "5 cues"."""
    names = {baked_cue(strip.action).emotion for _, strip in cue_strips(line)}
    if len(names) == 1:  # hands may have swapped or added some since the bake
        return translated(label(names.pop())).lower()
    cues = len(cue_strips(line)) or line.record.get("cues")
    return (
        translated("{} cues").format(cues)
        if isinstance(cues, int) and cues
        else translated(label(str(line.record.get("emotion") or "neutral"))).lower()
    )


def number(name: str) -> int:
    """The number that stands for an emotion in a .blend; for those not in :data:`NUMBERS` made from the name."""
    return NUMBERS.get(name, _OWN | zlib.crc32(name.encode()) & (_OWN - 1))


def menu() -> tuple[tuple[str, str, str, str, int], ...]:
    """The emotions as Blender's enum wants them: (identifier, name, description, icon, number); "" heads a column."""
    try:
        names = emotion_names()
    except TalkerError as error:  # a broken installation must not keep Blender from starting; Bake says what is wrong
        logger.error("%s", error)
        names = ("neutral",)
    known = {name for column in COLUMNS.values() for name in column}
    columns = {heading: [name for name in column if name in names] for heading, column in COLUMNS.items()}
    columns["More"] += [name for name in names if name not in known]
    items = []
    for heading, column in columns.items():
        if column:
            items.append(("", heading, "", "NONE", -1))
        items += [(name, label(name), _description(name), "NONE", number(name)) for name in column]
    return tuple(items)


def felt() -> str:
    """The emotion that a new strip proposes: the first that is plain to see."""
    names = [item[0] for item in menu() if item[0]]
    return "happy" if "happy" in names else names[0]


def menu_with_auto() -> tuple[tuple[str, str, str, str, int], ...]:
    """:func:`menu` and, at the end of its first column, the emotion that is heard in the voice."""
    items = menu()
    end = next((row for row, item in enumerate(items) if row and not item[0]), len(items))
    auto = (AUTO, "Auto", "Hear the emotions in the voice; they become strips to edit", "NONE", _AUTO)
    return *items[:end], auto, *items[end:]


def _description(name: str) -> str:
    return "The face of speech alone" if name == "neutral" else f"Speak with this emotion: {label(name).lower()}"


def read_old_numbers() -> None:
    """Give every scene's settings the emotion that a file of version 0.1 stored, as a CRC-32 of its name.

    Buttons of Blender up to 4.3 stored that number as rounded to float32, which is read as well.
    """
    items = {item[0]: item[4] for item in menu_with_auto() if item[0]}
    old = {np.float32(zlib.crc32(name.encode()) & 0x7FFFFFFF): name for name in items}
    for scene in bpy.data.scenes:
        stored = _stored(scene.blendshape_talker)
        if stored is not None and stored not in items.values():
            scene.blendshape_talker.emotion = old.get(np.float32(stored), "neutral")


def _stored(settings: bpy.types.PropertyGroup) -> int | None:
    holder = stored_properties(settings)
    return holder.get("emotion") if holder is not None else None
