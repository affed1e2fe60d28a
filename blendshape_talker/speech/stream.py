"""The speech network on sound that is still coming: samples in, frames out as soon as they are final.

The same windows at the same places as offline, so that it does not matter in which portions the sound arrives. What a
stream cannot know is how loud the whole recording will be: it goes by what it has heard so far, or by a given level.
"""

from collections.abc import Callable

import numpy as np

from ..errors import TalkerError
from .audio import SAMPLE_RATE
from .mel import HOP, log_mel
from .whisper import FEATURE_RATE, EncoderWindows, WhisperEncoder, even, normalise

STREAMING = EncoderWindows(core=0.4, past=2.0, ahead=0.4)
STREAMING_REACH_SECONDS = 0.2
TAIL_SAMPLES = SAMPLE_RATE // 10  # of silence after the last sample, so that its features cover the last frame
_PORTION = SAMPLE_RATE  # long pushes are taken in a second at a time
_ROW_REACH = 200  # samples on both sides of a log-mel row's middle that it is made of
_MARGIN_ROWS = 2  # rows at the edge of a stretch of sound that its mirrored edge has a share in


class RunningLevel:
    """A running :func:`blendshape_talker.speech.whisper.peak_of`: a histogram of the rows so far that forgets slowly.

    The level is what the loudest hundredth of the remembered rows exceeds, and at least ``_FEWEST`` of them, which a
    click does not make.
    """

    _EDGES = np.arange(-10, 8, 0.02)
    _MEMORY_ROWS = 3000.0  # 30 s: their weight then is 1 / e
    _SHARE, _FEWEST = 0.01, 5.0

    def __init__(self) -> None:
        self._weights = np.zeros(len(self._EDGES) + 1)

    def hear(self, rows: np.ndarray) -> None:
        """Take in new log-mel rows (T,80)."""
        bins = np.searchsorted(self._EDGES, rows.max(axis=1)) if len(rows) else np.zeros(0, int)
        self._weights *= np.exp(-len(rows) / self._MEMORY_ROWS)
        self._weights += np.bincount(bins, minlength=len(self._weights))

    @property
    def level(self) -> float:
        """Log10 power; the floor of log-mel when nothing has been heard."""
        louder = np.cumsum(self._weights[::-1])[::-1]
        if louder[0] == 0:
            return float(self._EDGES[0])
        wanted = max(self._SHARE * louder[0], min(self._FEWEST, louder[0]))
        loudest = int(np.flatnonzero(louder >= wanted)[-1])
        return float(self._EDGES[max(loudest - 1, 0)])


