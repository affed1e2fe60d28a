"""Reads a speech corpus in whatever layout it lies: our compact curves, VOCASET as published, FaceFormer's of it.

All readers give the same :class:`SpeechSequence` objects, so that one training command serves them all. Everything
runs at 60 frames a second, in metres, in FLAME's vertex order.
"""

import functools
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT
from ...files import whole_file
from ...npz import read_npz
from ..geometry.facs import load_facs
from .coarticulation import FRAME_RATE
from .faceformer import read_faceformer
from .phones import Phone
from .speech_sequence import SpeechSequence, load_json, load_sound, write_json
from .vocaset import read_vocaset


def read_corpus(path: str | os.PathLike[str], audio_offset: float | None = None) -> list[SpeechSequence]:
    """The sequences of a folder in any of the three layouts.

    ``audio_offset``: seconds by which the picture leads the sound; so much is cut from the beginning of each recording.
    None takes :data:`vocaset_subjects.PICTURE_LEAD_SECONDS` for VOCASET's own subjects and 0 for all others.

    :raises TalkerError: when the folder is none of them or a file of it is missing or broken.
    """
    folder = Path(path)
    if (folder / "sequences.json").exists():
        return read_curves(folder)
    if (folder / "data_verts.npy").exists():
        return read_vocaset(folder, audio_offset)
    if (folder / "vertices_npy").is_dir():
        return read_faceformer(folder, audio_offset)
    raise TalkerError(
        f"{folder}: no speech corpus; a folder with sequences.json (ours), data_verts.npy (VOCASET) or vertices_npy/ "
        "(FaceFormer's layout) is expected"
    )


def begin_curves(folder: Path, parts: Sequence[str]) -> None:
    """Make the folder of a corpus of layout ``curves`` with its ``parts``; until :func:`write_index` it is none.

    Of one that is made anew the index goes first: a stop must not leave old phones with new sounds.
    """
    for part in parts:
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "sequences.json").unlink(missing_ok=True)


def write_index(
    folder: Path, geometry: str | os.PathLike[str], templates: Mapping[str, np.ndarray], entries: Sequence[dict]
) -> None:
    """What layout ``curves`` holds once its clips are written: ``facs.npz``, a copy of the file ``geometry``,
    ``subjects.npz``, heads at rest (5023,3) by name, and last ``sequences.json``, which says that it is whole."""
    with open(geometry, "rb") as source, whole_file(folder / "facs.npz") as stream:
        shutil.copyfileobj(source, stream)  # geometry may be this very file
    with whole_file(folder / "subjects.npz") as stream:
        np.savez(stream, names=np.array(list(templates)), templates=np.stack(list(templates.values())))
    write_json(folder / "sequences.json", list(entries))


def read_curves(folder: Path) -> list[SpeechSequence]:
    """The sequences of layout ``curves``: deltas are FACS weights times the shapes of facs.npz, frame by frame.

    :raises TalkerError: when a file is missing or broken; that of a clip's curves when they are asked for.
    """
    entries = load_json(folder / "sequences.json")
    deltas = load_facs(folder / "facs.npz").deltas.astype(np.float32)
    flat = deltas.reshape(len(deltas), -1)

    def curves_of(name: str) -> np.ndarray:
        path = folder / "curves" / f"{name}.npy"
        try:
            return np.load(path, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise TalkerError(f"{path}: not readable ({error}); make the corpus again") from error

    def deltas_of(name: str, start: int, stop: int) -> np.ndarray:
        return (curves_of(name)[start:stop] @ flat).reshape(-1, VERTEX_COUNT, 3)

    def sequence_of(entry: dict) -> SpeechSequence:
        return SpeechSequence(
            name=entry["name"],
            subject=entry["subject"],
            split=entry["split"],
            frames=int(round(entry["seconds"] * FRAME_RATE)),
            template=templates[entry["subject"]],
            load_samples=functools.partial(load_sound, folder / "wav" / f"{entry['name']}.flac"),
            load_deltas=functools.partial(deltas_of, entry["name"]),
            load_curves=functools.partial(curves_of, entry["name"]),
            shapes=deltas,
            phones=[Phone(*phone) for phone in entry["phones"]],
            voice=entry["voice"],
            text=entry["text"],
            source=entry.get("source", ""),
        )

    try:
        parts = read_npz(folder / "subjects.npz")
        templates = dict(zip(parts["names"].tolist(), parts["templates"], strict=True))
        return [sequence_of(entry) for entry in entries]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TalkerError(f"{folder}: not a whole speech corpus ({error}); make it again") from error
