"""Faces of people measured in video: files of MediaPipe landmarks beside their recordings.

A file ``NAME_landmarks.npz`` holds ``clips`` (C,), ``landmark`` (L,) MediaPipe's numbers, ``fps``, and
``first_and_steps_32nds_px`` (C,T,L,3) int16: the first frame and then differences, in 32nds of a pixel; x to the right,
y down, z MediaPipe's own guess of depth. The recordings lie in the folder ``NAME``, as OGG, FLAC or WAV.

Clips are taken for sentences of GRID (Cooke, Barker, Cunningham, Shao 2006), whose names spell their six words, but
for what the file says besides: ``texts`` (C,), what is said in English, or nothing where nobody knows, and
``pixel_aspect``, how many times as wide as high a pixel is, 1 in most videos.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import TalkerError

# GRID's picture: a pixel is 16/15 as wide as it is high.
PIXEL_ASPECT = 16 / 15
_COMMANDS = {"b": "bin", "l": "lay", "p": "place", "s": "set"}
_COLOURS = {"b": "blue", "g": "green", "r": "red", "w": "white"}
_PREPOSITIONS = {"a": "at", "b": "by", "i": "in", "w": "with"}
_DIGITS = dict(zip("z123456789", "zero one two three four five six seven eight nine".split(), strict=True))
_ADVERBS = {"a": "again", "n": "now", "p": "please", "s": "soon"}


@dataclass(frozen=True)
class SeenClip:
    """One sentence: ``points`` (T,L,3) in pixels as high as wide, x to the picture's right, y up, z to the camera."""

    name: str
    speaker: str
    text: str
    sound: Path
    fps: float
    points: np.ndarray


def read_landmarks(path: Path) -> tuple[np.ndarray, list[SeenClip]]:
    """MediaPipe's numbers (L,) and the clips of one landmark file.

    A clip's speaker is what its name has before an underscore; without one, the file's name where several clips
    are one person's (``s1_landmarks.npz``), or the clip's own (``others_landmarks.npz``: a person each).

    :raises TalkerError: when the file is missing, broken, or holds something else.
    """
    need = ("clips", "landmark", "first_and_steps_32nds_px", "fps")
    try:
        with np.load(path, allow_pickle=False) as archive:
            clips, numbers, steps, fps = (archive[name] for name in need)
            texts = archive["texts"].astype(str).tolist() if "texts" in archive else None
            aspect = float(archive["pixel_aspect"]) if "pixel_aspect" in archive else PIXEL_ASPECT
    except FileNotFoundError:
        raise TalkerError(f"{path} not found; name the folder that holds the landmark files") from None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TalkerError(f"{path}: no landmark file ({error}); it must hold {', '.join(need)}") from None
    if steps.ndim != 4 or steps.shape[0] != len(clips) or steps.shape[2:] != (len(numbers), 3) or steps.shape[1] < 2:
        raise TalkerError(f"{path}: {len(clips)} clips and {len(numbers)} landmarks, but points {steps.shape}")
    if not float(fps) > 0:
        raise TalkerError(f"{path}: {float(fps):g} frames a second; fps must be above zero")
    if not 0.25 <= aspect <= 4:
        raise TalkerError(f"{path}: pixels {aspect:g} times as wide as high; pixel_aspect is 1 in most videos")
    if texts is not None and len(texts) != len(clips):
        raise TalkerError(f"{path}: {len(clips)} clips, but {len(texts)} texts; an empty one is for what nobody knows")
    points = steps.astype(np.int32).cumsum(axis=1).astype(np.float32) / 32
    points *= np.array([aspect, -1, -aspect], np.float32)
    group = path.name.removesuffix("_landmarks.npz")
    result = []
    for number, (name, seen) in enumerate(zip(clips.astype(str).tolist(), points, strict=True)):
        speaker, _, sentence = name.rpartition("_")
        speaker = speaker or (name if group == "others" else group)
        text = spoken_text(sentence) if texts is None else texts[number]
        result.append(SeenClip(name, speaker, text, _recording(path.parent / group, name), fps, seen))
    return numbers, result


def _recording(folder: Path, name: str) -> Path:
    """The recording of a clip, as OGG where there is none."""
    paths = [folder / f"{name}{suffix}" for suffix in (".ogg", ".flac", ".wav")]
    return next((path for path in paths if path.exists()), paths[0])


def spoken_text(name: str) -> str:
    """The six words that the name of a sentence of GRID spells: ``bbaf2n`` is "bin blue at f two now".

    :raises TalkerError: for any other name.
    """
    try:
        command, colour, preposition, letter, digit, adverb = tuple(name)
        words = [_COMMANDS[command], _COLOURS[colour], _PREPOSITIONS[preposition], letter, _DIGITS[digit]]
        if not ("a" <= letter <= "z"):
            raise KeyError(letter)
        return " ".join([*words, _ADVERBS[adverb]])
    except (KeyError, ValueError):
        raise TalkerError(f"{name}: not the name of a sentence of GRID, such as bbaf2n; give `texts`") from None
