"""FaceFormer's layout of VOCASET, read and written: Y. Fan et al., "FaceFormer" (2022); design, section 7."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT
from ...files import whole_file
from ...job import Progress
from .speech_sequence import SpeechSequence, load_sound
from .vocaset_subjects import (
    RECORDING_RATE,
    fit_sound,
    load_pickle,
    offset_of,
    published_split,
    resampled,
    sentence_of,
    splits_of,
    template_of,
    write_templates_and_splits,
)


def read_faceformer(folder: Path, audio_offset: float | None = None) -> list[SpeechSequence]:
    """FaceFormer's files: vertices_npy/<subject>_<sentenceNN>.npy (T,15069) m at 60 fps, wav/, templates.pkl."""
    templates = load_pickle(folder / "templates.pkl")
    paths = sorted((folder / "vertices_npy").glob("*.npy"))
    published = splits_of(sorted({_subject_of(path.stem) for path in paths}), folder)

    def vertices_of(path: Path) -> np.ndarray:
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise TalkerError(f"{path}: not readable ({error}); convert it again") from error

    def sound_of(path: Path, offset: float, frames: int) -> np.ndarray:
        return fit_sound(load_sound(path), offset, frames)

    def deltas_of(path: Path, template: np.ndarray, start: int, stop: int) -> np.ndarray:
        return np.array(vertices_of(path)[start:stop], dtype=np.float32).reshape(-1, VERTEX_COUNT, 3) - template

    sequences = []
    for path in paths:
        subject = _subject_of(path.stem)
        split = published_split(subject, path.stem[len(subject) + 1 :], published[subject])
        sound = folder / "wav" / f"{path.stem}.wav"
        if split is None or not sound.exists():
            continue
        shape = vertices_of(path).shape
        if len(shape) != 2 or shape[1] != 3 * VERTEX_COUNT:
            raise TalkerError(f"{path}: shape {shape}, expected (frames, {3 * VERTEX_COUNT})")
        template = template_of(templates, subject, folder)
        sequences.append(
            SpeechSequence(
                name=path.stem,
                subject=subject,
                split=split,
                frames=shape[0],
                template=template,
                load_samples=functools.partial(sound_of, sound, offset_of(subject, audio_offset), shape[0]),
                load_deltas=functools.partial(deltas_of, path, template),
            )
        )
    return sequences


def write_faceformer(sequences: Sequence[SpeechSequence], folder: Path, progress: Progress | None = None) -> None:
    """The sequences in FaceFormer's layout; ``splits.json`` beside it."""
    for part in ("vertices_npy", "wav"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, sequence in enumerate(sequences, 1):
        name = f"{sequence.subject}_{sentence_of(sequence)}"
        vertices = (sequence.deltas() + sequence.template).reshape(sequence.frames, -1)
        with whole_file(folder / "vertices_npy" / f"{name}.npy") as stream:
            np.save(stream, vertices.astype(np.float32))
        with whole_file(folder / "wav" / f"{name}.wav") as stream:
            soundfile.write(stream, resampled(sequence.samples()), RECORDING_RATE, "PCM_16", format="WAV")
        if progress:
            progress(number / len(sequences), "vertices")
    write_templates_and_splits(sequences, folder)


def _subject_of(stem: str) -> str:
    return stem.rpartition("_")[0] or stem
