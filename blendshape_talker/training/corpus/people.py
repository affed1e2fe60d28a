"""The corpus of people: what a camera saw of faces that spoke, as FACS curves that training reads.

``corpus people`` fits the canonical head to measured landmarks (:mod:`face_fit`) and writes the layout ``curves`` of
:mod:`speech_layouts`, and beside it, for each clip, ``pose/`` (T,6) the head's pose and ``seen/`` (T,3) what the camera
measured of the mouth: gap, width and protrusion in mm from rest. A camera of 25 frames a second blurs a contact of
50 ms: where forced alignment hears a bilabial and the camera saw the lips come together, they are pressed shut. After
the last word the curves, not the measures, come to rest.

People are held out as a whole; every sentence of theirs is 'test'.
"""

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...files import write_figures
from ...job import Progress
from ..geometry.facs import load_facs
from . import alignment
from .coarticulation import FRAME_RATE, PRESSED_MM, LipGeometry, contact_envelope, contact_spans
from .face_fit import FaceFit, Fitted, Person, at_frame_rate
from .landmarks import SeenClip, read_landmarks
from .phones import BILABIALS, SILENCE, Phone
from .speech_layouts import begin_curves, write_index
from .speech_sequence import SpeechSequence, load_sound, save_sound
from .synthesis import SAMPLE_RATE

log = logging.getLogger(__name__)

SOURCE = "video"  # what ``voice`` of these sequences says
SEEN = ("gap", "width", "protrusion")
# s2, s3 and s5 are three of the four people of `others`, and so are held out with them.
HELD_OUT = ("s2", "s3", "s5")
HELD_OUT_GROUP = "others"
# By face and by voice; the fourth sentence of `others` is of somebody else.
_SAME_PERSON = {"pwij3p": "s2", "sbia1a": "s3", "lbax4n": "s5"}
VALIDATION_CLIPS = 20
CONTACT_EDGE_SECONDS = 0.030
RESTING_SECONDS = 0.2  # in which a mouth comes to rest, from 50 ms after the last sound on
# The aligner is 6 to 12 ms off, now and then more: a contact lies where the camera saw the lips nearest to it.
_CONTACT_SEARCH_SECONDS = 0.050
_APPROACHED = 0.5  # of the 95th percentile; lips further apart than that all the while made no contact


