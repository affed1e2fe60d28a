"""What is doubtful about a recording, in plain sentences that go with the result: pure functions on numpy arrays."""

import os
import struct

import numpy as np

SAMPLE_RATE = 16000
_SILENT_PEAK = 1e-4  # -80 dBFS: below the noise of any microphone
_CLIPPED_SHARE = 0.005  # none of 685 clean clips has a single run at its peak; a voice amplified twice has 0.6 %
_QUIETEST_CLIPPING = 0.05
_FLAT = 5e-5  # one and a half steps of 16 bit
_CANCELLED_SHARE = 0.1  # of the channels' mean power: -10 dB; unrelated channels keep half
_OPEN_MM = 2.0
_SOUNDING_DB = 25.0  # below the loudest: what counts as sound for the share of it that moves the lips
_SPEECH_SHARE = 0.05
_NOISY_RANGE_DB = 8.0
_LOUD_DB = 15.0  # below the loudest: what is as loud as speech
_WORDLESS_SECONDS = 1.0
_FRAME = SAMPLE_RATE // 60
_PIECE = 3600  # frames that are looked at in one go: an hour in double precision takes half a gigabyte
_UNKNOWN_SIZE = 0x7FFFF000  # streams are written with a size from here up: nobody knew it


class Clipping:
    """Counts samples of raw sound that lie in flat runs at a block's peak."""

    def __init__(self) -> None:
        self._flat = self._all = 0

    def add(self, block: np.ndarray) -> None:
        """``block`` (n, channels), as decoded: resampling rounds the edges that tell."""
        self._all += block.size
        peak = np.abs(block).max(axis=0, initial=0.0)
        for side in (block, -block):
            top = (side >= peak - _FLAT) & (peak >= _QUIETEST_CLIPPING)
            if top.sum() < 3:
                continue
            runs = top[:-2] & top[1:-1] & top[2:]
            flat = np.zeros_like(top)
            for shift in range(3):
                flat[shift : len(top) - 2 + shift] |= runs
            self._flat += int(flat.sum())

    @property
    def warning(self) -> str | None:
        """One sentence when at least half a percent of the samples are clipped."""
        share = self._flat / max(self._all, 1)
        if share < _CLIPPED_SHARE:
            return None
        return f"the recording is clipped ({100 * share:.0f} % of its samples); record it again at a lower level"


def cancels(mix_power: float, channel_powers: np.ndarray) -> bool:
    """Whether channels of these powers (C,) are in opposite phase: their mean, of ``mix_power``, loses the voice."""
    return len(channel_powers) > 1 and mix_power < _CANCELLED_SHARE * float(np.mean(channel_powers))


def is_silent(samples: np.ndarray) -> bool:
    """No sound at all (N,): what remains without a constant offset stays below -80 dBFS."""
    mean = samples.mean()
    return bool(max(samples.max() - mean, mean - samples.min()) < _SILENT_PEAK)


def missing_bytes(path: str | os.PathLike[str]) -> bool:
    """Whether a WAV, AIFF or Ogg file says itself that more should come: its end is missing."""
    with open(path, "rb") as stream:
        mark = stream.read(4)
        size = os.fstat(stream.fileno()).st_size
        if mark == b"OggS":
            stream.seek(max(0, size - 0x11000))  # a page has at most 65,307 bytes
            tail = stream.read()
            last = tail.rfind(b"OggS")
            return last < 0 or len(tail) < last + 6 or not tail[last + 5] & 4  # the flag of the last page
        if mark not in (b"RIFF", b"FORM"):
            return False
        number, wanted = ("<I", b"data") if mark == b"RIFF" else (">I", b"SSND")
        at = 12
        while at + 8 <= size:
            stream.seek(at)
            kind, length = stream.read(4), int(struct.unpack(number, stream.read(4))[0])
            if kind == wanted:
                return length < _UNKNOWN_SIZE and at + 8 + length > size
            at += 8 + length + length % 2
    return False


def speech_warning(samples: np.ndarray, gap: np.ndarray) -> str | None:
    """A sentence when ``samples`` (N,) at 16 kHz seem to hold no speech, or speech deep in noise; else None.

    gap (T,): lip gap above neutral, mm, 60 a second, as the speech network gives it: the network itself keeps the mouth
    shut on noise, music and singing without words, and opens it for a word however quiet. So what counts is how much of
    the time that sounds has open lips.
    """
    frames = min(len(gap), len(samples) // _FRAME)
    if frames == 0 or is_silent(samples):
        return None  # said where the recording is read
    level = _levels(samples, frames)
    sounding = level > np.percentile(level, 99) - _SOUNDING_DB
    open_share = float((gap[:frames] > _OPEN_MM).sum()) / max(int(sounding.sum()), 1)
    if open_share < _SPEECH_SHARE:
        return "hardly any speech was found in the recording, so the mouth stays shut; check that it is the right file"
    if frames >= 60 and np.percentile(level, 95) - np.percentile(level, 10) < _NOISY_RANGE_DB:
        return "the voice hardly stands out of the noise in the recording; lips may miss; clean it or record closer"
    return None


def wordless_warning(samples: np.ndarray, gap: np.ndarray) -> str | None:
    """A sentence on where ``samples`` (N,) at 16 kHz are as loud as speech for a second and the lips stay shut.

    gap (T,): as in :func:`speech_warning`, which tells of recordings that hold no speech at all.
    """
    frames = min(len(gap), len(samples) // _FRAME)
    if frames == 0:
        return None
    level = _levels(samples, frames)
    loud = (level > np.percentile(level, 99) - _LOUD_DB).astype(float)
    half = np.convolve(loud, np.ones(13) / 13, "same") > 0.5  # a voice is loud from syllable to syllable
    wordless = half & (gap[:frames] < _OPEN_MM)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wordless.astype(int), [0]])))
    long = [(a / 60, b / 60) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 60 * _WORDLESS_SECONDS]
    if not long:
        return None
    named = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in long[:3]) + (" …" if len(long) > 3 else "")
    return f"loud sound without words at {named}: the mouth stays shut there; check these places"


def _levels(samples: np.ndarray, frames: int) -> np.ndarray:
    """(frames,) dB of each sixtieth of a second."""
    framed = samples[: frames * _FRAME].reshape(frames, _FRAME)
    pieces = (framed[first : first + _PIECE] for first in range(0, frames, _PIECE))
    power = np.concatenate([piece.astype(np.float64).var(axis=1) for piece in pieces])
    level: np.ndarray = 10 * np.log10(power + 1e-12)
    return level
