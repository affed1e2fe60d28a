"""Does a person's style bring the mouth closer to that person than another's does? `evaluate styles` says it.

A style is fitted to the first sentences (five at most) of each person of the people's corpus, what the camera saw of
the lips' gap and the mouth's width; so is the one that is heard in those sentences. Everybody's sentences from the
sixth on get each of them: figures are means over a person's sentences, at lag 0.
"""

import os
from collections.abc import Callable

import numpy as np

from ...errors import TalkerError
from ...files import write_figures
from ...job import Progress
from ...speech.lip_sync import CLOSED, correlation, relative
from ...speech.model import SpeechModel
from ...speech.style import Style, fit, heard, mouth_measures
from ..corpus.people import read_seen
from ..corpus.speech_layouts import read_corpus
from .evaluate import table

Clip = tuple[np.ndarray, np.ndarray]  # the network's coefficients (T, K), the camera's gap and width (T, 2), mm
COLUMNS = {
    "takes": "takes",
    "gap_none": "gap corr: none", "gap_own": "own", "gap_others": "others, mean", "gap_best": "best other",
    "width_none": "width corr: none", "width_own": "own", "width_others": "others, mean",
    "opening_none": "opening: none", "opening_own": "own", "opening_others": "off by others",
    "kept": "closures kept",
}  # fmt: skip
_FEWEST, _MOST = 10, 40  # sentences of a person


def run(
    corpus: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    sentences: int = 5,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Two tables as text, a row per person: styles from sound and motion, and from sound alone. none:
    the network's average; opening: 95th percentile of the gap over the
    camera's, for the others how far it is off on average, as a factor.
    """
    people: dict[str, list] = {}
    for sequence in read_corpus(corpus):
        people.setdefault(sequence.subject, []).append(sequence)
    people = {name: clips[:: max(1, len(clips) // _MOST)] for name, clips in people.items() if len(clips) >= _FEWEST}
    if len(people) < 2 or not 1 <= sentences <= _FEWEST // 2:
        raise TalkerError(
            f"{corpus}: two people of {_FEWEST} sentences are needed, and 1 to {_FEWEST // 2} for a style"
        )
    model = SpeechModel.load(weights)
    takes: dict[str, list[Clip]] = {}
    for number, (name, sequences) in enumerate(people.items()):
        for sequence in sequences:
            if progress is not None:
                progress(number / len(people), f"Hearing {sequence.name}")
            made, seen = model.coefficients(sequence.samples()), read_seen(corpus, sequence.name)[:, :2]
            frames = min(len(made), len(seen))
            takes.setdefault(name, []).append((made[:frames], seen[:frames]))
    shown = {name: clips[:sentences] for name, clips in takes.items()}
    makers: dict[str, Callable[[str, list[Clip]], Style]] = {
        "sound and motion": lambda name, clips: fit(
            name, [made for made, _ in clips], [seen for _, seen in clips], model.basis
        ),
        "sound alone": lambda name, clips: heard(name, np.concatenate([made for made, _ in clips]), model.basis),
    }
    figures = {}
    for given, maker in makers.items():
        styles = {name: maker(name, clips) for name, clips in shown.items()}
        rows = {name: _figures(clips[_FEWEST // 2 :], name, styles, model.basis) for name, clips in takes.items()}
        mean = {key: _mean([row[key] for row in rows.values()]) for key in COLUMNS}
        figures[given] = {"mean": {**mean, "takes": sum(row["takes"] or 0 for row in rows.values())}, **rows}
    if json_path is not None:
        write_figures(json_path, figures)
    return "\n\n".join(f"{given}\n{table(rows, COLUMNS)}" for given, rows in figures.items())


def _figures(clips: list[Clip], name: str, styles: dict[str, Style], basis: np.ndarray) -> dict[str, float | None]:
    mouth = mouth_measures(basis)
    plain = _compare(clips, None, basis, mouth)
    each = {other: _compare(clips, chosen, basis, mouth) for other, chosen in styles.items()}
    own, others = each[name], np.array([row for other, row in each.items() if other != name])
    off = np.exp(np.abs(np.log(others[:, 2]))).mean()
    return {
        "takes": len(clips),
        "gap_none": plain[0], "gap_own": own[0], "gap_others": float(others[:, 0].mean()),
        "gap_best": float(others[:, 0].max()),
        "width_none": plain[1], "width_own": own[1], "width_others": float(others[:, 1].mean()),
        "opening_none": plain[2], "opening_own": own[2], "opening_others": float(off),
        "kept": own[3],
    }  # fmt: skip


def _compare(
    clips: list[Clip], chosen: Style | None, basis: np.ndarray, mouth: np.ndarray
) -> tuple[float, float, float, float]:
    """Correlation of gap and width, opening over the camera's, share of closed frames that are still closed."""
    gaps, widths, openings, kept = [], [], [], []
    for made, seen in clips:
        moved = (made if chosen is None else chosen.apply(made, basis)) @ mouth
        gaps.append(correlation(np.maximum(moved[:, 0], 0), seen[:, 0]))
        widths.append(correlation(moved[:, 1], seen[:, 1]))
        openings.append((moved[:, 0], seen[:, 0]))
        shut = relative(made @ mouth[:, 0]) < CLOSED
        kept.append(relative(moved[:, 0])[shut] < CLOSED)
    moved_gaps, seen_gaps = (np.percentile(np.concatenate(part), 95) for part in zip(*openings, strict=True))
    return (
        float(np.mean(gaps)),
        float(np.mean(widths)),
        float(moved_gaps / seen_gaps),
        float(np.concatenate(kept).mean()),
    )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