def make_people_corpus(
    geometry: str | os.PathLike[str],
    landmarks: str | os.PathLike[str],
    out: str | os.PathLike[str],
    progress: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Write the corpus of every ``*_landmarks.npz`` in the folder ``landmarks`` to ``out``; figures of each speaker.

    ``geometry``: the file of ``corpus geometry``. Figures: clips, error_px and error_mm of the fit, contacts that were
    heard, the share of them that the camera saw (gap below 15 % of its 95th percentile) and that were restored.

    :raises TalkerError: when a file is missing or broken.
    """
    files = sorted(Path(landmarks).glob("*_landmarks.npz"))
    if not files:
        raise TalkerError(f"{landmarks}: no NAME_landmarks.npz in it; name the folder of the landmark files")
    facs = load_facs(geometry)
    speakers: dict[str, list[SeenClip]] = {}
    index: np.ndarray | None = None
    held_out = set(HELD_OUT)
    for path in files:
        numbers, clips = read_landmarks(path)
        if index is not None and not np.array_equal(index, numbers):
            raise TalkerError(f"{path}: other landmarks than in {files[0].name}; measure all faces alike")
        index = numbers
        for clip in clips:
            speakers.setdefault(clip.speaker, []).append(clip)
            if path.name.startswith(HELD_OUT_GROUP):
                held_out.add(clip.speaker)
    missing = [clip.sound for clips in speakers.values() for clip in clips if not clip.sound.exists()]
    if missing:
        raise TalkerError(f"{missing[0]} not found, nor {len(missing) - 1} others; recordings lie beside the landmarks")

    assert index is not None
    shapes = [np.median(np.concatenate([clip.points for clip in clips]), axis=0) for clips in speakers.values()]
    fit = FaceFit(facs, index, shapes)
    lips = LipGeometry(facs.names.tolist(), facs.deltas, facs.neutral)
    folder = Path(out)
    begin_curves(folder, ("wav", "curves", "pose", "seen"))
    entries: list[dict] = []
    templates, figures, done = {}, {}, 0
    total = sum(len(clips) for clips in speakers.values())
    for speaker, clips in speakers.items():
        person = fit.person([clip.points for clip in clips])
        fitted = [fit.fit(clip.points, person) for clip in clips]
        everything = np.concatenate([one.seen for one in fitted])
        shut = everything[:, 0] <= np.percentile(everything[:, 0], 10)
        rest = np.array([np.percentile(everything[:, 0], 5), *np.median(everything[shut, 1:], axis=0)])
        opening = float(np.percentile(everything[:, 0], 95) - rest[0])
        counts = np.zeros(3)
        for number, (clip, one) in enumerate(zip(clips, fitted, strict=True)):
            split = "test" if speaker in held_out else "train"
            if split == "train" and len(clips) > 20 * VALIDATION_CLIPS and number >= len(clips) - VALIDATION_CLIPS:
                split = "val"
            entry, counted = _write_clip(folder, clip, one, rest, opening, lips)
            counts += counted
            entries.append({**entry, "split": split})
            done += 1
            if progress is not None:
                progress(done / total, f"{clip.name}, {one.error_mm:.2f} mm off")
        templates[speaker] = _template(facs.neutral, facs.identities, person)
        heard, seen, restored = counts
        figures[speaker] = {
            "clips": len(clips),
            "error_px": float(np.mean([one.error_px for one in fitted])),
            "error_mm": float(np.mean([one.error_mm for one in fitted])),
            "gap_p95_mm": opening,
            "contacts": int(heard),
            "seen": seen / max(heard, 1),
            "restored": restored / max(heard, 1),
        }
    write_figures(folder / "people.json", figures)
    write_index(folder, geometry, templates, entries)
    return figures


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as text, a line per speaker."""
    lines = ["speaker  clips  error px  error mm  gap p95 mm  contacts  seen shut  restored"]
    for speaker, row in figures.items():
        lines.append(
            f"{speaker:>7}  {row['clips']:5d}  {row['error_px']:8.2f}  {row['error_mm']:8.2f}"
            f"  {row['gap_p95_mm']:10.1f}  {row['contacts']:8d}  {row['seen']:9.2f}  {row['restored']:8.2f}"
        )
    return "\n".join(lines)


def person_of(sequence: SpeechSequence) -> str:
    """Who speaks in a clip: of some people there is one more sentence under another name."""
    return person_named(sequence.subject)


def person_named(subject: str) -> str:
    """The person whom a corpus calls ``subject``."""
    return _SAME_PERSON.get(subject, subject)


def hold_out(sequences: Sequence[SpeechSequence], people: Collection[str] | None) -> list[SpeechSequence]:
    """``sequences`` split so that ``people`` and nobody else are held out; as the corpus has it where None.

    Who is held out is so in every clip, whatever its name; a clip's own name holds out that clip alone.
    :class:`TalkerError` where one of them is not there.
    """
    if people is None:
        return list(sequences)
    names = [{sequence.subject, person_of(sequence)} for sequence in sequences]
    missing = set(people).difference(*names)
    if missing:
        there = ", ".join(sorted({sequence.subject for sequence in sequences}))
        raise TalkerError(f"nobody is called {', '.join(sorted(missing))} in the corpus of people; there are {there}")
    split = [
        "test" if not called.isdisjoint(people) else "train" if sequence.split == "test" else sequence.split
        for sequence, called in zip(sequences, names, strict=True)
    ]
    return [replace(sequence, split=part) for sequence, part in zip(sequences, split, strict=True)]


def read_seen(corpus: str | os.PathLike[str], name: str) -> np.ndarray:
    """What the camera measured of a clip, (T,3) mm from rest at 60 a second: :data:`SEEN`."""
    path = Path(corpus) / "seen" / f"{name}.npy"
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TalkerError(f"{path}: not readable ({error}); make the corpus again with `corpus people`") from None


def restore_contacts(gap: np.ndarray, phones: Sequence[Phone], opening: float) -> tuple[np.ndarray, np.ndarray, int]:
    """(gap, closed 0 … 1, number seen) of a measured gap (T,) mm at 60 a second with its bilabials pressed shut.

    ``opening``: the speaker's 95th percentile. Each contact is moved to where the gap is least within 50 ms; one in
    whose surroundings the lips stay further apart than half the opening is left as it was measured.
    """
    clock = np.arange(len(gap)) / FRAME_RATE
    spans, seen = [], 0
    for start, end in contact_spans(phones, BILABIALS):
        middle, half = 0.5 * (start + end), 0.5 * (end - start)
        near = np.flatnonzero(np.abs(clock - middle) <= half + _CONTACT_SEARCH_SECONDS)
        if not len(near):
            continue
        least = gap[near].min()
        seen += int(least < 0.15 * opening)
        if least > _APPROACHED * opening:
            continue
        touching = near[gap[near] <= least + 0.03 * opening]
        shift = clock[touching[np.abs(clock[touching] - middle).argmin()]] - middle
        shift = float(np.sign(shift) * max(0.0, abs(shift) - half))  # nothing to move where the span holds the least
        spans.append((start + shift, end + shift))
    closed = contact_envelope(spans, clock, CONTACT_EDGE_SECONDS, CONTACT_EDGE_SECONDS)
    return gap * (1 - closed) - PRESSED_MM * closed, closed, seen


def at_rest(phones: Sequence[Phone], frames: int) -> np.ndarray:
    """(frames,) 0 … 1 at 60 a second: how far the mouth has come to rest after the last word.

    How people part their lips in silence is habit, and the camera's error besides: a speaker who has nothing to say
    shuts the mouth. Before the first word it is a breath, and stays.
    """
    last = max((phone.end for phone in phones if phone.name != SILENCE), default=np.inf)
    clock = np.arange(frames) / FRAME_RATE
    return contact_envelope([(last + 1.25 * RESTING_SECONDS, np.inf)], clock, RESTING_SECONDS, RESTING_SECONDS)


def _write_clip(
    folder: Path, clip: SeenClip, fitted: Fitted, rest: np.ndarray, opening: float, lips: LipGeometry
) -> tuple[dict, np.ndarray]:
    """Writes sound, curves, pose and measures of one clip: its entry, and contacts heard, seen, restored."""
    samples = load_sound(clip.sound)
    frames = round(len(samples) / SAMPLE_RATE * FRAME_RATE)
    weights = at_frame_rate(fitted.weights, clip.fps, frames)
    seen = at_frame_rate(fitted.seen - rest, clip.fps, frames)
    gap = np.maximum(seen[:, 0], 0)
    phones = alignment.align(samples, clip.text)
    closed, counted = np.zeros(frames), np.zeros(3)
    if phones is None:
        log.info("%s: no alignment, contacts as the camera saw them", clip.name)
    else:
        heard = len(contact_spans(phones, BILABIALS))
        gap, closed, shut = restore_contacts(gap, phones, opening)
        counted = np.array([heard, shut, len(_runs(closed))])
    lips.set_gap(weights, gap, may_open=1 - closed)
    mouth = [number for name, number in lips.index.items() if name.startswith(("jaw", "mouth"))]
    weights[:, mouth] *= 1 - at_rest(phones or (), frames)[:, None]
    np.save(folder / "curves" / f"{clip.name}.npy", weights.astype(np.float16))
    np.save(folder / "pose" / f"{clip.name}.npy", at_frame_rate(fitted.pose, clip.fps, frames).astype(np.float32))
    np.save(folder / "seen" / f"{clip.name}.npy", seen.astype(np.float32))
    save_sound(folder / "wav" / f"{clip.name}.flac", samples)
    entry = {
        "name": clip.name, "subject": clip.speaker, "voice": SOURCE, "text": clip.text, "source": clip.name,
        "seconds": round(len(samples) / SAMPLE_RATE, 4),
        "phones": [[round(p.start, 4), round(p.end, 4), p.name] for p in phones or []],
    }  # fmt: skip
    return entry, counted


def _runs(closed: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(np.concatenate([[0], (closed > 0.5).astype(int)])) > 0)


def _template(neutral: np.ndarray, identities: np.ndarray, person: Person) -> np.ndarray:
    return (neutral + np.tensordot(person.identity, identities, 1)).astype(np.float32)
