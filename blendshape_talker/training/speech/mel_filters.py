"""The mel filters of the log-mel spectrogram, librosa's (McFee et al. 2015), as the asset that the product reads."""

import os

import numpy as np

from ... import checkpoint
from ...speech.audio import SAMPLE_RATE
from ...speech.mel import FFT, MEL_BANDS, MEL_KIND


def mel_filters() -> np.ndarray:
    """Librosa's filters (80, 201) float32: Slaney's mel scale and area normalisation, 0 to 8 kHz, as Whisper's."""
    from librosa.filters import mel

    return mel(sr=SAMPLE_RATE, n_fft=FFT, n_mels=MEL_BANDS)


def write_mel_filters(path: str | os.PathLike[str]) -> None:
    """Write ``mel_filters.npz``; its header says what the numbers are."""
    config = {"sample_rate": SAMPLE_RATE, "fft": FFT, "bands": MEL_BANDS, "scale": "slaney", "norm": "slaney"}
    checkpoint.save(path, MEL_KIND, config, {"filters": mel_filters()})
