"""The log-mel spectrogram of a recording, as Whisper hears it.

The mel filters are librosa's, stored as an asset by ``corpus mel-filters``: librosa and what it needs would be a third
of the extension's zip.
"""

import functools

import numpy as np

from .. import checkpoint
from ..errors import TalkerError
from .audio import SAMPLE_RATE, SHORTEST_SECONDS

HOP = 160
MEL_BANDS = 80
MEL_RATE = SAMPLE_RATE // HOP
FFT = 400
MEL_KIND = "mel filters"
_FRAMES_PER_BLOCK = 6000


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
