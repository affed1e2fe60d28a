"""How the mouth moves against people whom a camera saw and a network does not know: `evaluate people`, one table.

The reference is what was measured, before anything was fitted or restored: the gap between the lips, the width of the
mouth and how far the lips come forwards (of which one camera in front of a face sees little). A figure of a person is
the mean over their sentences, at zero lag; the mean is over people, each of whom counts once, and besides over all
takes. People breathe in before they speak, some with the mouth wide open, which
hardly anything in the sound foretells: the gap's correlation is also given from the first word on, and how far the lips
stand apart then, as a share of the take's 95th percentile.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...errors import TalkerError
from ...face.flame import LOWER_LIP, UPPER_LIP, Head, load_head
from ...files import write_figures
from ...job import Progress
from ...speech import lip_sync
from ...speech.model import SpeechModel
from ...speech.network import FPS
from ..corpus.people import person_of, read_seen
from ..corpus.speech_layouts import read_corpus
from ..corpus.speech_sequence import SpeechSequence
from .evaluate import table
from .settings import WITH_PEOPLE, TrainingSettings
from .train import train

COLUMNS = {
    "takes": "takes",
    "gap_correlation": "gap corr",
    "worst_take": "worst take",
    "speech_correlation": "from 1st word",
    "width_correlation": "width corr",
    "protrusion_correlation": "protrusion corr",
    "liveliness": "liveliness",
    "closure_f1": "closure F1",
    "lag_ms": "lag ms",
    "breath_seen": "breath seen",
    "breath": "breath",
}
POOLED = "one take each"
_BREATH = (18, 6)  # frames before the first word: 0.3 to 0.1 s
_TRAINED = 0.95  # of the time that `leave_out` takes


def _farthest(values: list[float], aim: float) -> float | None:
    return max(values, key=lambda value: abs(value - aim), default=None)


_WORST: dict[str, Callable[[list[float]], float | None]] = {
    "takes": lambda values: None,
    **{name: lambda values: min(values, default=None) for name in COLUMNS if name.endswith("correlation")},
    "worst_take": lambda values: min(values, default=None),
    "liveliness": lambda values: _farthest(values, 1.0),
    "closure_f1": lambda values: min(values, default=None),
    "lag_ms": lambda values: _farthest(values, 0.0),
    "breath_seen": lambda values: None,
    "breath": lambda values: None,
}


@dataclass
class _Takes:
    gap: list[float] = field(default_factory=list)
    speech: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    protrusion: list[float] = field(default_factory=list)
    lively: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    breaths: list[tuple[float, float]] = field(default_factory=list)
    matches: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def figures(self) -> dict[str, float | None]:
        matched, wanted, found = self.matches
        return {
            "takes": len(self.gap),
            "gap_correlation": float(np.mean(self.gap)),
            "worst_take": float(np.min(self.gap)),
            "speech_correlation": float(np.mean(self.speech)),
            "width_correlation": float(np.mean(self.width)),
            "protrusion_correlation": float(np.mean(self.protrusion)),
            "liveliness": float(np.mean(self.lively)),
            "closure_f1": float(2 * matched / (wanted + found)) if wanted + found else None,
            "lag_ms": float(np.median(self.lags)),
            "breath_seen": float(np.mean([seen for seen, _ in self.breaths])) if self.breaths else None,
            "breath": float(np.mean([found for _, found in self.breaths])) if self.breaths else None,
        }


def mouth_measures(displacements: Callable[[np.ndarray], np.ndarray], head: Head) -> np.ndarray:
    """Gap, width and protrusion (T,3) in mm from rest; ``displacements(vertices (V,)) -> (T,V,3)`` in metres."""
    right, left = head.lip_pairs[0, 0], head.lip_pairs[-1, 0]
    chosen = np.array([UPPER_LIP, LOWER_LIP, right, left])
    moved = displacements(chosen)
    neutral = head.vertices[chosen]

    def apart(a: int, b: int) -> np.ndarray:
        distance = np.linalg.norm(neutral[a] - neutral[b] + moved[:, a] - moved[:, b], axis=1)
        return distance - np.linalg.norm(neutral[a] - neutral[b])

    return 1000 * np.stack([apart(0, 1), apart(2, 3), moved[:, :2, 2].mean(axis=1)], axis=1)


def _breath(gap: np.ndarray, first_word: int) -> float:
    """Mean gap shortly before the frame of the first word, as a share of the 95th percentile of the take (T,)."""
    around = np.maximum(gap[max(0, first_word - _BREATH[0]) : first_word - _BREATH[1]], 0)
    return float(around.mean() / max(float(np.percentile(gap, 95)), 1e-6))


def evaluate(
    predict: Callable[[SpeechSequence], np.ndarray],
    corpus: str | os.PathLike[str],
    sequences: Sequence[SpeechSequence],
    progress: Progress | None = None,
) -> dict[str, dict[str, float | None]]:
    """Figures per person, their mean and their worst. ``predict`` gives :func:`mouth_measures` (T,3) of a take.

    People with a single take are one row together, which counts in the mean of people as often as there are of them.
    """
    counts = Counter(map(person_of, sequences))
    takes: dict[str, _Takes] = {}
    for number, sequence in enumerate(sequences):
        if progress is not None:
            progress(number / len(sequences), f"Measuring {sequence.name}")
        seen = read_seen(corpus, sequence.name)
        found = predict(sequence)
        frames = min(len(seen), len(found))
        seen, found = seen[:frames], found[:frames]
        name = person_of(sequence)
        person = takes.setdefault(name if counts[name] > 1 else POOLED, _Takes())
        person.gap.append(lip_sync.correlation(seen[:, 0], np.maximum(found[:, 0], 0)))
        begun = min(round(sequence.first_word * FPS), frames - 2)
        person.speech.append(lip_sync.correlation(seen[begun:, 0], np.maximum(found[begun:, 0], 0)))
        person.width.append(lip_sync.correlation(seen[:, 1], found[:, 1]))
        person.protrusion.append(lip_sync.correlation(seen[:, 2], found[:, 2]))
        person.lively.append(lip_sync.jitter(seen[:, 0], found[:, 0]))
        person.lags.append(lip_sync.lag_milliseconds(seen[:, 0], found[:, 0]))
        if begun > _BREATH[1]:
            person.breaths.append((_breath(seen[:, 0], begun), _breath(found[:, 0], begun)))
        person.matches += lip_sync.matched_closures(seen[:, 0], found[:, 0])
    figures = {name: person.figures() for name, person in takes.items()}
    heads = {name: float(row["takes"] or 0) if name == POOLED else 1.0 for name, row in figures.items()}
    return {
        "mean of people": _mean(figures, heads),
        "mean of takes": _mean(figures, {name: float(row["takes"] or 0) for name, row in figures.items()}),
        "worst person": {
            name: worst([value for row in figures.values() if (value := row[name]) is not None])
            for name, worst in _WORST.items()
        },
        **figures,
    }


def _mean(figures: Mapping[str, Mapping[str, float | None]], weights: Mapping[str, float]) -> dict[str, float | None]:
    """One row of all: the mean of each column, rows by their ``weights``; takes are summed."""
    row: dict[str, float | None] = {"takes": int(sum(person["takes"] or 0 for person in figures.values()))}
    for name in list(COLUMNS)[1:]:
        values = {person: value for person, told in figures.items() if (value := told[name]) is not None}
        shares = [weights[person] for person in values]
        row[name] = float(np.average(list(values.values()), weights=shares)) if values else None
    return row


def unknown_to(model: SpeechModel, sequences: Sequence[SpeechSequence]) -> list[SpeechSequence]:
    """Those takes whose people ``model`` was not trained on: it has a style of each who was."""
    return [sequence for sequence in sequences if person_of(sequence) not in model.config.styles]


def run(
    corpus: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``, on everybody it does not know; a table as text.

    Whether the corpus calls their takes training or test does not matter.
    """
    model = SpeechModel.load(weights)
    sequences = unknown_to(model, read_corpus(corpus))
    if not sequences:
        raise TalkerError(f"{corpus}: these weights know everybody in it; bring other people, or see `--leave-out`")
    figures = evaluate(mouth_of(model), corpus, sequences, progress)
    if json_path is not None:
        write_figures(json_path, figures)
    return table(figures, COLUMNS)


