"""How the mouth moves against people whom a camera saw and a network does not know: `evaluate people`, one table.

The reference is what was measured, before anything was fitted or restored: the gap between the lips, the width of the
mouth and how far the lips come forwards (of which one camera in front of a face sees little). A figure of a person is
the mean over their sentences, at zero lag. People breathe in before they speak, some with the mouth wide open, which
hardly anything in the sound foretells: the gap's correlation is also given from the first word on, and how far the lips
stand apart then, as a share of the take's 95th percentile.

The first rows sum up: every person alike, every take alike, and the worst person of each column. Those of whom there is
one take only are a row together, and count as no person beside people with several.
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
from ..corpus.people import person_named, person_of, read_seen
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
BY_PERSON, OVER_TAKES, WORST = "mean by person", "mean over takes", "worst person"
POOLED = "one take each"
_NO_WORST = ("takes", "lag_ms", "breath_seen", "breath")
_BREATH = (18, 6)  # frames before the first word: 0.3 to 0.1 s
_TRAINED = 0.95  # of the time that `leave_out` takes


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

    def add(self, seen: np.ndarray, found: np.ndarray, begun: int) -> None:
        """A take's measures (T,3), mm, by the camera and by the network; the first word begins at frame ``begun``."""
        opened = np.maximum(found[:, 0], 0)
        self.gap.append(lip_sync.correlation(seen[:, 0], opened))
        self.speech.append(lip_sync.correlation(seen[begun:, 0], opened[begun:]))
        self.width.append(lip_sync.correlation(seen[:, 1], found[:, 1]))
        self.protrusion.append(lip_sync.correlation(seen[:, 2], found[:, 2]))
        self.lively.append(lip_sync.jitter(seen[:, 0], found[:, 0]))
        self.lags.append(lip_sync.lag_milliseconds(seen[:, 0], found[:, 0]))
        if begun > _BREATH[1]:
            self.breaths.append((_breath(seen[:, 0], begun), _breath(found[:, 0], begun)))
        self.matches += lip_sync.matched_closures(seen[:, 0], found[:, 0])

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
    """Figures of each person, before them their means and their worst: rows of :data:`COLUMNS`.

    ``predict`` gives :func:`mouth_measures` (T,3) of a take.
    """
    counts = Counter(sequence.subject for sequence in sequences)
    people = sorted(name for name, count in counts.items() if count > 1) or sorted(counts)
    together = len(counts) - len(people) > 1
    rows: dict[str, _Takes] = {}
    everything = _Takes()
    for number, sequence in enumerate(sequences):
        if progress is not None:
            progress(number / len(sequences), f"Measuring {sequence.name}")
        seen = read_seen(corpus, sequence.name)
        found = predict(sequence)
        frames = min(len(seen), len(found))
        begun = min(round(sequence.first_word * FPS), frames - 2)
        name = POOLED if together and sequence.subject not in people else sequence.subject
        for row in (everything, rows.setdefault(name, _Takes())):
            row.add(seen[:frames], found[:frames], begun)
    figures = {name: row.figures() for name, row in rows.items()}
    counted = [figures[name] for name in people]
    return {
        BY_PERSON: {name: _column(counted, name, np.mean) for name in COLUMNS}
        | {"takes": sum(counts[name] for name in people)},
        OVER_TAKES: everything.figures(),
        WORST: {name: _worst(counted, name) for name in COLUMNS},
        **figures,
    }


def _column(
    rows: Sequence[Mapping[str, float | None]], name: str, reduce: Callable[[list[float]], float | np.floating]
) -> float | None:
    values = [value for row in rows if (value := row[name]) is not None]
    return float(reduce(values)) if values else None


def _from_life(value: float) -> float:
    """How far a liveliness is from the camera's: 0 where it is 1, as much for a half as for twice as lively."""
    return abs(float(np.log(max(value, 1e-6))))


def _least_alike(livelinesses: list[float]) -> float:
    return max(livelinesses, key=_from_life)


def _worst(rows: Sequence[Mapping[str, float | None]], name: str) -> float | None:
    """The least of a column, of the liveliness the furthest from 1; lag and breath have no worst."""
    if name in _NO_WORST:
        return None
    return _column(rows, name, _least_alike if name == "liveliness" else np.min)


def told(figures: Mapping[str, Mapping[str, float | None]]) -> str:
    """The figures of :func:`evaluate` as text: the table, and a line of who counts in its mean and who is worst."""
    rows = {name: row for name, row in figures.items() if name not in (BY_PERSON, OVER_TAKES, WORST, POOLED)}
    people = {name: row for name, row in rows.items() if (row["takes"] or 0) > 1} or rows
    gap = min(people, key=lambda name: people[name]["gap_correlation"] or 0.0)
    lively = max(people, key=lambda name: _from_life(people[name]["liveliness"] or 0.0))
    return (
        f"{table(figures, COLUMNS)}\n{BY_PERSON}: {', '.join(people)}, each once; {OVER_TAKES}: all "
        f"{figures[OVER_TAKES]['takes']}, each once\n{WORST}: gap correlation {people[gap]['gap_correlation']:.3f}, "
        f"{gap}; liveliness {people[lively]['liveliness']:.3f}, {lively}"
    )


def unknown_to(model: SpeechModel, sequences: Sequence[SpeechSequence]) -> list[SpeechSequence]:
    """Takes of people whom ``model`` was not trained on, whatever their split: it has a style of each who was."""
    known = {person_named(style) for style in model.config.styles}
    return [sequence for sequence in sequences if person_of(sequence) not in known]


def run(
    corpus: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``, on people it does not know; a table as text."""
    model = SpeechModel.load(weights)
    everybody = read_corpus(corpus)
    sequences = unknown_to(model, everybody)
    if not sequences:
        names = ", ".join(sorted({sequence.subject for sequence in everybody}))
        raise TalkerError(f"{corpus}: the weights know everybody in it ({names}); name others, or see `--leave-out`")
    figures = evaluate(mouth_of(model), corpus, sequences, progress)
    if json_path is not None:
        write_figures(json_path, figures)
    return told(figures)


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
    return told(figures)
