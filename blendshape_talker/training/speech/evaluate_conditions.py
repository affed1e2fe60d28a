"""The lips in conditions that were not trained for: `evaluate conditions` prints one table, a line per condition.

Speech is judged by its phones and by the aperture that the coarticulation model gives them; sounds in which nobody
speaks by how far and how often the mouth opens.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import Head, load_head
from ...files import write_figures
from ...job import Progress
from ...speech import lip_sync
from ...speech.model import SpeechModel
from ..corpus import alignment, conditions, synthesis
from ..corpus.coarticulation import lip_aperture
from ..corpus.phones import Phone
from ..corpus.speech_corpus import ljspeech_clips, pronounce, read_transcripts, recording
from ..corpus.synthesis import Speech
from .differences import aligned, difference_table
from .evaluate import Tally, lip_gap
from .phone_outcomes import judge_phones, pause_gap

COLUMNS = {
    "takes": "takes",
    "closure_recall": "p/b/m closed",
    "closure_precision": "closures right",
    "labiodental_recall": "f/v narrow",
    "pauses_shut": "pauses shut",
    "pause_gap_mm": "pause gap mm",
    "gap_correlation": "gap corr",
    "lag_ms": "lag ms",
    "jitter": "jitter",
    "gap_p95_mm": "gap p95 mm",
    "openings_per_second": "openings/s",
}
_BABBLE_CLIPS = 4
# espeak-ng's variants of a language's voice and their words a minute.
_VOICES = (("f2", 165), ("m3", 150), ("f4", 150), ("m7", 170), ("f5", 175), ("m2", 140), ("f1", 145), ("m4", 160))
_QUIET_SECONDS, _QUIET_TAKES = 6.0, 2
_INTERRUPTION_SECONDS = 3.0
OPEN_MM, SHUT_MM = 2.0, 1.0


@dataclass(frozen=True)
class Take:
    """Sound (N,) at 16 kHz and, where somebody speaks, its phones and the lip gap (T,) mm that they ask for."""

    condition: str
    samples: np.ndarray
    phones: list[Phone] | None = None
    reference: np.ndarray | None = None


def speech_takes(
    clips: Sequence[Speech], others: Sequence[np.ndarray], seed: int = 0, changed: int | None = None
) -> Iterator[Take]:
    """Recorded ``clips`` clean, then the first ``changed`` of them (all) in every condition.

    ``others`` are the voices (N,) of the babble.
    """

    def take(condition: str, samples: np.ndarray, speech: Speech, factor: float = 1.0) -> Take:
        # What the lips should do follows from the clean sound: loudness is the speaker's, not the room's.
        phones, clean = speech.phones, speech.samples
        if factor != 1:
            phones, clean = conditions.slower(phones, factor), conditions.stretched(clean, factor)
        return Take(condition, samples, phones, lip_aperture(phones, clean))

    for speech in clips:
        yield take("clean", speech.samples, speech)
    chosen = clips[:changed]
    longest = max(speech.seconds for speech in chosen)
    generator = np.random.default_rng(seed)
    crowd, band = conditions.babble(others, longest), conditions.music(longest, generator)
    fan = conditions.room_noise(longest, generator)
    for name, sound, decibels in (
        ("music", band, 15), ("music", band, 5), ("music", band, 0), ("babble", crowd, 15), ("babble", crowd, 5),
        ("room noise", fan, 5),
    ):  # fmt: skip
        for speech in chosen:
            yield take(f"{name}, {decibels} dB below", conditions.mixed(speech.samples, sound, decibels), speech)
    for speech in chosen:
        clean = speech.samples
        yield take("telephone", conditions.telephone(clean), speech)
        for seconds in (0.5, 1.2):
            yield take(f"reverberation {seconds} s", conditions.in_room(clean, seconds, generator), speech)
        yield take("whispered", conditions.whispered(clean, generator), speech)
        yield take("shouted", conditions.shouted(clean, generator), speech)
        for name, factor in (("1.5 times as fast", 1 / 1.5), ("1.5 times as slow", 1.5)):
            yield take(name, conditions.stretched(clean, factor), speech, factor)
        yield take("sung", conditions.sung(clean, generator, 1.8), speech, 1.8)
        for name in ("coughing", "breathing", "music alone"):
            sound = conditions.NO_SPEECH[name](_INTERRUPTION_SECONDS, generator)
            longer = conditions.followed_by(speech, sound)
            silent = conditions.followed_by(speech, np.zeros(len(sound)))
            reference = lip_aperture(silent.phones, silent.samples)
            yield Take(f"speech, then {name}", longer.samples, longer.phones, reference)


def language_takes(voices: int | None = None) -> Iterator[Take]:
    """Synthesised sentences of :data:`conditions.LANGUAGES` in eight voices of women and men, or the first of them.

    :raises TalkerError: when espeak-ng is not installed.
    """
    for language, (name, text) in conditions.LANGUAGES.items():
        for variant, rate in _VOICES[:voices]:
            speech = synthesis.espeak().say(text, f"{language}+{variant}", rate)
            reference = lip_aperture(speech.phones, speech.samples)
            yield Take(f"{name}, synthetic", conditions.scaled(speech.samples), speech.phones, reference)


def quiet_takes(seed: int = 0) -> Iterator[Take]:
    """Sounds in which nobody speaks."""
    for name, make in conditions.NO_SPEECH.items():
        for number in range(_QUIET_TAKES):
            yield Take(f"no speech: {name}", make(_QUIET_SECONDS, np.random.default_rng([seed, number])))


def openings(gap: np.ndarray) -> int:
    """How often a gap (T,) mm rises above 2 mm after it was below 1 mm; open at the beginning counts as one."""
    count, is_open = 0, False
    for value in gap:
        if not is_open and value > OPEN_MM:
            count, is_open = count + 1, True
        elif is_open and value < SHUT_MM:
            is_open = False
    return count


@dataclass
class Row(Tally):
    """Figures of all takes of one condition, and their gaps, mm."""

    gaps: list[np.ndarray] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        figures = super().figures()
        figures["gap_p95_mm"] = float(np.percentile(np.concatenate(self.gaps), 95))
        figures["openings_per_second"] = sum(openings(gap) for gap in self.gaps) / sum(self.seconds)
        return {name: figures[name] for name in COLUMNS}


def measure(model: SpeechModel, takes: Sequence[Take], head: Head, progress: Progress | None = None) -> dict[str, Row]:
    """A row for each condition, in the model's average style."""
    rows: dict[str, Row] = {}
    for number, take in enumerate(takes):
        if progress is not None:
            progress(number / len(takes), f"Measuring {take.condition}")
        gap = lip_gap(model, take.samples, head)
        row = rows.setdefault(take.condition, Row())
        row.gaps.append(gap)
        row.seconds.append(len(gap) / lip_sync.FPS)
        if take.phones is not None:
            row.outcomes += judge_phones(gap, take.phones)
            row.pause_gaps.append(pause_gap(gap, take.phones))
        if take.reference is not None:
            frames = min(len(gap), len(take.reference))
            reference, predicted = np.maximum(take.reference[:frames], 0), gap[:frames]
            row.correlations.append(lip_sync.correlation(reference, predicted))
            row.lags.append(lip_sync.lag_milliseconds(reference, predicted))
            row.jitters.append(lip_sync.jitter(reference, predicted))
    return rows


