"""The speech corpus: voices whose phone times are known, on heads that move as the coarticulation model says.

``corpus speech`` writes one of three layouts (design, sections 5 and 7): ``curves``, compact, FACS weights instead of
vertices; ``vocaset`` and ``faceformer``, real vertex files in exactly the formats in which VOCASET is read. The same
seed makes the same corpus; a run that was stopped goes on where it was.

Subjects carry voices: each has a head, a speaking style and a few voices of its own, and belongs to train, val or test
as a whole. The one exception is the recorded reader of LJ Speech, whose last :data:`HELD_OUT_LJSPEECH` clips are 'test'
and never train.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...job import Progress
from ..geometry.facs import load_facs
from . import alignment, augmentation, synthesis
from .coarticulation import LipGeometry, SpeakingStyle
from .faceformer import write_faceformer
from .phones import SILENCE, fill_gaps, shift
from .sentences import LIP_RICH
from .speakers import Subject, face_curves, random_style, random_template
from .speech_layouts import begin_curves, read_curves, write_index
from .speech_sequence import load_sound, save_sound, write_json
from .synthesis import FESTIVAL_VOICES, FLITE_VOICES, SAMPLE_RATE, Speech
from .vocaset import write_vocaset

log = logging.getLogger(__name__)

LAYOUTS = ("curves", "vocaset", "faceformer")
HELD_OUT_LJSPEECH = 20
LJSPEECH = "ljspeech"

ESPEAK_VOICES = (
    "en-us en-us+f3 en-us+m3 en-us+klatt4 en-us+Annie en-us+Michael en-us+whisper en-us+linda en en+f2 en+m7 en+klatt2 "
    "en+Andy en-gb-scotland en-gb-scotland+f4 en-gb-x-rp en-gb-x-rp+f1 en-gb-x-rp+klatt en-gb-x-gbclan+m1 "
    "en-gb-x-gbclan+f5 en-gb-x-gbcwmd+m5 en-gb-x-gbcwmd+steph en-029 en-029+f2 en-us-nyc+m2 en-us-nyc+f4 de+f2 de+m1 "
    "es+m4 es-419+f1 fr+f3 it+m6 nl+m1 sv+f1 pt-br+f5 pl+m2"
).split()
SUBJECT_COUNT = 14
VALIDATION_SUBJECTS, TEST_SUBJECTS = ("subject12",), ("subject13",)
_SECONDS_PER_SENTENCE, _SECONDS_PER_RECORDING = 3.25, 8.3


@dataclass(frozen=True)
class _Batch:
    """One voice's sentences: what one worker makes in one go."""

    voice: str
    subject: str
    split: str
    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class _Setting:
    """What every batch needs besides: folders, lips and the subjects' styles."""

    folder: Path
    ljspeech: Path | None
    lips: LipGeometry
    subjects: dict[str, Subject]
    geometry: str  # digest of the shapes' file

    def part(self, batch: _Batch) -> Path:
        """Where a finished batch leaves its entries, so that a stopped run can go on."""
        digest = hashlib.sha256(f"{self.geometry} {batch!r}".encode()).hexdigest()[:16]
        return self.folder / "parts" / f"{digest}.json"


