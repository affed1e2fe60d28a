"""What both layouts of VOCASET share: its subjects and their splits, heads at rest, the sound and its offset."""

import pickle
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ...errors import TalkerError
from ...face import safe_pickle
from ...face.flame import VERTEX_COUNT
from ...files import whole_file
from .coarticulation import FRAME_RATE
from .speech_sequence import SpeechSequence, load_json, write_json
from .synthesis import SAMPLE_RATE

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
RECORDING_RATE = 22000


def splits_of(subjects: Sequence[str], folder: Path) -> dict[str, str]:
    """Split of each subject: splits.json where our writer left one, VOCASET's for its own subjects, else by order.

    Of subjects nobody has divided, the last sixth (at least one, of three or more) is test, the sixth before val.
    """
    path = folder / "splits.json"
    if path.exists():
        known = load_json(path)
        return {subject: known.get(subject, "train") for subject in subjects}
    official = dict.fromkeys(TRAIN_SUBJECTS, "train")
    official |= dict.fromkeys(VALIDATION_SUBJECTS, "val") | dict.fromkeys(TEST_SUBJECTS, "test")
    others = [subject for subject in subjects if subject not in official]
    part = max(1, len(others) // 6) if len(others) >= 3 else 0
    order = ["train"] * (len(others) - 2 * part) + ["val"] * part + ["test"] * part
    return {subject: official[subject] for subject in subjects if subject in official} | dict(
        zip(others, order, strict=True)
    )


def published_split(subject: str, sequence: str, split: str) -> str | None:
    """``split``, or None for the sentences that the published splits leave out."""
    digits = "".join(character for character in sequence if character.isdigit())
    if subject in VALIDATION_SUBJECTS + TEST_SUBJECTS and digits and int(digits) not in _HELD_OUT_SENTENCES:
        return None
    return split


def template_of(templates: dict, subject: str, folder: Path) -> np.ndarray:
    """(5023,3) m, the subject at rest.

    :raises TalkerError: when it is missing or another mesh.
    """
    if subject not in templates:
        raise TalkerError(f"{folder / 'templates.pkl'}: no template of {subject}; get the file of this data")
    template = np.asarray(templates[subject], dtype=np.float32)
    if template.shape != (VERTEX_COUNT, 3):
        raise TalkerError(f"{folder / 'templates.pkl'}: {subject} has shape {template.shape}, not ({VERTEX_COUNT}, 3)")
    return template


def offset_of(subject: str, audio_offset: float | None) -> float:
    """Seconds by which the picture leads the sound."""
    if audio_offset is not None:
        return audio_offset
    return PICTURE_LEAD_SECONDS if subject in TRAIN_SUBJECTS + VALIDATION_SUBJECTS + TEST_SUBJECTS else 0.0


def fit_sound(wave: np.ndarray, offset: float, frames: int) -> np.ndarray:
    """``wave`` from ``offset`` seconds on (before 0: silence), cut or filled up to ``frames`` frames."""
    shift = int(round(offset * SAMPLE_RATE))
    moved = wave[shift:] if shift >= 0 else np.concatenate([np.zeros(-shift, np.float32), wave])
    length = int(round(frames * SAMPLE_RATE / FRAME_RATE))
    return np.pad(moved[:length], (0, max(0, length - len(moved)))).astype(np.float32)


def resampled(samples: np.ndarray) -> np.ndarray:
    """int16 at VOCASET's rate."""
    wave = resample_poly(samples.astype(np.float64), 11, 8)
    return (np.clip(wave, -1.0, 1.0) * 32767).round().astype(np.int16)


def sentence_of(sequence: SpeechSequence) -> str:
    """``sentence07`` of a sequence ``<subject>_sentence07``."""
    return sequence.name.rpartition("_")[2]


def write_templates_and_splits(sequences: Iterable[SpeechSequence], folder: Path) -> None:
    dump_pickle(folder / "templates.pkl", {sequence.subject: sequence.template for sequence in sequences})
    splits: dict[str, str] = {}
    for sequence in sequences:
        # The reader of LJ Speech has held-out clips of her own; as whole subjects go, she trains.
        trains = "train" in (splits.get(sequence.subject), sequence.split)
        splits[sequence.subject] = "train" if trains else sequence.split
    write_json(folder / "splits.json", splits)


def load_pickle(path: Path) -> dict:
    """A table by subject from a pickle of plain values and arrays.

    :raises TalkerError: when the file is anything else.
    """
    content = safe_pickle.load_plain(path)
    if not isinstance(content, dict):
        raise TalkerError(f"{path}: holds no table of subjects; use the file of the data set")
    return content


def dump_pickle(path: Path, content: dict) -> None:
    with whole_file(path) as stream:
        pickle.dump(content, stream, protocol=2)