def table(figures: Mapping[str, Mapping[str, float | None]]) -> str:
    """The figures as text, one line per condition."""
    lines = [["condition", *COLUMNS.values()]]
    for condition, values in figures.items():
        shown = (values[name] for name in COLUMNS)
        cells = ["-" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}" for value in shown]
        lines.append([condition, *cells])
    return aligned(lines)


def run(
    ljspeech: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    takes: int | None = None,
    against: str | os.PathLike[str] | None = None,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``; the table as text.

    ``ljspeech`` is the folder of LJ Speech's clips that the speech corpus is made of; those held out are measured.
    ``takes``: of these and of the voices of a language, how many in each condition (all). ``against``: folder of
    another model, measured on the same sounds; a second table then says where the two differ by more than chance.
    """
    model, head = SpeechModel.load(weights), load_head()
    other = SpeechModel.load(against) if against is not None else None
    if progress is not None:
        progress(0.0, "Aligning the recordings")
    training, held_out = ljspeech_clips(Path(ljspeech))
    transcripts = read_transcripts(Path(ljspeech))
    clips = []
    for name in held_out:
        samples = recording(Path(ljspeech), name)
        phones = alignment.align(samples, transcripts[name], pronounce)
        if phones is not None:
            clips.append(Speech(samples, phones))
    if not clips:
        raise TalkerError(f"{ljspeech}: none of the held-out clips fits its transcript; check transcripts.tsv")
    others = [recording(Path(ljspeech), name) for name in training[:_BABBLE_CLIPS]]
    sounds = [*speech_takes(clips, others, changed=takes), *language_takes(takes), *quiet_takes()]
    rows = measure(model, sounds, head, progress)
    figures = {condition: row.figures() for condition, row in rows.items()}
    if json_path is not None:
        write_figures(json_path, figures)
    if other is None:
        return table(figures)
    before = measure(other, sounds, head, progress)
    outcomes = ({condition: row.outcomes for condition, row in each.items()} for each in (rows, before))
    return f"{table(figures)}\n\n{difference_table(*outcomes)}"
