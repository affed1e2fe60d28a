"""Speech with moving vertices on disk: VOCASET as published, FaceFormer's layout of it, and our compact curves.

All readers give the same :class:`SpeechSequence` objects, so that one training command serves them all. Formats:
D. Cudeiro et al., "Capture, Learning, and Synthesis of 3D Speaking Styles" (VOCA, 2019) and Y. Fan et al., "FaceFormer"
(2022); design, section 7. Everything runs at 60 frames a second, in metres, in FLAME's vertex order.
"""

import functools
import json
import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ...errors import TalkerError
from ...face import safe_pickle
from ...face.flame import VERTEX_COUNT
from ...files import whole_file
from .coarticulation import FRAME_RATE
from .phones import Phone
from .synthesis import SAMPLE_RATE, to_16k

TRAIN_SUBJECTS = tuple(
    f"FaceTalk_{name}_TA"
    for name in (
        "170728_03272 170904_00128 170725_00137 170915_00223 170811_03274 170913_03279 170904_03276 170912_03278"
    ).split()
)
VALIDATION_SUBJECTS = ("FaceTalk_170811_03275_TA", "FaceTalk_170908_03277_TA")
TEST_SUBJECTS = ("FaceTalk_170809_00138_TA", "FaceTalk_170731_00024_TA")
# Published splits use sentences 21–40 of the validation and test subjects.
_HELD_OUT_SENTENCES = range(21, 41)
# Measured on two of VOCASET's test clips: a sound is heard this long after it is seen.
PICTURE_LEAD_SECONDS = 0.095
# The rate VOCASET's recordings carry, and with it their pickles.
_RECORDING_RATE = 22000


