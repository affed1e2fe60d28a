"""Recordings in: any common sound file to 16 kHz mono.

Sound is decoded by soundfile and resampled by soxr, the two libraries behind ``librosa.load``; they are called directly
because a recording of an hour must be read block by block.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import TalkerError
from ..files import check_input
from . import quality

if TYPE_CHECKING:
    import soundfile

SAMPLE_RATE = quality.SAMPLE_RATE
SHORTEST_SECONDS = 0.2
LONGEST_SECONDS = 6 * 3600
RATES = (4000, 768_000)
MOST_CHANNELS = 64
_READ_FRAMES = 1 << 14
# What a file may unpack to: no coder says a second of sound in less, but a file made to fill the memory does
_FREE_SECONDS, _BYTES_A_SECOND = 600, 20
_UNKNOWN_FRAMES = 1 << 62
_KINDS = "WAV, FLAC, OGG or MP3"
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True)
class Recording:
    """Mono sound: ``samples`` (N,) float32, mostly within -1..1, at ``sample_rate`` = 16 kHz.

    warnings: what is doubtful about it, a plain sentence each: cut short, silent, clipped, channels that cancel.
    """

    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a WAV, FLAC, OGG or MP3 file of any usual rate and any number of channels, mixed to one by their mean.

    Where the mean loses the voice, because channels are in opposite phase, the loudest is taken alone. What can be
    read of a file that was cut short is taken, with a warning. Memory grows with the 16 kHz mono result (230 MB for an
    hour), not with the file. :class:`TalkerError` for a file that is missing, a folder, a device, empty, no sound file,
    damaged from its start, shorter than 0.2 s, longer than 6 h, or that holds numbers that are not finite.
    """
    path = Path(path)
    check_input(path, f"a {_KINDS} recording")
    if path.stat().st_size == 0:
        raise TalkerError(f"{path}: the file is empty; export the recording again")
    try:
        reading = _read(path)
        warnings = []
        if quality.cancels(reading.powers[0], reading.powers[1:]):
            loudest = int(np.argmax(reading.powers[1:]))
            reading = _read(path, loudest)
            warnings.append(
                f"the recording's channels cancel each other (opposite phase); channel {loudest + 1} was taken alone"
            )
        cut = quality.missing_bytes(path)
    except OSError as error:
        raise TalkerError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error
    samples = reading.samples
    seconds = len(samples) / SAMPLE_RATE
    if seconds < SHORTEST_SECONDS:
        raise TalkerError(f"{path}: {seconds:.2f} s of sound; at least {SHORTEST_SECONDS} s are needed")
    peak = float(np.maximum(samples.max(), -samples.min()))  # an hour has no room for copies
    if not np.isfinite(peak):
        raise TalkerError(f"{path}: holds samples that are not finite numbers; export the recording again")
    if peak > 1:
        samples /= peak
    if cut or reading.missing_seconds > 0.1:
        rest = f" ({reading.missing_seconds:.1f} s are missing)" if reading.missing_seconds > 0.1 else ""
        warnings.append(f"the recording is cut short or damaged after {seconds:.1f} s{rest}; export it again")
    if quality.is_silent(samples):
        warnings.append("the recording is silent, so the mouth stays shut; check the microphone or the exported track")
    elif reading.clipping.warning:
        warnings.append(reading.clipping.warning)
    return Recording(samples, warnings=tuple(warnings))


def claimed_seconds(path: str | os.PathLike[str]) -> float | None:
    """How long a recording says it is, within what is read; None where it does not tell or is none."""
    try:
        check_input(path, "a recording")
        import soundfile

        with _quiet_decoder(Path(path)), soundfile.SoundFile(_name(path)) as sound:
            return float(min(max(sound.frames / sound.samplerate, SHORTEST_SECONDS), LONGEST_SECONDS))
    except (TalkerError, ImportError, OSError, RuntimeError, TypeError, ValueError, ZeroDivisionError):
        return None