def make_speech_corpus(
    geometry: str | os.PathLike[str],
    out: str | os.PathLike[str],
    ljspeech: str | os.PathLike[str] | None = None,
    hours: float = 3.0,
    layout: str = "curves",
    seed: int = 0,
    processes: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Makes a corpus of about ``hours`` in the folder ``out`` and returns it.

    ``geometry`` is the file of ``corpus geometry``; ``ljspeech`` a folder with LJ Speech's clips as 16 kHz FLAC or WAV
    and ``transcripts.tsv`` (name, tab, text), or None to go without recordings.

    :raises TalkerError: when a source or one of the synthesizers is missing, or ``layout`` is none of :data:`LAYOUTS`.
    """
    if layout not in LAYOUTS:
        raise TalkerError(f"no layout {layout}; choose one of {', '.join(LAYOUTS)}")
    folder = Path(out) if layout == "curves" else Path(out) / "curves.unfinished"
    facs = load_facs(geometry)
    subjects = make_subjects(facs.neutral, facs.identities, seed)
    lips = LipGeometry(facs.names.tolist(), facs.deltas, facs.neutral)
    digest = hashlib.sha256(Path(geometry).read_bytes()).hexdigest()
    setting = _Setting(folder, Path(ljspeech) if ljspeech else None, lips, subjects, digest)
    batches = _plan(list(subjects.values()), setting.ljspeech, hours, seed)
    begin_curves(folder, ("wav", "curves", "parts"))
    known = {setting.part(batch) for batch in batches}
    for part in (folder / "parts").glob("*.json"):
        if part not in known:  # of a run with other settings, whose clips are written over
            part.unlink()
    entries: list[dict] = []
    # A process per batch: espeak-ng keeps something of every voice it has spoken with, and the order would matter.
    with multiprocessing.Pool(processes, _start_worker, (setting,), maxtasksperchild=1) as pool:
        for number, made in enumerate(pool.imap(_make_batch, batches), 1):
            entries.extend(made)
            if progress:
                minutes = sum(entry["seconds"] for entry in entries) / 60
                progress(number / len(batches), f"{len(entries)} clips, {minutes:.0f} min")
    write_index(folder, geometry, {name: subject.template for name, subject in subjects.items()}, entries)
    shutil.rmtree(folder / "parts")
    if layout != "curves":
        write = write_vocaset if layout == "vocaset" else write_faceformer
        write(read_curves(folder), Path(out), progress)
        shutil.rmtree(folder)
    return Path(out)


def make_subjects(neutral: np.ndarray, identities: np.ndarray, seed: int) -> dict[str, Subject]:
    """:data:`SUBJECT_COUNT` people and the reader of LJ Speech, who has an average style."""
    rng = np.random.default_rng([seed, 1])
    subjects = {}
    for number in range(SUBJECT_COUNT):
        name = f"subject{number:02d}"
        split = "val" if name in VALIDATION_SUBJECTS else "test" if name in TEST_SUBJECTS else "train"
        subjects[name] = Subject(name, random_template(neutral, identities, rng), random_style(rng), split)
    average = SpeakingStyle(smile=0.02, asymmetry=0.1)
    subjects[LJSPEECH] = Subject(LJSPEECH, random_template(neutral, identities, rng), average, "train")
    return subjects


def _plan(subjects: Sequence[Subject], ljspeech: Path | None, hours: float, seed: int) -> list[_Batch]:
    """Which voice says what on which head."""
    rng = np.random.default_rng([seed, 2])
    voices = list(ESPEAK_VOICES)
    voices += [f"flite:{name}" for name in FLITE_VOICES] + [f"festival:{name}" for name in FESTIVAL_VOICES]
    people = [subject for subject in subjects if subject.name != LJSPEECH]
    batches: list[_Batch] = []
    next_number = dict.fromkeys((subject.name for subject in subjects), 1)

    def add(voice: str, subject: Subject, split: str, texts: Sequence[str]) -> None:
        first = next_number[subject.name]
        next_number[subject.name] += len(texts)
        numbers = tuple(range(first, first + len(texts)))
        batches.append(_Batch(voice, subject.name, split, numbers, tuple(texts), seed))

    recorded_seconds = 0.0
    if ljspeech:
        reader = next(subject for subject in subjects if subject.name == LJSPEECH)
        training, held_out = ljspeech_clips(ljspeech)
        for start in range(0, len(training), 20):
            add(LJSPEECH, reader, "train", training[start : start + 20])
        add(LJSPEECH, reader, "test", held_out)
        recorded_seconds = _SECONDS_PER_RECORDING * (len(training) + len(held_out))

    count = max(1, round((hours * 3600 - recorded_seconds) / _SECONDS_PER_SENTENCE / len(voices)))
    sentences = synthesis.wordnet_sentences()
    for number, voice in enumerate(voices):
        subject = people[number % len(people)]
        chosen = [sentences[i] for i in rng.integers(0, len(sentences), count)]
        for place in range(0, count, 4):  # every fourth sentence is one for the lips
            chosen[place] = LIP_RICH[rng.integers(0, len(LIP_RICH))]
        add(voice, subject, subject.split, chosen)
    return batches


def ljspeech_clips(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the clips to train on and of the last :data:`HELD_OUT_LJSPEECH` by name, which never train."""
    names = sorted(read_transcripts(folder))
    if len(names) <= HELD_OUT_LJSPEECH:
        raise TalkerError(f"{folder}: only {len(names)} LJ Speech clips; {HELD_OUT_LJSPEECH} are held out, give more")
    return names[:-HELD_OUT_LJSPEECH], names[-HELD_OUT_LJSPEECH:]


def read_transcripts(folder: Path) -> dict[str, str]:
    """Text of every LJ Speech clip by its name."""
    path = folder / "transcripts.tsv"
    if not path.exists():
        raise TalkerError(f"{path} not found; name the folder of LJ Speech's clips and transcripts")
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


# ---- in the workers ------------------------------------------------------------------------------------------

_setting: _Setting


def _start_worker(setting: _Setting) -> None:
    global _setting
    _setting = setting


def _make_batch(batch: _Batch) -> list[dict]:
    """Makes the clips of one batch unless an earlier run did; their entries for sequences.json."""
    part = _setting.part(batch)
    if part.exists():
        return json.loads(part.read_text())
    style = _setting.subjects[batch.subject].style
    entries = []
    for number, text, speech, source in _speak(batch):
        rng = np.random.default_rng([batch.seed, 3, number, *batch.subject.encode()])
        clip = _finish_clip(speech, rng)
        curves = face_curves(clip.phones, clip.samples, _setting.lips, style, rng)
        name = f"{batch.subject}_sentence{number:03d}"
        np.save(_setting.folder / "curves" / f"{name}.npy", curves.astype(np.float16))
        save_sound(_setting.folder / "wav" / f"{name}.flac", clip.samples)
        entries.append(
            {
                "name": name, "subject": batch.subject, "split": batch.split, "voice": batch.voice, "text": text,
                "source": source, "seconds": round(clip.seconds, 4),
                "phones": [[round(p.start, 4), round(p.end, 4), p.name] for p in clip.phones],
            }
        )  # fmt: skip
    write_json(part, entries)
    return entries


def _speak(batch: _Batch):
    """(number, text, speech, source clip) of every sentence of the batch that could be spoken."""
    rng = np.random.default_rng([batch.seed, 4, *batch.voice.encode()])
    engine, _, name = batch.voice.partition(":")
    if engine == LJSPEECH and _setting.ljspeech:
        transcripts = read_transcripts(_setting.ljspeech)
        for number, clip in zip(batch.numbers, batch.texts, strict=True):
            speech = _recorded(_setting.ljspeech, clip, transcripts[clip])
            if speech:
                yield number, transcripts[clip], speech, clip
    elif engine == "festival":
        spoken = synthesis.festival(batch.texts, name, stretch=float(rng.uniform(0.9, 1.15)))
        for number, text, speech in zip(batch.numbers, batch.texts, spoken, strict=True):
            yield number, text, speech, ""
    else:
        for number, text in zip(batch.numbers, batch.texts, strict=True):
            if engine == "flite":
                speech = synthesis.flite().say(text, name, stretch=float(rng.uniform(0.85, 1.25)))
            else:
                rate, pitch, spread = int(rng.uniform(135, 215)), int(rng.uniform(30, 70)), int(rng.uniform(30, 75))
                speech = synthesis.espeak().say(text, batch.voice, rate, pitch, spread)
            yield number, text, speech, ""


def pronounce(word: str) -> list[str]:
    """Phones of a word as American espeak-ng says it, for words that the aligner's dictionary lacks."""
    return [phone.name for phone in synthesis.espeak().say(word, "en-us").phones if phone.name != SILENCE]


def recording(folder: Path, clip: str) -> np.ndarray:
    """A recorded clip (N,) at 16 kHz."""
    candidates = (folder / f"{clip}{suffix}" for suffix in (".flac", ".wav"))
    path = next((candidate for candidate in candidates if candidate.exists()), None)
    if path is None:
        raise TalkerError(f"{folder}/{clip}.flac not found; the folder must hold every clip of transcripts.tsv")
    return load_sound(path)


def _recorded(folder: Path, clip: str, text: str) -> Speech | None:
    """A recorded clip with its phones; None when it cannot be aligned."""
    wave = recording(folder, clip)
    phones = alignment.align(wave, text, pronounce)
    if phones is None:
        log.info("%s: no alignment, left out", clip)
        return None
    return Speech(wave, phones)


def _finish_clip(speech: Speech, rng: np.random.Generator) -> Speech:
    """A little silence before and after, and a noise floor: espeak-ng's closures and pauses are digital zero."""
    before, after = (int(rng.uniform(0.1, 0.6) * SAMPLE_RATE) for _ in range(2))
    samples = augmentation.set_level(np.pad(speech.samples, (before, after)), -3.0)
    samples = augmentation.noise_floor(samples, rng.uniform(-75.0, -55.0), rng)
    phones = fill_gaps(shift(speech.phones, before / SAMPLE_RATE), len(samples) / SAMPLE_RATE)
    return Speech(augmentation.set_level(samples, rng.uniform(-12.0, -1.0)), phones)