def mouth_of(model: SpeechModel) -> Callable[[SpeechSequence], np.ndarray]:
    """Function that gives the :func:`mouth_measures` (T,3) of what ``model`` hears in a take."""
    head = load_head()

    def predict(sequence: SpeechSequence) -> np.ndarray:
        coefficients = model.coefficients(sequence.samples())
        return mouth_measures(lambda chosen: np.einsum("tk,kvc->tvc", coefficients, model.basis[:, chosen]), head)

    return predict


def leave_out(
    corpus: str | os.PathLike[str],
    speech: str | os.PathLike[str],
    work: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    start: str | os.PathLike[str],
    settings: TrainingSettings = WITH_PEOPLE,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Train as many networks as there are people to hold out, each without one of them, and measure it on that one.

    As `train speech --people --start` trains, into folders of ``work`` (what is finished there is kept). ``cache``: its
    features. Single takes are held out in every network, and measured with that which does not know who speaks, the
    first where none does. The table as text.
    """
    report = progress or (lambda fraction, message: None)
    tested = [sequence for sequence in read_corpus(corpus) if sequence.split == "test"]
    takes = Counter(sequence.subject for sequence in tested)
    each = sorted(subject for subject, count in takes.items() if count > 1)
    if not each:
        raise TalkerError(f"{corpus}: nobody with more than one take is held out in it; make it with `corpus people`")
    alone = sorted(subject for subject, count in takes.items() if count == 1)
    models: dict[str, Callable[[SpeechSequence], np.ndarray]] = {}
    for number, person in enumerate(each):

        def step(fraction: float, message: str, number: int = number, person: str = person) -> None:
            report(_TRAINED * (number + fraction) / len(each), f"without {person}: {message}")

        target = Path(work) / f"without_{person}" / "speech.npz"
        without = replace(settings, held_out=(person, *alone))
        train(speech, target, cache, without, step, people=corpus, start=start)
        models[person] = mouth_of(SpeechModel.load(target.parent))

    def measuring(fraction: float, message: str) -> None:
        report(_TRAINED + (1 - _TRAINED) * fraction, message)

    figures = evaluate(lambda take: models.get(person_of(take), models[each[0]])(take), corpus, tested, measuring)
    if json_path is not None:
        write_figures(json_path, figures)
    return table(figures, COLUMNS)
