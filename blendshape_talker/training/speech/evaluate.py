"""How well the lips follow speech that was never trained on: `evaluate speech` prints one table, a line per speaker."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import TalkerError
from ...face.flame import LOWER_LIP, UPPER_LIP, Head, lip_gaps_of_pair, load_head
from ...files import write_figures
from ...job import Progress
from ...speech import lip_sync
from ...speech.model import SpeechModel
from ..corpus.speech_layouts import read_corpus
from ..corpus.speech_sequence import SpeechSequence
from .losses import lip_vertex_error
from .phone_outcomes import PhoneOutcomes, judge_phones, pause_gap

_BLOCK = 600

COLUMNS = {
    "takes": "takes",
    "lve_mm": "LVE mm",
    "lve_1e-5_m2": "LVE 1e-5 m²",
    "gap_correlation": "gap corr",
    "closure_recall": "p/b/m closed",
    "closure_precision": "closures right",
    "labiodental_recall": "f/v narrow",
    "closure_f1": "closure F1",
    "pauses_shut": "pauses shut",
    "pause_gap_mm": "pause gap mm",
    "lag_ms": "lag ms",
    "jitter": "jitter",
}


@dataclass
class Tally:
    """Figures of several takes, summed up."""

    seconds: list[float] = field(default_factory=list)
    lve: list[float] = field(default_factory=list)
    lve_squared: list[float] = field(default_factory=list)
    correlations: list[float] = field(default_factory=list)
    jitters: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    outcomes: PhoneOutcomes = field(default_factory=PhoneOutcomes)
    matches: np.ndarray = field(default_factory=lambda: np.zeros(3))
    pause_gaps: list[np.ndarray] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """The table's columns; None where there was nothing to measure."""
        outcomes = self.outcomes
        matched, wanted, found = self.matches
        pauses = np.concatenate(self.pause_gaps) if self.pause_gaps else np.zeros(0)

        def mean(values: Sequence[float]) -> float | None:
            return float(np.average(values, weights=self.seconds[: len(values)])) if values else None

        def share(part: float, whole: float) -> float | None:
            return float(part / whole) if whole else None

        return {
            "takes": len(self.seconds),
            "lve_mm": mean(self.lve),
            "lve_1e-5_m2": mean(self.lve_squared),
            "gap_correlation": mean(self.correlations),
            "closure_recall": share(sum(outcomes.bilabials), len(outcomes.bilabials)),
            "closure_precision": share(sum(outcomes.closures), len(outcomes.closures)),
            "labiodental_recall": share(sum(outcomes.labiodentals), len(outcomes.labiodentals)),
            "closure_f1": share(2 * matched, wanted + found),
            "pauses_shut": share(sum(outcomes.pauses), len(outcomes.pauses)),
            "pause_gap_mm": float(np.percentile(pauses, 95)) if len(pauses) else None,
            "lag_ms": float(np.median(self.lags)) if self.lags else None,
            "jitter": mean(self.jitters),
        }


def evaluate(
    model: SpeechModel,
    sequences: Sequence[SpeechSequence],
    head: Head,
    progress: Progress | None = None,
) -> dict[str, dict[str, float | None]]:
    """Figures per subject and over ``all`` takes, in the model's average style."""
    tallies: dict[str, Tally] = {"all": Tally()}
    for number, sequence in enumerate(sequences):
        if progress is not None:
            progress(number / len(sequences), f"Measuring {sequence.name}")
        coefficients = model.coefficients(sequence.samples())
        for tally in (tallies["all"], tallies.setdefault(sequence.subject, Tally())):
            measure(tally, model, sequence, coefficients, head)
    return {subject: tally.figures() for subject, tally in tallies.items()}


def measure(tally: Tally, model: SpeechModel, sequence: SpeechSequence, coefficients: np.ndarray, head: Head) -> None:
    """Add the figures of one take to a tally: ``coefficients`` (T,K) are the model's for its sound."""
    frames = min(len(coefficients), sequence.frames)
    chosen = np.concatenate([head.lips, [UPPER_LIP, LOWER_LIP]])
    lip_basis = model.basis[:, chosen].reshape(len(model.basis), -1)
    predicted = (coefficients[:frames] @ lip_basis).reshape(frames, -1, 3)
    wanted = np.concatenate(
        [sequence.deltas(start, min(start + _BLOCK, frames))[:, chosen] for start in range(0, frames, _BLOCK)]
    )
    lve, lve_squared = lip_vertex_error(predicted[:, :-2], wanted[:, :-2])
    gap, reference = (lip_gaps_of_pair(lips[:, -2:], head) for lips in (predicted, wanted))
    tally.seconds.append(frames / lip_sync.FPS)
    tally.lve.append(lve)
    tally.lve_squared.append(lve_squared)
    tally.correlations.append(lip_sync.correlation(reference, gap))
    tally.jitters.append(lip_sync.jitter(reference, gap))
    tally.lags.append(lip_sync.lag_milliseconds(reference, gap))
    tally.matches += lip_sync.matched_closures(reference, gap)
    if sequence.phones:
        tally.outcomes += judge_phones(gap, sequence.phones)
        tally.pause_gaps.append(pause_gap(gap, sequence.phones))


def lip_gap(model: SpeechModel, samples: np.ndarray, head: Head) -> np.ndarray:
    """The gap (T,), mm above neutral at 60 a second, that a model's average style gives to sound (N,) at 16 kHz."""
    lips = np.tensordot(model.coefficients(samples), model.basis[:, [UPPER_LIP, LOWER_LIP]], 1)
    gap = lip_gaps_of_pair(lips, head)
    if not np.isfinite(gap).all():
        raise TalkerError("the model moves the lips to nowhere; train it again")
    return gap


def table(figures: Mapping[str, Mapping[str, float | None]], columns: Mapping[str, str] = COLUMNS) -> str:
    """The figures as text, one line per speaker."""
    lines = [["", *columns.values()]]
    for speaker, values in figures.items():
        cells = []
        for name in columns:
            value = values[name]
            cells.append("-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}")
        lines.append([speaker, *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def run(
    corpus: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    split: str = "test",
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``, on a split of a corpus; the table as text."""
    sequences = [s for s in read_corpus(corpus) if s.split == split and s.voice != "none"]
    if not sequences:
        raise TalkerError(f"{corpus}: no sequences in split {split!r}; choose train, val or test, or another corpus")
    figures = evaluate(SpeechModel.load(weights), sequences, load_head(), progress)
    if json_path is not None:
        write_figures(json_path, figures)
    return table(figures)
