"""VOCASET as published, read and written.

D. Cudeiro et al., "Capture, Learning, and Synthesis of 3D Speaking Styles" (VOCA, 2019); design, section 7.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT
from ...files import whole_file
from ...job import Progress
from .speech_sequence import SpeechSequence
from .synthesis import to_16k
from .vocaset_subjects import (
    RECORDING_RATE,
    dump_pickle,
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


def read_vocaset(folder: Path, audio_offset: float | None = None) -> list[SpeechSequence]:
    """VOCASET's files: data_verts.npy (opened, not read), subj_seq_to_idx.pkl, raw_audio_fixed.pkl, templates.pkl."""
    rows = load_pickle(folder / "subj_seq_to_idx.pkl")
    sounds = load_pickle(folder / "raw_audio_fixed.pkl")
    templates = load_pickle(folder / "templates.pkl")
    try:
        vertices = np.load(folder / "data_verts.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TalkerError(f"{folder / 'data_verts.npy'}: not readable ({error}); download it again") from error
    if vertices.ndim != 3 or vertices.shape[1:] != (VERTEX_COUNT, 3):
        raise TalkerError(f"{folder / 'data_verts.npy'}: shape {vertices.shape}, expected (frames, {VERTEX_COUNT}, 3)")

    def sound_of(subject: str, sequence: str, offset: float, frames: int) -> np.ndarray:
        sound = sounds[subject][sequence]
        wave = to_16k(np.asarray(sound["audio"]), int(sound.get("sample_rate", RECORDING_RATE)))
        return fit_sound(wave, offset, frames)

    def deltas_of(index: np.ndarray, template: np.ndarray, start: int, stop: int) -> np.ndarray:
        return np.asarray(vertices[index[start:stop]], dtype=np.float32) - template

    sequences = []
    subjects = sorted(rows)
    published = splits_of(subjects, folder)
    for subject in subjects:
        for sequence in sorted(rows[subject]):
            split = published_split(subject, sequence, published[subject])
            if split is None or sequence not in sounds.get(subject, {}):
                continue
            frames = rows[subject][sequence]
            index = np.array([frames[frame] for frame in sorted(frames)], dtype=np.int64)
            if len(index) and index.max() >= len(vertices):
                raise TalkerError(f"{folder}: {subject} {sequence} names rows beyond data_verts.npy; get both anew")
            template = template_of(templates, subject, folder)
            offset = offset_of(subject, audio_offset)
            sequences.append(
                SpeechSequence(
                    name=f"{subject}_{sequence}",
                    subject=subject,
                    split=split,
                    frames=len(index),
                    template=template,
                    load_samples=functools.partial(sound_of, subject, sequence, offset, len(index)),
                    load_deltas=functools.partial(deltas_of, index, template),
                )
            )
    return sequences


def write_vocaset(sequences: Sequence[SpeechSequence], folder: Path, progress: Progress | None = None) -> None:
    """The sequences in VOCASET's published layout, 22 kHz int16 sound included; ``splits.json`` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(sequence.frames for sequence in sequences)
    with whole_file(folder / "data_verts.npy") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (total, VERTEX_COUNT, 3)}
        np.lib.format.write_array_header_1_0(stream, header)
        for number, sequence in enumerate(sequences, 1):
            stream.write(np.ascontiguousarray(sequence.deltas() + sequence.template, dtype="<f4").tobytes())
            if progress:
                progress(number / len(sequences), "vertices")
    rows: dict[str, dict[str, dict[int, int]]] = {}
    sounds: dict[str, dict[str, dict]] = {}
    clock = 0
    for sequence in sequences:
        short = sentence_of(sequence)
        rows.setdefault(sequence.subject, {})[short] = {frame: clock + frame for frame in range(sequence.frames)}
        sounds.setdefault(sequence.subject, {})[short] = {
            "audio": resampled(sequence.samples()),
            "sample_rate": RECORDING_RATE,
        }
        clock += sequence.frames
    dump_pickle(folder / "subj_seq_to_idx.pkl", rows)
    dump_pickle(folder / "raw_audio_fixed.pkl", sounds)
    write_templates_and_splits(sequences, folder)