class SpeechStream:
    """Made by :meth:`blendshape_talker.speech.model.SpeechModel.stream`; feed it with :meth:`push`, end it with
    :meth:`finish`. Memory does not grow with the length of the stream, and each second of sound costs the same.

    ``move(features (A,512), frames) -> (frames,K)``: the network on features that begin at a whole second.
    ``reach_seconds``: features after a frame that the network waits for; ``past_seconds``: those before it.
    """

    def __init__(
        self,
        encoder: WhisperEncoder,
        move: Callable[[np.ndarray, int], np.ndarray],
        size: tuple[int, int],
        reach_seconds: float,
        past_seconds: float,
        cut: EncoderWindows,
        level: float | None = None,
    ):
        self._encoder = encoder
        self._move = move
        self._coefficients, self._fps = size
        self._reach = reach_seconds
        self._past = past_seconds
        self._cut = cut
        self._given_level = level
        self._level = RunningLevel()
        self._samples = _Tail(np.zeros(0, np.float32))
        self._rows = _Tail(np.zeros((0, encoder.config.bands), np.float32))
        self._features = _Tail(np.zeros((0, encoder.config.width), np.float32))
        self._measured_rows = 0
        self._frames = 0
        self._finished = False

    @property
    def look_ahead_seconds(self) -> float:
        """Seconds of sound after a frame that can change it: when they have been pushed, the frame is out."""
        return self._cut.look_ahead_seconds(self._reach)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take in new sound (N,) at 16 kHz, floats within -1..1; coefficients (T,K) of all frames that became final.

        N may be 0. :class:`TalkerError` for anything else and after :meth:`finish`.
        """
        samples = self._checked(samples)
        final = [self._nothing()]
        for start in range(0, len(samples), _PORTION):
            self._samples.append(samples[start : start + _PORTION])
            final += self._advance()
        return np.concatenate(final)

    def finish(self) -> np.ndarray:
        """The coefficients (T,K) of the remaining frames: in all round(seconds x 60), as offline."""
        count = round(self._samples.stop / SAMPLE_RATE * self._fps)
        self._checked(np.zeros(0, np.float32))
        self._finished = True
        self._samples.append(np.zeros(TAIL_SAMPLES, np.float32))
        final = self._advance(last=True)
        return np.concatenate([*final, self._frames_until(count, count)])

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        if self._finished:
            raise TalkerError("this stream is finished; start another one")
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind != "f" or not np.isfinite(samples).all():
            raise TalkerError("a stream takes mono sound: finite floats within -1..1 in one dimension")
        return samples.astype(np.float32)

    def _nothing(self) -> np.ndarray:
        return np.zeros((0, self._coefficients), np.float32)

    def _advance(self, last: bool = False) -> list[np.ndarray]:
        """The frames of all windows whose sound is there, window by window."""
        self._add_rows(last)
        final = []
        while self._add_features(last):
            if not last:
                row = self._features.stop - 1
                stop = int(np.floor((row / FEATURE_RATE - self._reach) * self._fps + 1e-6)) + 1
                final.append(self._frames_until(stop, row * self._fps // FEATURE_RATE + 1))
        return final

    def _add_rows(self, last: bool = False) -> None:
        """Log-mel rows whose sound is there; at the end all, the recording's edge mirrored as offline."""
        heard = self._samples.stop
        stop = heard // HOP if last else (heard - _ROW_REACH) // HOP + 1
        if stop <= self._rows.stop:
            return
        first = max(0, self._rows.stop - _MARGIN_ROWS)
        mel = log_mel(self._samples.since(first * HOP))
        self._rows.append(mel[self._rows.stop - first : stop - first])
        self._samples.forget(max(0, self._rows.stop - _MARGIN_ROWS) * HOP)

    def _add_features(self, last: bool = False) -> bool:
        """Features of the next window, at the end the shorter ones too; False when its sound is not there yet."""
        core, past, ahead = self._cut.rows
        rows = self._rows.since(self._rows.start)
        rows = even(rows) if last else rows
        available = (self._rows.start + len(rows)) // 2
        start = self._features.stop
        if start >= available or (start + core + ahead > available and not last):
            return False
        first, stop, end = max(0, start - past), min(start + core, available), min(start + core + ahead, available)
        self._measure(2 * end)
        level = self._level.level if self._given_level is None else self._given_level
        window = rows[2 * first - self._rows.start : 2 * end - self._rows.start]
        features = self._encoder.encode_window(normalise(window, level))
        self._features.append(features[start - first : stop - first])
        self._rows.forget(2 * max(0, stop - past))
        return True

    def _measure(self, row: int) -> None:
        """Listen to the level up to a log-mel row."""
        if row > self._measured_rows:
            self._level.hear(self._rows.since(self._measured_rows)[: row - self._measured_rows])
            self._measured_rows = row

    def _frames_until(self, stop: int, seen: int) -> np.ndarray:
        """Coefficients up to frame ``stop``, computed with those up to ``seen`` and what the network sees before."""
        if stop <= self._frames:
            return self._nothing()
        first_second = int(max(0.0, self._frames / self._fps - self._past))
        features = self._features.since(first_second * FEATURE_RATE)
        first = first_second * self._fps
        moved = self._move(features, seen - first)[self._frames - first : stop - first]
        self._frames = stop
        self._features.forget(int(max(0.0, self._frames / self._fps - self._past)) * FEATURE_RATE)
        return moved


class _Tail:
    """The end of a growing array: rows ``start`` to ``stop`` of it are kept."""

    def __init__(self, empty: np.ndarray):
        self._kept = empty
        self.start = 0

    @property
    def stop(self) -> int:
        return self.start + len(self._kept)

    def append(self, rows: np.ndarray) -> None:
        self._kept = np.concatenate([self._kept, rows])

    def since(self, row: int) -> np.ndarray:
        return self._kept[row - self.start :]

    def forget(self, row: int) -> None:
        """Drop the rows before ``row``."""
        if row > self.start:
            self._kept = self._kept[row - self.start :]
            self.start = row
