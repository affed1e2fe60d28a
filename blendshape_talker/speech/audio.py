"""Recordings in: any common sound file to 16 kHz mono, and its log-mel spectrogram as Whisper hears it.

Sound is decoded by soundfile and resampled by soxr, the two libraries behind ``librosa.load``; they are called directly
because a recording of an hour must be read block by block. The mel filters are librosa's, stored as an asset by
``corpus mel-filters``: librosa and what it needs would be a third of the extension's zip.
"""

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import checkpoint
from ..errors import TalkerError

SAMPLE_RATE = 16000
HOP = 160
MEL_BANDS = 80
MEL_RATE = SAMPLE_RATE // HOP
SHORTEST_SECONDS = 0.2
FFT = 400
MEL_KIND = "mel filters"
_READ_SECONDS = 20
_FRAMES_PER_BLOCK = 6000


@dataclass(frozen=True)
class Recording:
    """Mono sound: ``samples`` (N,) float32, mostly within -1..1, at ``sample_rate`` = 16 kHz."""

    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def load_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a WAV, FLAC, OGG or MP3 file of any rate and any number of channels (mixed to one by their mean).

    Memory grows with the 16 kHz mono result (230 MB for an hour), not with the file. :class:`TalkerError` for a file
    that is missing, a folder, empty, no sound file, damaged, shorter than 0.2 s, or that holds numbers that are not
    finite.
    """
    path = Path(path)
    if not path.exists():
        raise TalkerError(f"{path}: no such file; choose an existing WAV, FLAC, OGG or MP3 recording")
    if path.is_dir():
        raise TalkerError(f"{path}: is a folder; choose a WAV, FLAC, OGG or MP3 file in it")
    if path.is_file() and path.stat().st_size == 0:
        raise TalkerError(f"{path}: the file is empty; export the recording again")
    blocks = list(_mono_blocks(path))
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE:
        seconds = len(samples) / SAMPLE_RATE
        raise TalkerError(f"{path}: {seconds:.2f} s of sound; at least {SHORTEST_SECONDS} s are needed")
    peak = float(np.abs(samples).max())
    if not np.isfinite(peak):
        raise TalkerError(f"{path}: holds samples that are not finite numbers; export the recording again")
    if peak > 1:
        samples /= peak
    return Recording(samples)


def _mono_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield the file's sound as blocks (n,) float32 at 16 kHz."""
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(path) as sound:
            resampler = None
            if sound.samplerate != SAMPLE_RATE:
                resampler = soxr.ResampleStream(sound.samplerate, SAMPLE_RATE, 1, dtype="float32")
            while True:
                block = sound.read(_READ_SECONDS * sound.samplerate, dtype="float32", always_2d=True)
                mono = block.mean(axis=1)
                if resampler is None:
                    yield mono
                else:
                    yield resampler.resample_chunk(mono, last=len(mono) == 0)
                if len(mono) == 0:
                    return
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = str(error).rstrip(".").replace("\n", " ").removeprefix(f"Error opening {str(path)!r}: ")
        raise TalkerError(f"{path}: cannot be read as sound ({reason}); convert it to WAV, FLAC, OGG or MP3") from error


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log10 power in 80 mel bands, (N // 160, 80) float32; row i is centred at i x 10 ms.

    As in Whisper (Radford et al. 2022, section 2.2): Hann windows of 25 ms, Slaney's mel scale, floor 1e-10, before
    :func:`blendshape_talker.speech.whisper.normalise`. ``samples`` (N,) are at 16 kHz, at least 201 of them.
    """
    if len(samples) <= FFT // 2:
        raise TalkerError(f"{len(samples)} samples of sound are too few; at least {SHORTEST_SECONDS} s are needed")
    padded = np.pad(np.asarray(samples, np.float32), FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][: len(samples) // HOP]
    window, bands = _window_and_bands()
    result = np.empty((len(frames), MEL_BANDS), np.float32)
    for start in range(0, len(frames), _FRAMES_PER_BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _FRAMES_PER_BLOCK] * window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        result[start : start + len(power)] = np.log10(np.maximum(power @ bands, 1e-10))
    return result


@functools.cache
def _window_and_bands() -> tuple[np.ndarray, np.ndarray]:
    """The periodic Hann window (400,) and the mel bands (201, 80)."""
    _, arrays = checkpoint.load(checkpoint.ASSETS / "mel_filters.npz", MEL_KIND)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)
    return window, np.ascontiguousarray(arrays["filters"].T)
