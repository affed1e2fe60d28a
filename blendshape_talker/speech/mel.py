"""The log-mel spectrogram of a recording, as Whisper hears it.

The mel filters are librosa's, stored as an asset by ``corpus mel-filters``: librosa and what it needs would be a third
of the extension's zip.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from .. import checkpoint
from ..errors import Cancelled, TalkerError
from ..job import CancelTest
from .audio import SAMPLE_RATE, SHORTEST_SECONDS

if TYPE_CHECKING:
    import torch

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
    import torch

    rows: np.ndarray = log_mel_of(torch.from_numpy(np.array(samples, np.float32))).numpy()
    return rows


def log_mel_of(samples: "torch.Tensor", cancelled: CancelTest | None = None) -> "torch.Tensor":
    """:func:`log_mel` of float32 samples on any device, computed there; :class:`Cancelled` where ``cancelled()``."""
    import torch

    if len(samples) <= FFT // 2:
        raise TalkerError(f"{len(samples)} samples of sound are too few; at least {SHORTEST_SECONDS} s are needed")
    count = len(samples) // HOP
    window, bands = (torch.from_numpy(table).to(samples.device) for table in _window_and_bands())
    # what is 80 dB below the loudest needs more than float32 in the transform; Metal has no more, which moved no vertex
    # of nine recordings by more than 2.5e-5 mm when the CPU did so too
    wide = torch.float32 if samples.device.type == "mps" else torch.float64
    mel = samples.new_empty(count, MEL_BANDS)
    for start in range(0, count, _FRAMES_PER_BLOCK):
        if cancelled is not None and cancelled():
            raise Cancelled
        stop = min(start + _FRAMES_PER_BLOCK, count)
        frames = _mirrored(samples, start * HOP - FFT // 2, (stop - 1) * HOP + FFT // 2).unfold(0, FFT, HOP)
        spectrum = torch.fft.rfft((frames * window).to(wide))
        power = (spectrum.real.square() + spectrum.imag.square()).float()
        mel[start:stop] = (power @ bands).clamp(min=1e-10).log10()
    return mel


def _mirrored(samples: "torch.Tensor", start: int, stop: int) -> "torch.Tensor":
    """``samples[start:stop]``, mirrored beyond both ends: a padded copy of an hour would take a quarter of a GB."""
    import torch

    before, after = max(-start, 0), max(stop - len(samples), 0)
    inside = samples[start + before : stop - after]
    ends = samples[1 : before + 1].flip(0), samples[len(samples) - 1 - after : len(samples) - 1].flip(0)
    return torch.cat([ends[0], inside, ends[1]])


@functools.cache
def _window_and_bands() -> tuple[np.ndarray, np.ndarray]:
    """The periodic Hann window (400,) and the mel bands (201, 80)."""
    _, arrays = checkpoint.load(checkpoint.ASSETS / "mel_filters.npz", MEL_KIND)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)
    return window, np.ascontiguousarray(arrays["filters"].T)
