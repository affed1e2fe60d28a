"""The emotion in a voice: seven classes, valence and arousal over time.

A linear classifier on how the encoder's features, the pitch and the loudness behave in windows of two seconds (mean,
spread, movement). The features are those that the speech network hears, so listening twice costs nothing. numpy only.
"""

import os
from dataclasses import dataclass

import numpy as np

from .. import checkpoint
from ..errors import Cancelled, TalkerError
from ..files import whole_file
from ..job import CancelTest, Progress
from .prosody import Prosody
from .whisper import FEATURE_RATE

KIND = "voice emotion"
FILE_NAME = "voice_emotion.npz"
WINDOW_SECONDS, HOP_SECONDS = 2.0, 0.5
# Where the classes lie in valence and arousal, -1 … 1: the circumplex of Russell 1980, numbers read off by us
CIRCUMPLEX = {
    "neutral": (0.0, 0.0), "happy": (0.8, 0.5), "sad": (-0.7, -0.5), "angry": (-0.6, 0.8), "afraid": (-0.6, 0.6),
    "disgusted": (-0.7, 0.2), "bored": (-0.3, -0.6),
}  # fmt: skip
_SPEAKING_DB = 30.0  # below the loudest
_FEWEST_ROWS = 20  # that speak in a window, below which it says nothing
_LARGEST_GLIDE = 3.0  # semitones from one row to the next; more is an error of the pitch
MANNERS = 9


@dataclass(frozen=True)
class Heard:
    """What a voice sounds like over time, one row per window in which somebody speaks.

    times (W,): middles of the windows, seconds; probabilities (W, C): of ``classes``, 1 in sum.
    """

    classes: tuple[str, ...]
    times: np.ndarray
    probabilities: np.ndarray

    @property
    def valence(self) -> np.ndarray:
        """(W,) -1 unpleasant … 1 pleasant: what the probabilities make one expect, after :data:`CIRCUMPLEX`."""
        return self._expected(0)

    @property
    def arousal(self) -> np.ndarray:
        """(W,) -1 drowsy … 1 stirred."""
        return self._expected(1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a table: a row per window with its middle in seconds, valence, arousal and every class."""
        lines = [",".join(("second", "valence", "arousal", *self.classes))]
        for row in np.column_stack([self.times, self.valence, self.arousal, self.probabilities]):
            lines.append(",".join(f"{value:.3f}" for value in row))
        with whole_file(path) as stream:
            stream.write(("\n".join(lines) + "\n").encode())

    def _expected(self, axis: int) -> np.ndarray:
        expected: np.ndarray = self.probabilities @ np.array([CIRCUMPLEX[name][axis] for name in self.classes])
        return expected


class VoiceEmotion:
    """The classifier: ``probabilities = softmax(statistics @ weight + bias)``; weight (D, C), bias (C,)."""

    def __init__(self, classes: tuple[str, ...], weight: np.ndarray, bias: np.ndarray) -> None:
        self.classes, self.weight, self.bias = classes, weight, bias

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> "VoiceEmotion":
        """The bundled classifier, or another file's; :class:`TalkerError` when it cannot be read."""
        path = path or checkpoint.ASSETS / FILE_NAME
        config, arrays = checkpoint.load(path, KIND)
        classes = tuple(config["classes"])
        if not set(classes) <= set(CIRCUMPLEX) or arrays["weight"].shape[1:] != (len(classes),):
            raise TalkerError(f"{path}: its classes do not fit its weights; train it again")
        return cls(classes, arrays["weight"].astype(np.float32), arrays["bias"].astype(np.float32))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what :meth:`load` reads."""
        arrays = {"weight": self.weight.astype(np.float32), "bias": self.bias.astype(np.float32)}
        checkpoint.save(path, KIND, {"classes": list(self.classes)}, arrays)

    def hear(
        self,
        features: np.ndarray,
        prosody: Prosody,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> Heard:
        """What is heard in a recording of encoder features (A, 512) and ``prosody``; an hour takes seconds.

        :class:`Cancelled` when ``cancelled()`` says so.
        """
        times, found = statistics(features, prosody, progress, cancelled)
        return Heard(self.classes, times, softmax(found @ self.weight + self.bias))


def softmax(logits: np.ndarray) -> np.ndarray:
    """(W, C) probabilities."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    probabilities: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def statistics(
    features: np.ndarray,
    prosody: Prosody,
    progress: Progress | None = None,
    cancelled: CancelTest | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(times (W,), statistics (W, D)) of the windows in which somebody speaks; D = 3 x 512 + 9.

    A recording shorter than a window is one window. Nothing depends on the recording's level or the voice's own pitch.
    """
    rows = min(len(features), len(prosody.loudness))
    clock = np.arange(rows) / FEATURE_RATE
    spoken = np.zeros(rows, bool)
    for first, last in np.searchsorted(clock, prosody.phrases):
        spoken[first:last] = True
    spoken &= prosody.loudness[:rows] > -_SPEAKING_DB
    window, hop = round(WINDOW_SECONDS * FEATURE_RATE), round(HOP_SECONDS * FEATURE_RATE)
    times, found = [], []
    for start in range(0, max(rows - window, 0) + 1, hop):
        if cancelled is not None and cancelled():
            raise Cancelled
        if progress is not None:
            progress(start / rows, "Listening")
        part = slice(start, min(start + window, rows))
        if spoken[part].sum() < _FEWEST_ROWS:
            continue
        times.append(0.5 * (part.start + part.stop) / FEATURE_RATE)
        heard = _spread(features[part].astype(np.float32), spoken[part])
        manner = _manner(prosody.pitch[part], prosody.loudness[part], spoken[part])
        found.append(np.concatenate([heard, manner], dtype=np.float32))  # an hour's are 90 MB in double precision
    width = 3 * features.shape[1] + MANNERS
    return np.array(times), np.array(found, np.float32).reshape(-1, width)


def _spread(features: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """(3 x 512,) mean, deviation and mean step of features (R, 512) while somebody speaks."""
    heard, both = features[spoken], spoken[1:] & spoken[:-1]
    steps = np.abs(np.diff(features, axis=0))[both] if both.any() else np.zeros((1, features.shape[1]))
    return np.concatenate([heard.mean(axis=0), heard.std(axis=0), steps.mean(axis=0)])


def _manner(pitch: np.ndarray, loudness: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """(9,) of a window: the pitch's range, deviation and glide in semitones, the share that is voiced and spoken, the
    loudness's deviation, range and swell in dB, and how often a second the voice sets in.
    """
    voiced = np.isfinite(pitch) & spoken
    both = spoken[1:] & spoken[:-1]
    melody = [6.0, 2.0, 0.6]  # an average voice's, for a whisper
    if voiced.sum() >= 5:
        low, high = np.percentile(pitch[voiced], [10, 90])
        glide = np.abs(np.diff(pitch))[voiced[1:] & voiced[:-1]]
        melody = [high - low, pitch[voiced].std(), np.minimum(glide, _LARGEST_GLIDE).mean() if len(glide) else 0.6]
    quiet, loud = np.percentile(loudness[spoken], [10, 90])
    swell = np.abs(np.diff(loudness))[both].mean() if both.any() else 0.0
    onsets = np.diff(voiced.astype(int)).clip(0).sum() * FEATURE_RATE / len(voiced)
    shares = [voiced.sum() / spoken.sum(), spoken.mean()]
    return np.array([*melody, *shares, loudness[spoken].std(), loud - quiet, swell, onsets])
