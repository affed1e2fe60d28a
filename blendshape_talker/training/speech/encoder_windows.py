"""How long the encoder's windows should be: `evaluate speech --windows` prints lip figures, look-ahead and cost.

The recorded takes of the split follow each other as one recording, so that windows cut into them wherever they fall,
as in a long recording and in a stream; every take is then measured by itself.
"""

import os
import time
from collections.abc import Sequence

import numpy as np

from ...checkpoint import ASSETS
from ...errors import TalkerError
from ...face.flame import lip_gap_per_weight, load_head
from ...files import write_figures
from ...job import Progress
from ...speech.audio import SAMPLE_RATE, load_recording
from ...speech.model import SpeechModel, level_of
from ...speech.network import FPS
from ...speech.whisper import OFFLINE, EncoderWindows
from ..corpus.speech_layouts import read_corpus
from ..corpus.speech_sequence import SpeechSequence
from .evaluate import COLUMNS, Tally, measure, table

Figures = dict[str, float | None]
CUTS = (
    OFFLINE,
    EncoderWindows(29, 0.5, 0.5),
    EncoderWindows(15, 1, 1),
    EncoderWindows(4, 1, 1),
    EncoderWindows(2, 1, 1),
    EncoderWindows(1, 1, 1),
    EncoderWindows(1, 0.5, 0.5),
    EncoderWindows(0.5, 0.5, 0.5),
    EncoderWindows(1, 2, 0.5),
    EncoderWindows(0.5, 2, 0.5),
    EncoderWindows(0.4, 2, 0.4),
    EncoderWindows(0.4, 1, 0.2),
    EncoderWindows(0.2, 2, 0.2),
    EncoderWindows(0.2, 2, 0.1),
)
_PUSHED = SAMPLE_RATE // 10
_GRID = SAMPLE_RATE // 10  # 0.1 s: whole frames and whole rows of features
_KEPT = ("gap_correlation", "closure_recall", "closure_precision", "labiodental_recall", "lve_mm", "jitter")
_COLUMNS = {
    "look_ahead_s": "look-ahead s",
    **{name: COLUMNS[name] for name in _KEPT},
    "difference_mm": "apart mm",
    "cpu_ms": "ms CPU/s",
}
_LEVEL_COLUMNS = {"first_mm": "first 2 s: apart mm", "later_mm": "later: apart mm", "most_mm": "most mm"}
_FIRST_FRAMES = 2 * FPS


def run(
    corpus: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    split: str = "test",
    json_path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    cuts: Sequence[EncoderWindows] = CUTS,
) -> str:
    """Measure the bundled model, or the one in the folder ``weights``, with each of ``cuts`` and as a stream; two
    tables as text.

    The first: ``apart mm`` is the root mean square difference of the lip gap to the first row's, ``ms CPU/s`` the
    processor time of encoder and network for a second of sound. The second: what a stream that finds the level by
    itself does otherwise than one that is given the recording's.
    """
    sequences = [s for s in read_corpus(corpus) if s.split == split and s.source]
    if not sequences:
        raise TalkerError(f"{corpus}: no recordings in split {split!r}; make the corpus with --ljspeech")
    model = SpeechModel.load(weights)
    windows = _window_figures(model, sequences, cuts, progress or (lambda fraction, message: None))
    levels = _level_figures(model, sequences)
    if json_path is not None:
        write_figures(json_path, {"windows": windows, "levels": levels})
    return table(windows, _COLUMNS) + "\n\n" + table(levels, _LEVEL_COLUMNS)


def _window_figures(
    model: SpeechModel, sequences: Sequence[SpeechSequence], cuts: Sequence[EncoderWindows], progress: Progress
) -> dict[str, Figures]:
    sound, firsts = _joined(sequences)
    level = level_of(sound)
    figures: dict[str, Figures] = {}
    reference: np.ndarray | None = None
    for number, cut in enumerate([*cuts, None]):
        name = "stream" if cut is None else f"{cut.core:g} s, {cut.past:g} before, {cut.ahead:g} after"
        progress(number / (len(cuts) + 1), f"Windows: {name}")
        began = time.process_time()
        coefficients = streamed(model, sound) if cut is None else model.coefficients(sound, cut=cut, level=level)
        seconds = time.process_time() - began
        gap = _gap(model, coefficients)
        reference = gap if reference is None else reference
        tally, head = Tally(), load_head()
        for sequence, first in zip(sequences, firsts, strict=True):
            measure(tally, model, sequence, coefficients[first : first + sequence.frames], head)
        ahead = model.stream().look_ahead_seconds
        figures[name] = {
            "look_ahead_s": ahead if cut is None else cut.look_ahead_seconds(model.config.reach_seconds),
            **tally.figures(),
            "difference_mm": _root_mean_square(gap - reference),
            "cpu_ms": 1000 * seconds / (len(sound) / SAMPLE_RATE),
        }
    return figures


def _level_figures(model: SpeechModel, sequences: Sequence[SpeechSequence]) -> dict[str, Figures]:
    """Streams with the level they find against streams with the level of the whole recording."""
    takes = [sequence.samples() for sequence in sequences]
    sound = np.concatenate(takes[:3])
    hush = (1e-3 * np.random.default_rng(0).normal(size=10 * SAMPLE_RATE)).astype(np.float32)
    quiet_first = np.concatenate([0.1 * takes[0], *takes[1:3]])
    cases = {
        "demo recording": [load_recording(ASSETS / "demo_speech.flac").samples],
        f"{len(takes)} takes": takes,
        "three takes after 10 s of faint noise": [np.concatenate([hush, sound])],
        "three takes, the first 20 dB quieter": [quiet_first],
    }
    figures: dict[str, Figures] = {}
    for name, recordings in cases.items():
        apart = [
            _gap(model, streamed(model, samples) - streamed(model, samples, level_of(samples)))
            for samples in recordings
        ]
        later = np.concatenate([curve[_FIRST_FRAMES:] for curve in apart])
        figures[name] = {
            "first_mm": _root_mean_square(np.concatenate([curve[:_FIRST_FRAMES] for curve in apart])),
            "later_mm": _root_mean_square(later),
            "most_mm": float(np.abs(later).max()),
        }
    return figures


def streamed(model: SpeechModel, samples: np.ndarray, level: float | None = None) -> np.ndarray:
    """Coefficients (T,K) of a stream that gets a tenth of a second at a time."""
    stream = model.stream(level=level)
    frames = [stream.push(samples[start : start + _PUSHED]) for start in range(0, len(samples), _PUSHED)]
    return np.concatenate([*frames, stream.finish()])


def _joined(sequences: Sequence[SpeechSequence]) -> tuple[np.ndarray, list[int]]:
    """The takes' sound (N,) one after another, each begun on a whole tenth of a second, and their first frames."""
    parts: list[np.ndarray] = []
    firsts: list[int] = []
    begun = 0
    for sequence in sequences:
        samples = sequence.samples()
        parts.append(np.pad(samples, (0, -len(samples) % _GRID)))
        firsts.append(round(begun / SAMPLE_RATE * FPS))
        begun += len(parts[-1])
    return np.concatenate(parts), firsts


def _gap(model: SpeechModel, coefficients: np.ndarray) -> np.ndarray:
    """Vertical opening (T,) of the middle of the lips, mm."""
    return coefficients @ (1000 * lip_gap_per_weight(model.basis))


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else 0.0
