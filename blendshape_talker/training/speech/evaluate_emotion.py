"""How well emotion is heard in a voice: `evaluate emotion`, on actors left out one by one and on people who just speak.

Recall is unweighted: the mean over the seven classes, so that none counts more for being frequent. What becomes of
voices without emotion is told as windows that are taken for neutral, and as the share of their time that gets a cue.
"""

import os

import numpy as np

from ...errors import TalkerError
from ...expression.heard import SURE, heard_cues
from ...files import write_figures
from ...job import Progress
from ...speech.emotion import HOP_SECONDS, WINDOW_SECONDS, VoiceEmotion, softmax
from ..corpus.people import HELD_OUT
from ..corpus.voices import plain_voices, read_voices
from .emotion import CLASSES, EmotionTraining, Windows, known_windows, leaving_one_out, temperature, windows_of
from .evaluate import table

COLUMNS = {"windows": "windows", "recall": "recall", **{name: name for name in CLASSES}, "sure": "emotion, sure"}
PLAIN_COLUMNS = {
    "windows": "windows", **{name: name for name in CLASSES}, "sure": "emotion, sure", "cued": "time with a cue",
}  # fmt: skip


def run(
    acted: str | os.PathLike[str],
    plain: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    reader: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Two tables as text: actors, by classifiers that never heard them; people who just speak, by the bundled one.

    ``acted``: Emo-DB; ``plain``: people, of whom those held out are measured; ``reader``: clips of one more voice;
    ``weights``: another file than the bundled one.
    """
    settings, model, people = EmotionTraining(), VoiceEmotion.load(weights), plain_voices(plain)
    if not any(voice.held_out for voice in people):
        raise TalkerError(f"{plain}: nobody in it is held out; {', '.join(HELD_OUT)} and the folder others are")
    windows = known_windows(acted, plain, cache, settings, progress)
    logits = leaving_one_out(windows, settings, progress)
    told = windows.acted
    probabilities = softmax(temperature(logits[told], windows.labels[told]) * logits)
    figures = {
        "actors": recalls(windows, probabilities, told & (windows.copies == 0)),
        "actors, other rooms": recalls(windows, probabilities, told & (windows.copies > 0)),
    }
    for actor in np.unique(windows.speakers[told]):
        figures[f"actor {actor}"] = recalls(windows, probabilities, (windows.speakers == actor) & (windows.copies == 0))
    parts = {"people held out": windows_of(people, cache, settings.copies, settings.seed, False, progress)}
    if reader is not None:
        parts["reader"] = windows_of(read_voices(reader), cache, 0, settings.seed, False, progress)
    heard = {}
    for name, part in parts.items():
        for copies in sorted(set(part.copies.tolist())):
            own = part.of(part.held & (part.copies == copies))
            row = name + (", other rooms" if copies else "")
            heard[row] = plain_figures(own, softmax(own.x @ model.weight + model.bias))
    if json_path is not None:
        write_figures(json_path, {"acted": figures, "plain": heard})
    return f"{table(figures, COLUMNS)}\n\n{table(heard, PLAIN_COLUMNS)}"


def recalls(windows: Windows, probabilities: np.ndarray, chosen: np.ndarray) -> dict[str, float | None]:
    """Recall of each class and their mean; sure: of windows with an emotion, how many are heard right and surely."""
    labels, found = windows.labels[chosen], probabilities[chosen]
    each = {
        name: float((found[labels == number].argmax(axis=1) == number).mean()) if (labels == number).any() else None
        for number, name in enumerate(CLASSES)
    }
    emotional = labels > 0
    sure = found[emotional, labels[emotional]] > SURE
    mean = float(np.mean([value for value in each.values() if value is not None]))
    return {"windows": int(chosen.sum()), "recall": mean, **each, "sure": float(sure.mean())}


def plain_figures(windows: Windows, probabilities: np.ndarray) -> dict[str, float | None]:
    """Share of windows taken for each class; of those that are surely an emotion; of the time that gets a cue."""
    taken = np.bincount(probabilities.argmax(axis=1), minlength=len(CLASSES)) / len(probabilities)
    sure = float((probabilities[:, 1:].max(axis=1) > SURE).mean())
    cued, total = 0.0, 0.0
    for clip in np.unique(windows.clips):
        own = np.flatnonzero(windows.clips == clip)
        times = WINDOW_SECONDS / 2 + HOP_SECONDS * np.arange(len(own))
        seconds = float(times[-1] + WINDOW_SECONDS / 2)
        found = heard_cues(CLASSES, times, probabilities[own], seconds)
        cued, total = cued + sum(cue.seconds for cue in found), total + seconds
    shares = dict(zip(CLASSES, taken.tolist(), strict=True))
    return {"windows": len(probabilities), **shares, "sure": sure, "cued": cued / total}
