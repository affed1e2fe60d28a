"""The speech model: encoder, network and basis together. Sound in, coefficients of vertex displacements out."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import checkpoint
from ..devices import full_precision
from ..errors import Cancelled, TalkerError
from ..job import CancelTest, Progress
from .audio import SAMPLE_RATE
from .mel import HOP, log_mel, log_mel_of
from .network import FPS, SpeechConfig, build_network, load_weights
from .stream import STREAMING, STREAMING_REACH_SECONDS, TAIL_SAMPLES, SpeechStream
from .whisper import (
    FEATURE_RATE,
    OFFLINE,
    EncoderWindows,
    WhisperEncoder,
    batch_size,
    in_batches,
    loudness,
    normalised,
    peak_of,
    windows,
)

if TYPE_CHECKING:
    import torch

BLOCK_SECONDS = 5
# Shares of a model's work: when its encoder has heard all, and when whoever looks at that (``heard``) has done so.
HEARD, JUDGED = 0.76, 0.8


def padded(samples: np.ndarray) -> np.ndarray:
    """Sound (N,) at 16 kHz and 0.1 s of silence, so that its features cover the last frame as well."""
    return np.concatenate([np.asarray(samples, np.float32), np.zeros(TAIL_SAMPLES, np.float32)])


def level_of(samples: np.ndarray) -> float:
    """How loud a recording (N,) at 16 kHz is, log10 power: the ``level`` of its features and streams."""
    return peak_of(log_mel(padded(samples))[: max(1, len(samples) // HOP)])


def features_of(
    encoder: WhisperEncoder,
    samples: np.ndarray,
    progress: Progress | None = None,
    cancelled: CancelTest | None = None,
    first_position: int = 0,
    cut: EncoderWindows = OFFLINE,
    level: float | None = None,
) -> np.ndarray:
    """Encoder features (A,512) of a whole recording (N,) at 16 kHz, covering its last frame as well.

    ``level`` stands in for the recording's own :func:`level_of`.
    """
    import torch

    with torch.inference_mode():
        features = features_heard(encoder, samples, progress, cancelled, first_position, cut, level)
        on_host: np.ndarray = features.cpu().numpy()
    return on_host


def features_heard(
    encoder: WhisperEncoder,
    samples: np.ndarray,
    progress: Progress | None = None,
    cancelled: CancelTest | None = None,
    first_position: int = 0,
    cut: EncoderWindows = OFFLINE,
    level: float | None = None,
) -> "torch.Tensor":
    """:func:`features_of` on the encoder's device: the samples go there, nothing comes back."""
    import torch

    mel = log_mel_of(torch.from_numpy(padded(samples)).to(encoder.device), cancelled)
    whole = mel[: max(1, len(samples) // HOP)]
    peak = loudness(whole) if level is None else mel.new_full((), level)
    mel = normalised(mel, peak)
    del whole
    return encoder.listen(mel, progress, cancelled, cut, first_position)


class SpeechModel:
    """Encoder, network and basis together: sound in, coefficients of vertex displacements out."""

    def __init__(
        self,
        encoder: WhisperEncoder,
        config: SpeechConfig,
        weights: Mapping[str, np.ndarray],
        basis: np.ndarray,
        device: str = "cpu",
    ):
        import torch

        self.config = config
        self.basis = basis
        self.device = device
        self._encoder = encoder
        self._network = build_network(config)
        state = {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in weights.items()}
        self._network.load_state_dict(state)
        self._network.to(device).eval().requires_grad_(False)

    @classmethod
    def load(
        cls,
        directory: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        encoder: WhisperEncoder | None = None,
    ) -> "SpeechModel":
        """The bundled model, or ``speech.npz`` (and ``whisper_encoder.npz``, if there) of another folder.

        ``encoder``: one that is loaded already, on the same device.
        """
        folder = Path(directory) if directory is not None else checkpoint.ASSETS
        own_encoder = folder / "whisper_encoder.npz"
        encoder = encoder or WhisperEncoder.load(own_encoder if own_encoder.exists() else None, device)
        config, weights, basis = load_weights(folder / "speech.npz")
        return cls(encoder, config, weights, basis, device)

    @property
    def look_ahead_seconds(self) -> float:
        """Seconds of sound after a frame that can change it; a :meth:`stream` has shorter windows."""
        return OFFLINE.look_ahead_seconds(self.config.reach_seconds)

    def coefficients(
        self,
        samples: np.ndarray,
        style: str | None = None,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        cut: EncoderWindows = OFFLINE,
        level: float | None = None,
    ) -> np.ndarray:
        """Coefficients (T,K) float32 of ``basis``, T = round(seconds x 60), for sound (N,) at 16 kHz.

        Zero is the neutral face. ``style`` is one of ``config.styles``, the speakers' average if not given;
        :class:`TalkerError` for another one. ``level`` stands in for the recording's own :func:`level_of`.
        :class:`Cancelled` when ``cancelled()`` says so.
        """
        import torch

        with torch.inference_mode():
            moved = self.move(samples, style, progress, cancelled, cut, level)
            coefficients: np.ndarray = moved.cpu().numpy()
        return coefficients

    def move(
        self,
        samples: np.ndarray,
        style: str | None = None,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        cut: EncoderWindows = OFFLINE,
        level: float | None = None,
        heard: Callable[["torch.Tensor"], None] | None = None,
    ) -> "torch.Tensor":
        """:meth:`coefficients` on the model's device: the samples go there, nothing comes back.

        ``heard`` gets the encoder's features (A,512) besides, on that device.
        """
        import torch

        index = self._style_index(style)

        def listening(fraction: float, message: str) -> None:
            if progress is not None:
                progress(HEARD * fraction, message)

        with torch.inference_mode(), full_precision(self.device):
            features = features_heard(self._encoder, samples, listening, cancelled, cut=cut, level=level)
            if heard is not None:
                heard(features)
            frames = round(len(samples) / SAMPLE_RATE * FPS)
            return self._move_all(features, frames, index, progress, cancelled)

    def features(
        self, samples: np.ndarray, progress: Progress | None = None, cancelled: CancelTest | None = None
    ) -> np.ndarray:
        """Encoder features (A,512) of sound (N,) at 16 kHz, as :meth:`move` hears it."""
        with full_precision(self.device):
            return features_of(self._encoder, samples, progress, cancelled)

    def coefficients_of_features(self, features: np.ndarray, frames: int, style_index: int = 0) -> np.ndarray:
        """:meth:`coefficients` from encoder features (A,512)."""
        import torch

        with torch.inference_mode(), full_precision(self.device):
            heard = torch.from_numpy(features).to(self.device)
            coefficients: np.ndarray = self._move_all(heard, frames, style_index).cpu().numpy()
        return coefficients

    def _move_all(
        self,
        features: "torch.Tensor",
        frames: int,
        style_index: int,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> "torch.Tensor":
        """In blocks with their full context, so their borders do not show."""
        import torch

        result = features.new_empty(frames, self.config.coefficients)
        margin = self.config.margin_seconds * FPS

        def heard_by(block: tuple[int, int, int, int]) -> slice:
            _, _, first, last = block
            audio_stop = -(-last * FEATURE_RATE // FPS) + FEATURE_RATE // 2
            return slice(first * FEATURE_RATE // FPS, min(audio_stop, len(features)))

        def shape(block: tuple[int, int, int, int]) -> tuple[int, int]:
            heard = heard_by(block)
            return heard.stop - heard.start, block[3] - block[2]

        blocks = windows(frames, BLOCK_SECONDS * FPS, margin, margin)
        for batch in in_batches(blocks, batch_size(self.device), shape):
            if cancelled is not None and cancelled():
                raise Cancelled
            heard = torch.stack([features[heard_by(block)] for block in batch])
            style = torch.full((len(batch),), style_index, device=features.device)
            moved = self._network(heard, style, shape(batch[0])[1])
            for output, (start, stop, first, _) in zip(moved, batch, strict=True):
                result[start:stop] = output[start - first : stop - first]
            if progress is not None:
                progress(JUDGED + (1 - JUDGED) * batch[-1][1] / frames, "Moving the lips")
        return result

    def stream(
        self,
        style: str | None = None,
        cut: EncoderWindows = STREAMING,
        reach_seconds: float = STREAMING_REACH_SECONDS,
        level: float | None = None,
    ) -> SpeechStream:
        """Sound that is still coming: ``push`` samples, get the frames that are final, ``finish`` at the end.

        ``reach_seconds`` of features after a frame are waited for, ``config.reach_seconds`` at most. With as much, and
        with ``level`` the recording's :func:`level_of`, the frames are those of :meth:`coefficients` with this ``cut``.
        """
        index = self._style_index(style)

        def move(features: np.ndarray, frames: int) -> np.ndarray:
            return self._move(features, frames, index)

        size, most = (self.config.coefficients, FPS), self.config.reach_seconds
        return SpeechStream(self._encoder, move, size, min(reach_seconds, most), most, cut, level)

    def _move(self, features: np.ndarray, frames: int, style_index: int) -> np.ndarray:
        """Coefficients (frames,K) of one block: features (A,512) that begin at a whole second."""
        import torch

        with torch.inference_mode(), full_precision(self.device):
            style = torch.tensor([style_index], device=self.device)
            audio = torch.from_numpy(features).to(self.device)
            coefficients: torch.Tensor = self._network(audio[None], style, frames)[0]
            return coefficients.cpu().numpy()

    def _style_index(self, style: str | None) -> int:
        if style is None:
            return 0
        if style not in self.config.styles:
            raise TalkerError(f"no speaking style {style!r}; choose one of {', '.join(self.config.styles)}")
        return self.config.styles.index(style)
