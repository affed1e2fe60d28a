"""Recordings of voices whose emotion is known: Emo-DB's actors, people who read out commands, a reader of books.

Emo-DB (Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss 2005) names a clip ``03a01Fa``: speaker, text, emotion, version.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from .people import HELD_OUT, HELD_OUT_GROUP
from .speech_sequence import load_sound

LETTERS = {
    "W": "angry", "L": "bored", "E": "disgusted", "A": "afraid", "F": "happy", "T": "sad", "N": "neutral",
}  # fmt: skip
_SUFFIXES = (".ogg", ".flac", ".wav")
_LONGEST_TURN = 60  # clips of one person who reads: more of the same voice teach nothing new


@dataclass(frozen=True)
class Voice:
    """One clip: ``speaker`` says something with ``emotion``; ``held_out`` people are for measuring only."""

    name: str
    speaker: str
    emotion: str
    held_out: bool
    samples: Callable[[], np.ndarray] = field(repr=False)


def acted_voices(folder: str | os.PathLike[str]) -> list[Voice]:
    """Every clip of Emo-DB in ``folder``; :class:`TalkerError` when there is none."""
    found = []
    for path in _clips(Path(folder)):
        letter = path.stem[5:6]
        if len(path.stem) == 7 and letter in LETTERS:
            found.append(_voice(path, path.stem[:2], LETTERS[letter], False))
    if len({voice.emotion for voice in found}) < len(LETTERS):
        raise TalkerError(f"{folder}: not all seven emotions of Emo-DB are in it; name the folder of its clips")
    return found


def plain_voices(folder: str | os.PathLike[str]) -> list[Voice]:
    """People who speak without emotion, from the folders of recordings in ``folder`` (GRID's, as ``corpus people`` has
    them): a clip's speaker is what stands before ``_``, else its folder, in the group held out each clip its own.
    """
    found = []
    for group in sorted(path for path in _entries(Path(folder)) if path.is_dir()):
        for path in _spaced(_clips(group)):
            single = group.name == HELD_OUT_GROUP
            speaker = path.stem.partition("_")[0] if "_" in path.stem else path.stem if single else group.name
            found.append(_voice(path, speaker, "neutral", single or speaker in HELD_OUT))
    if not found:
        raise TalkerError(f"{folder}: no folder of recordings in it; name the folder of the people's recordings")
    return found


def read_voices(folder: str | os.PathLike[str]) -> list[Voice]:
    """Clips of one reader, all held out."""
    found = [_voice(path, "reader", "neutral", True) for path in _clips(Path(folder))]
    if not found:
        raise TalkerError(f"{folder}: no recordings in it; name a folder of OGG, FLAC or WAV files")
    return found


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TalkerError(f"{folder}: no such folder; name one of recordings")
    return list(folder.iterdir())


def _clips(folder: Path) -> list[Path]:
    return sorted(path for path in _entries(folder) if path.suffix.lower() in _SUFFIXES)


def _spaced(paths: list[Path]) -> list[Path]:
    return paths[:: max(1, len(paths) // _LONGEST_TURN)] if len(paths) > 2 * _LONGEST_TURN else paths


def _voice(path: Path, speaker: str, emotion: str, held_out: bool) -> Voice:
    return Voice(path.stem, speaker, emotion, held_out, lambda: load_sound(path))
