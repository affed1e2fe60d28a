"""The lips in song: `evaluate songs` prints one table, of synthesised song and of recordings.

A long steady tone is a vowel or an instrument. Where somebody sings the mouth has to stay open through it, move a
little, and not flap on every note of a melisma; where an instrument plays it has to stay shut. Recordings bring no
phones: of them it is told how far and how often the mouth opens while they sound.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import load_head
from ...files import write_figures
from ...job import Progress
from ...speech import lip_sync
from ...speech.audio import SAMPLE_RATE, load_recording
from ...speech.model import SpeechModel
from ..corpus.conditions import breathing
from ..corpus.phones import VOWELS, Phone
from ..corpus.singing import songs
from .evaluate import lip_gap, table
from .evaluate_conditions import openings
from .phone_outcomes import judge_phones

COLUMNS = {
    "seconds": "s",
    "gap_median_mm": "gap mm",
    "shut": "shut",
    "openings_per_second": "openings/s",
    "vowels_open": "vowels open",
    "flaps_per_second": "flaps/s",
    "speed": "mm/s",
    "closure_recall": "m closed",
    "pauses_shut": "pauses shut",
    "breath_mm": "breath mm",
}
"""Of the time that sounds: the gap's median and the share with lips shut. In the middle of held vowels: the share that
stays open, turns of 1 mm or more a second, and the gap's mean speed. Breath: the widest gap while one is taken before
the song, 15 dB below it, the median over songs."""
HELD_SECONDS = 0.5
FLAP_MM = 1.0
_LOUD = 10 ** (-25 / 20)
_BREATH_SECONDS, _BREATH = 1.5, 10 ** (-15 / 20)
_SEED = 1000  # songs that no training run with a seed below hears
_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".oga", ".opus")


@dataclass
class Row:
    """What the lips did in one kind of song."""

    seconds: list[float] = field(default_factory=list)
    sounding: list[np.ndarray] = field(default_factory=list)
    shut: list[np.ndarray] = field(default_factory=list)
    openings: int = 0
    vowels: list[bool] = field(default_factory=list)
    flaps: int = 0
    speeds: list[np.ndarray] = field(default_factory=list)
    bilabials: list[bool] = field(default_factory=list)
    pauses: list[bool] = field(default_factory=list)
    breaths: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """The table's columns; None where there was nothing to measure."""
        gap, shut, speed = (np.concatenate(part or [np.zeros(0)]) for part in (self.sounding, self.shut, self.speeds))

        def share(of: Sequence[bool] | np.ndarray) -> float | None:
            return float(np.mean(of)) if len(of) else None

        return {
            "seconds": float(sum(self.seconds)),
            "gap_median_mm": float(np.median(gap)) if len(gap) else None,
            "shut": share(shut),
            "openings_per_second": self.openings / sum(self.seconds),
            "vowels_open": share(self.vowels),
            "flaps_per_second": self.flaps / (len(speed) / lip_sync.FPS) if len(speed) else None,
            "speed": float(speed.mean()) if len(speed) else None,
            "closure_recall": share(self.bilabials),
            "pauses_shut": share(self.pauses),
            "breath_mm": float(np.median(self.breaths)) if self.breaths else None,
        }


def sounding(samples: np.ndarray, frames: int) -> np.ndarray:
    """Frames (T,), at 60 a second, in which sound (N,) at 16 kHz is within 25 dB of its loudest twentieth."""
    hop = SAMPLE_RATE / lip_sync.FPS
    edges = np.minimum(np.round(np.arange(frames + 1) * hop).astype(int), len(samples))
    power = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    level = np.sqrt(np.diff(power[edges]) / hop)
    return level > max(_LOUD * np.percentile(level, 95), 1e-5)


def turns(curve: np.ndarray, least: float = FLAP_MM) -> int:
    """How often a curve (T,) turns back by ``least`` or more after it went as far."""
    count, direction = 0, 0
    low = high = float(curve[0]) if len(curve) else 0.0
    for value in curve:
        low, high = min(low, value), max(high, value)
        if direction >= 0 and high - value >= least:
            count, direction, low, high = count + (direction > 0), -1, value, value
        elif direction <= 0 and value - low >= least:
            count, direction, low, high = count + (direction < 0), 1, value, value
    return count


def add_song(row: Row, gap: np.ndarray, samples: np.ndarray, phones: Sequence[Phone] = ()) -> None:
    """Add what a gap (T,) mm did in a song (N,) at 16 kHz, sung as ``phones`` where those are known."""
    loud = sounding(samples, len(gap))
    # A mouth that never opens is shut, however its little openings compare to each other.
    shut = (gap < lip_sync.CLOSED * np.percentile(gap, 95)) | (gap < 0.5)
    row.seconds.append(len(gap) / lip_sync.FPS)
    row.sounding.append(gap[loud])
    row.shut.append(shut[loud])
    row.openings += openings(gap)
    for phone in phones:
        if phone.name in VOWELS and phone.end - phone.start >= HELD_SECONDS:
            quarter = (phone.end - phone.start) / 4
            part = slice(round((phone.start + quarter) * lip_sync.FPS), round((phone.end - quarter) * lip_sync.FPS))
            row.vowels.append(not shut[part].any())
            row.flaps += turns(gap[part])
            row.speeds.append(np.abs(np.diff(gap[part])) * lip_sync.FPS)
    outcomes = judge_phones(gap, phones)
    row.bilabials += outcomes.bilabials
    row.pauses += outcomes.pauses


def _breath_before(song: np.ndarray, number: int) -> np.ndarray:
    """A breath in through the mouth before a song (N,), of another making than those that are trained on."""
    sound = breathing(_BREATH_SECONDS, np.random.default_rng([_SEED, number]))
    level = np.sqrt(np.mean(np.square(song))) / np.sqrt(np.mean(np.square(sound)))
    return (_BREATH * level * sound).astype(np.float32)


def run(
    recordings: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    seconds: float = 240.0,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``; the table as text.

    ``seconds`` of song are synthesised, none of them trained on; ``recordings``: a folder of sound files, a row each.
    """
    files: list[Path] = []
    if recordings is not None:
        files = sorted(path for path in Path(recordings).iterdir() if path.suffix.lower() in _SUFFIXES)
        if not files:
            raise TalkerError(f"{recordings}: no sound files there; name a folder of recordings")
    model, head = SpeechModel.load(weights), load_head()
    rows: dict[str, Row] = {"synthesised": Row()}
    for number, (_, song) in enumerate(songs(seconds, _SEED)):
        if progress is not None:
            progress(min(sum(rows["synthesised"].seconds) / seconds, 1.0), "Singing")
        drawn = _breath_before(song.samples, number)
        gap = lip_gap(model, np.concatenate([drawn, song.samples]), head)
        frames = round(_BREATH_SECONDS * lip_sync.FPS)
        rows["synthesised"].breaths.append(float(gap[:frames].max()))
        add_song(rows["synthesised"], gap[frames:], song.samples, song.phones)
    for number, path in enumerate(files):
        if progress is not None:
            progress(number / len(files), f"Measuring {path.name}")
        samples = load_recording(path).samples
        add_song(rows.setdefault(path.name, Row()), lip_gap(model, samples, head), samples)
    figures = {name: row.figures() for name, row in rows.items()}
    if json_path is not None:
        write_figures(json_path, figures)
    return table(figures, COLUMNS)