def _name(path: str | os.PathLike[str]) -> str | bytes:
    """As soundfile opens it: bytes, because it encodes a str strictly, and a name need not be UTF-8."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


class _Samples:
    """Sound at 16 kHz that grows without a second copy of it; ``limit``: most samples it may come to."""

    def __init__(self, expected: int, limit: int) -> None:
        self._limit, self._count = limit, 0
        # a page that nothing is written to costs nothing, so a header may promise what it likes
        self._memory = np.empty(min(expected, limit) + SAMPLE_RATE, np.float32)

    def add(self, block: np.ndarray) -> bool:
        """False when ``block`` (n,) would exceed the limit."""
        end = self._count + len(block)
        if end > self._limit:
            return False
        if end > len(self._memory):
            self._memory = np.concatenate([self._memory, np.empty(len(self._memory), np.float32)])
        self._memory[self._count : end] = block
        self._count = end
        return True

    def taken(self) -> np.ndarray:
        return self._memory[: self._count]


@dataclass
class _Reading:
    """One pass over a file: its sound, and what was noticed on the way."""

    samples: np.ndarray
    clipping: quality.Clipping
    powers: np.ndarray  # of the mean of the channels, then of each channel
    missing_seconds: float


def _read(path: Path, channel: int | None = None) -> _Reading:
    """The whole file at 16 kHz: the mean of its channels, or one of them."""
    import soundfile
    import soxr

    class Straight(soundfile.SoundFile):  # type: ignore[misc]  # soundfile is not typed
        """A file read from start to end: soundfile seeks after each read, and an MP3's decoder clicks at each seek."""

        def seekable(self) -> bool:
            return False

    try:
        with (
            np.errstate(all="ignore"),
            _quiet_decoder(path),
            Straight(_name(path)) as sound,
        ):
            rate, limit = sound.samplerate, _longest_seconds(path, sound)
            known = sound.frames < _UNKNOWN_FRAMES
            samples = _Samples(int(SAMPLE_RATE * min(sound.frames / rate, limit)), SAMPLE_RATE * limit)
            resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
            clipping, powers, read = quality.Clipping(), np.zeros(1 + sound.channels), 0
            while True:
                block = _block(sound, read >= SHORTEST_SECONDS * rate)
                mono = block.mean(axis=1) if channel is None else block[:, channel]
                part = mono if resampler is None else resampler.resample_chunk(mono, last=len(mono) == 0)
                if not samples.add(part):
                    raise ValueError(f"it unpacks to more than {limit / 3600:.1f} hours of sound")
                if not len(block):
                    break
                read += len(block)
                clipping.add(block)
                powers[0] += float(mono @ mono)
                powers[1:] += np.einsum("nc,nc->c", block, block)
            missing = (sound.frames - read) / rate if known else 0.0
            return _Reading(samples.taken(), clipping, powers, missing)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        reason = re.sub(r"^Error opening .*?: (?=[A-Z])", "", reason)
        raise TalkerError(f"{path}: cannot be read as sound ({reason}); convert it to {_KINDS}") from error


def _block(sound: "soundfile.SoundFile", began: bool) -> np.ndarray:
    """The next (n, channels) float32; empty at the end, and where a file that ``began`` well is damaged."""
    import soundfile

    try:
        block: np.ndarray = sound.read(_READ_FRAMES, dtype="float32", always_2d=True)
        return block
    except soundfile.SoundFileError:
        if not began:
            raise
        return np.zeros((0, sound.channels), np.float32)


def _longest_seconds(path: Path, sound: "soundfile.SoundFile") -> int:
    """How much sound the file may unpack to; ValueError for claims that no recording makes."""
    low, high = RATES
    if not low <= sound.samplerate <= high:
        raise ValueError(f"it claims {sound.samplerate} samples a second; recordings have {low} to {high}")
    if sound.channels > MOST_CHANNELS:
        raise ValueError(f"it claims {sound.channels} channels; at most {MOST_CHANNELS} are read")
    longest = int(min(LONGEST_SECONDS, _FREE_SECONDS + path.stat().st_size / _BYTES_A_SECOND))
    if longest < sound.frames / sound.samplerate and sound.frames < _UNKNOWN_FRAMES:
        hours = sound.frames / sound.samplerate / 3600
        raise ValueError(f"it claims {hours:.1f} hours of sound; at most {longest / 3600:.1f} are read from its size")
    return longest


@contextmanager
def _quiet_decoder(path: Path) -> Iterator[None]:
    """The MP3 decoder writes to the process's standard error by itself; what is wrong is our line to say."""
    if path.suffix.lower() != ".mp3":
        yield
        return
    try:
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # a program without a console
        yield
        return
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