@dataclass(frozen=True)
class SpeechSequence:
    """One take: what is heard and how the face moves. Sound and vertices are read when asked for."""

    name: str
    subject: str
    split: str  # train, val or test
    frames: int
    template: np.ndarray  # (5023,3) m, the subject at rest
    load_samples: Callable[[], np.ndarray] = field(repr=False)
    load_deltas: Callable[[int, int], np.ndarray] = field(repr=False)
    load_curves: Callable[[], np.ndarray] | None = field(default=None, repr=False)
    shapes: np.ndarray | None = field(default=None, repr=False)  # (57,5023,3) m, what the curves weigh
    phones: list[Phone] | None = field(default=None, repr=False)
    voice: str = ""
    text: str = ""
    source: str = ""
    fps: int = FRAME_RATE

    def samples(self) -> np.ndarray:
        """(N,) float32 mono at 16 kHz, as long as the frames to within one of them."""
        return self.load_samples()

    def deltas(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """(T,5023,3) float32 m from the template, of frames ``start`` … ``stop``."""
        first, last, _ = slice(start, stop).indices(self.frames)
        return self.load_deltas(first, max(first, last))

    def curves(self) -> np.ndarray | None:
        """(frames, 57) float32 FACS weights behind the vertices, or None where only vertices are known."""
        return None if self.load_curves is None else self.load_curves()


def read_corpus(path: str | os.PathLike[str], audio_offset: float | None = None) -> list[SpeechSequence]:
    """The sequences of a folder in any of the three layouts.

    ``audio_offset``: seconds by which the picture leads the sound; so much is cut from the beginning of each recording.
    None takes :data:`PICTURE_LEAD_SECONDS` for VOCASET's own subjects and 0 for all others.

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


# ---- ours: FACS curves ---------------------------------------------------------------------------------------------


def load_facs(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of ``corpus geometry``: names (57,), deltas (57,5023,3), neutral (5023,3), identities (I,5023,3)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("names", "deltas", "neutral", "identities")}
    except FileNotFoundError:
        raise TalkerError(f"{path} not found; make it with `corpus geometry`") from None
    except (OSError, ValueError, KeyError) as error:
        raise TalkerError(f"{path}: no geometry file ({error}); make it with `corpus geometry`") from error
    if arrays["deltas"].shape[1:] != (VERTEX_COUNT, 3):
        raise TalkerError(f"{path}: shapes of {arrays['deltas'].shape[1]} vertices, FLAME has {VERTEX_COUNT}")
    return arrays


def read_curves(folder: Path) -> list[SpeechSequence]:
    """The sequences of layout ``curves``: deltas are FACS weights times the shapes of facs.npz, frame by frame."""
    entries = _load_json(folder / "sequences.json")
    deltas = load_facs(folder / "facs.npz")["deltas"].astype(np.float32)
    flat = deltas.reshape(len(deltas), -1)
    with np.load(folder / "subjects.npz", allow_pickle=False) as archive:
        templates = dict(zip(archive["names"].tolist(), archive["templates"], strict=True))

    def curves_of(name: str) -> np.ndarray:
        return np.load(folder / "curves" / f"{name}.npy", allow_pickle=False).astype(np.float32)

    def deltas_of(name: str, start: int, stop: int) -> np.ndarray:
        return (curves_of(name)[start:stop] @ flat).reshape(-1, VERTEX_COUNT, 3)

    return [
        SpeechSequence(
            name=entry["name"],
            subject=entry["subject"],
            split=entry["split"],
            frames=int(round(entry["seconds"] * FRAME_RATE)),
            template=templates[entry["subject"]],
            load_samples=functools.partial(_load_sound, folder / "wav" / f"{entry['name']}.flac"),
            load_deltas=functools.partial(deltas_of, entry["name"]),
            load_curves=functools.partial(curves_of, entry["name"]),
            shapes=deltas,
            phones=[Phone(*phone) for phone in entry["phones"]],
            voice=entry["voice"],
            text=entry["text"],
            source=entry.get("source", ""),
        )
        for entry in entries
    ]


# ---- VOCASET as published ------------------------------------------------------------------------------------------


def read_vocaset(folder: Path, audio_offset: float | None = None) -> list[SpeechSequence]:
    """VOCASET's files: data_verts.npy (opened, not read), subj_seq_to_idx.pkl, raw_audio_fixed.pkl, templates.pkl."""
    rows = _load_pickle(folder / "subj_seq_to_idx.pkl")
    sounds = _load_pickle(folder / "raw_audio_fixed.pkl")
    templates = _load_pickle(folder / "templates.pkl")
    try:
        vertices = np.load(folder / "data_verts.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TalkerError(f"{folder / 'data_verts.npy'}: not readable ({error}); download it again") from error
    if vertices.ndim != 3 or vertices.shape[1:] != (VERTEX_COUNT, 3):
        raise TalkerError(f"{folder / 'data_verts.npy'}: shape {vertices.shape}, expected (frames, {VERTEX_COUNT}, 3)")

    def sound_of(subject: str, sequence: str, offset: float, frames: int) -> np.ndarray:
        sound = sounds[subject][sequence]
        wave = to_16k(np.asarray(sound["audio"]), int(sound.get("sample_rate", _RECORDING_RATE)))
        return _fit_sound(wave, offset, frames)

    def deltas_of(index: np.ndarray, template: np.ndarray, start: int, stop: int) -> np.ndarray:
        return np.asarray(vertices[index[start:stop]], dtype=np.float32) - template

    sequences = []
    subjects = sorted(rows)
    published = _splits(subjects, folder)
    for subject in subjects:
        for sequence in sorted(rows[subject]):
            split = _published_split(subject, sequence, published[subject])
            if split is None or sequence not in sounds.get(subject, {}):
                continue
            frames = rows[subject][sequence]
            index = np.array([frames[frame] for frame in sorted(frames)], dtype=np.int64)
            if len(index) and index.max() >= len(vertices):
                raise TalkerError(f"{folder}: {subject} {sequence} names rows beyond data_verts.npy; get both anew")
            template = _template(templates, subject, folder)
            offset = _offset(subject, audio_offset)
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


def write_vocaset(
    sequences: Sequence[SpeechSequence], folder: Path, progress: Callable[[float, str], None] | None = None
) -> None:
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
        short = _sentence(sequence)
        rows.setdefault(sequence.subject, {})[short] = {frame: clock + frame for frame in range(sequence.frames)}
        sounds.setdefault(sequence.subject, {})[short] = {
            "audio": _resampled(sequence.samples()),
            "sample_rate": _RECORDING_RATE,
        }
        clock += sequence.frames
    _dump_pickle(folder / "subj_seq_to_idx.pkl", rows)
    _dump_pickle(folder / "raw_audio_fixed.pkl", sounds)
    _write_templates_and_splits(sequences, folder)


# ---- FaceFormer's layout -------------------------------------------------------------------------------------------


def read_faceformer(folder: Path, audio_offset: float | None = None) -> list[SpeechSequence]:
    """FaceFormer's files: vertices_npy/<subject>_<sentenceNN>.npy (T,15069) m at 60 fps, wav/, templates.pkl."""
    templates = _load_pickle(folder / "templates.pkl")
    paths = sorted((folder / "vertices_npy").glob("*.npy"))
    published = _splits(sorted({_subject_of(path.stem) for path in paths}), folder)

    def vertices_of(path: Path) -> np.ndarray:
        try:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise TalkerError(f"{path}: not readable ({error}); convert it again") from error

    def sound_of(path: Path, offset: float, frames: int) -> np.ndarray:
        return _fit_sound(_load_sound(path), offset, frames)

    def deltas_of(path: Path, template: np.ndarray, start: int, stop: int) -> np.ndarray:
        return np.array(vertices_of(path)[start:stop], dtype=np.float32).reshape(-1, VERTEX_COUNT, 3) - template

    sequences = []
    for path in paths:
        subject = _subject_of(path.stem)
        split = _published_split(subject, path.stem[len(subject) + 1 :], published[subject])
        sound = folder / "wav" / f"{path.stem}.wav"
        if split is None or not sound.exists():
            continue
        shape = vertices_of(path).shape
        if len(shape) != 2 or shape[1] != 3 * VERTEX_COUNT:
            raise TalkerError(f"{path}: shape {shape}, expected (frames, {3 * VERTEX_COUNT})")
        template = _template(templates, subject, folder)
        sequences.append(
            SpeechSequence(
                name=path.stem,
                subject=subject,
                split=split,
                frames=shape[0],
                template=template,
                load_samples=functools.partial(sound_of, sound, _offset(subject, audio_offset), shape[0]),
                load_deltas=functools.partial(deltas_of, path, template),
            )
        )
    return sequences


def write_faceformer(
    sequences: Sequence[SpeechSequence], folder: Path, progress: Callable[[float, str], None] | None = None
) -> None:
    """The sequences in FaceFormer's layout; ``splits.json`` beside it."""
    for part in ("vertices_npy", "wav"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, sequence in enumerate(sequences, 1):
        name = f"{sequence.subject}_{_sentence(sequence)}"
        vertices = (sequence.deltas() + sequence.template).reshape(sequence.frames, -1)
        with whole_file(folder / "vertices_npy" / f"{name}.npy") as stream:
            np.save(stream, vertices.astype(np.float32))
        with whole_file(folder / "wav" / f"{name}.wav") as stream:
            soundfile.write(stream, _resampled(sequence.samples()), _RECORDING_RATE, "PCM_16", format="WAV")
        if progress:
            progress(number / len(sequences), "vertices")
    _write_templates_and_splits(sequences, folder)


# ---- shared --------------------------------------------------------------------------------------------------------


def _subject_of(stem: str) -> str:
    return stem.rpartition("_")[0] or stem


def _sentence(sequence: SpeechSequence) -> str:
    return sequence.name.rpartition("_")[2]


def _splits(subjects: Sequence[str], folder: Path) -> dict[str, str]:
    """Split of each subject: splits.json where our writer left one, VOCASET's for its own subjects, else by order.

    Of subjects nobody has divided, the last sixth (at least one, of three or more) is test, the sixth before val.
    """
    path = folder / "splits.json"
    if path.exists():
        known = _load_json(path)
        return {subject: known.get(subject, "train") for subject in subjects}
    official = dict.fromkeys(TRAIN_SUBJECTS, "train")
    official |= dict.fromkeys(VALIDATION_SUBJECTS, "val") | dict.fromkeys(TEST_SUBJECTS, "test")
    others = [subject for subject in subjects if subject not in official]
    part = max(1, len(others) // 6) if len(others) >= 3 else 0
    order = ["train"] * (len(others) - 2 * part) + ["val"] * part + ["test"] * part
    return {subject: official[subject] for subject in subjects if subject in official} | dict(
        zip(others, order, strict=True)
    )


def _published_split(subject: str, sequence: str, split: str) -> str | None:
    """``split``, or None for the sentences that the published splits leave out."""
    digits = "".join(character for character in sequence if character.isdigit())
    if subject in VALIDATION_SUBJECTS + TEST_SUBJECTS and digits and int(digits) not in _HELD_OUT_SENTENCES:
        return None
    return split


def _offset(subject: str, audio_offset: float | None) -> float:
    if audio_offset is not None:
        return audio_offset
    return PICTURE_LEAD_SECONDS if subject in TRAIN_SUBJECTS + VALIDATION_SUBJECTS + TEST_SUBJECTS else 0.0


def _fit_sound(wave: np.ndarray, offset: float, frames: int) -> np.ndarray:
    """``wave`` from ``offset`` seconds on (before 0: silence), cut or filled up to ``frames`` frames."""
    shift = int(round(offset * SAMPLE_RATE))
    moved = wave[shift:] if shift >= 0 else np.concatenate([np.zeros(-shift, np.float32), wave])
    length = int(round(frames * SAMPLE_RATE / FRAME_RATE))
    return np.pad(moved[:length], (0, max(0, length - len(moved)))).astype(np.float32)


def _template(templates: dict, subject: str, folder: Path) -> np.ndarray:
    if subject not in templates:
        raise TalkerError(f"{folder / 'templates.pkl'}: no template of {subject}; get the file of this data")
    template = np.asarray(templates[subject], dtype=np.float32)
    if template.shape != (VERTEX_COUNT, 3):
        raise TalkerError(f"{folder / 'templates.pkl'}: {subject} has shape {template.shape}, not ({VERTEX_COUNT}, 3)")
    return template


def _load_sound(path: Path) -> np.ndarray:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise TalkerError(f"{path}: not a readable recording ({error}); make the corpus again") from error
    return to_16k(samples.mean(axis=1), rate)


def _resampled(samples: np.ndarray) -> np.ndarray:
    """int16 at VOCASET's rate."""
    wave = resample_poly(samples.astype(np.float64), 11, 8)
    return (np.clip(wave, -1.0, 1.0) * 32767).round().astype(np.int16)


def _load_pickle(path: Path) -> dict:
    content = safe_pickle.load_plain(path)
    if not isinstance(content, dict):
        raise TalkerError(f"{path}: holds no table of subjects; use the file of the data set")
    return content


def _dump_pickle(path: Path, content: dict) -> None:
    with whole_file(path) as stream:
        pickle.dump(content, stream, protocol=2)


def _load_json(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkerError(f"{path}: not readable ({error}); make the corpus again") from error


def write_json(path: Path, content) -> None:
    """``content`` as JSON, one list entry a line, in one step."""
    lines = ",\n".join(json.dumps(entry) for entry in content) if isinstance(content, list) else None
    with whole_file(path) as stream:
        stream.write((f"[\n{lines}\n]\n" if lines is not None else json.dumps(content)).encode())


def _write_templates_and_splits(sequences: Iterable[SpeechSequence], folder: Path) -> None:
    _dump_pickle(folder / "templates.pkl", {sequence.subject: sequence.template for sequence in sequences})
    splits: dict[str, str] = {}
    for sequence in sequences:
        # The reader of LJ Speech has held-out clips of her own; as whole subjects go, she trains.
        trains = "train" in (splits.get(sequence.subject), sequence.split)
        splits[sequence.subject] = "train" if trains else sequence.split
    write_json(folder / "splits.json", splits)
