"""Stage 1: from sound to the deformation that speech causes, after FaceFormer (Fan et al. 2022), in parallel and in
windows.

FaceFormer's ingredients: cross-modal attention from frames to audio features with an alignment bias, periodic
positional encoding, temporally biased self-attention, a style embedding per training speaker, an output layer that
starts at zero. What differs (ours): the frames of a window are computed at once instead of one after another,
attention reaches a fixed distance, so an hour of sound costs sixty times a minute of it, and the output is a vector
on a linear basis of vertex displacements rather than 15,069 numbers.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checkpoint
from ..devices import full_precision
from ..errors import Cancelled, TalkerError
from ..face.flame import VERTEX_COUNT
from .audio import SAMPLE_RATE
from .mel import HOP, log_mel, log_mel_of
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

KIND = "speech network"
FPS = 60
BLOCK_SECONDS = 5
TICKS_PER_FRAME, TICKS_PER_FEATURE = 5, 6  # 1/300 s: the grid on which 60 frames and 50 features a second both lie

Progress = Callable[[float, str], None]
CancelTest = Callable[[], bool]


@dataclass(frozen=True)
class SpeechConfig:
    """Everything that is needed to build the network again.

    coefficients: size of the output; styles: names of the training speakers' styles, the first is the average of all;
    frame_reach: frames that self-attention sees on both sides; audio_reach: ticks of 1/300 s that cross-modal attention
    sees on both sides; period: of the positional encoding, in frames.
    """

    coefficients: int
    styles: tuple[str, ...] = ("average",)
    feature_width: int = 512
    width: int = 192
    heads: int = 4
    layers: int = 3
    frame_reach: int = 15
    audio_reach: int = 60
    period: int = FPS

    @property
    def reach_seconds(self) -> float:
        """Seconds of features on both sides of a frame that it can depend on.

        The way through self-attention alone is one layer longer than the one that ends in cross-modal attention.
        """
        heard_last = (self.layers - 1) * self.frame_reach / FPS + self.audio_reach / 300
        return max(self.layers * self.frame_reach / FPS, heard_last) + 2 / FEATURE_RATE

    @property
    def margin_seconds(self) -> int:
        """Whole seconds of context on both sides after which nothing further away can matter."""
        return int(np.ceil(self.reach_seconds))


def build_network(config: SpeechConfig) -> "torch.nn.Module":
    """The network as a torch module: ``network(features (B,A,512), style (B,), frames T) -> coefficients (B,T,K)``.

    Row j of ``features`` belongs to j / 50 s and frame t to t / 60 s after the same instant, a whole number of periods
    after the recording's start.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    class BiasedAttention(nn.Module):
        """Multi-head attention within a reach; the learned bias per head and distance starts as FaceFormer's."""

        def __init__(self, reach: int, decay_ticks: float) -> None:
            super().__init__()
            self.reach = reach
            self.kept: torch.Tensor | None = None
            self.query = nn.Linear(config.width, config.width)
            self.key_value = nn.Linear(config.width, 2 * config.width)
            self.out = nn.Linear(config.width, config.width)
            distance = torch.arange(-reach, reach + 1).abs() / decay_ticks
            slopes = 2.0 ** -torch.arange(config.heads)
            self.bias = nn.Parameter(-slopes[:, None] * distance)

        def bias_of(self, distance: torch.Tensor) -> torch.Tensor:
            """(T,S) distances -> (H,T,S) bias, minus infinity beyond the reach; kept for blocks of one size"""
            if not self.training and self.kept is not None and self.kept.shape[1:] == distance.shape:
                return self.kept
            bias = self.bias[:, distance.clamp(-self.reach, self.reach) + self.reach]
            bias = bias.masked_fill(distance.abs() > self.reach, float("-inf"))
            self.kept = None if self.training else bias
            return bias

        def forward(self, x: torch.Tensor, memory: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
            """x (B,T,D), memory (B,S,D), distance (T,S) from rows of x to rows of memory -> (B,T,D)"""
            batch, length, width = x.shape
            heads = config.heads
            query = self.query(x).view(batch, length, heads, -1).transpose(1, 2)
            pairs = self.key_value(memory).view(batch, memory.shape[1], 2, heads, -1).permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(
                query, pairs[0], pairs[1], attn_mask=self.bias_of(distance)
            )
            heard: torch.Tensor = self.out(attended.transpose(1, 2).reshape(batch, length, width))
            return heard

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(config.width) for _ in range(3)])
            self.temporal = BiasedAttention(config.frame_reach, decay_ticks=4)
            self.cross_modal = BiasedAttention(config.audio_reach, decay_ticks=12)
            self.feed = nn.Sequential(
                nn.Linear(config.width, 2 * config.width), nn.GELU(), nn.Linear(2 * config.width, config.width)
            )

        def forward(
            self, x: torch.Tensor, audio: torch.Tensor, frame_distance: torch.Tensor, audio_distance: torch.Tensor
        ) -> torch.Tensor:
            """x (B,T,D), audio (B,A,D) -> (B,T,D)"""
            normal = self.norms[0](x)
            x = x + self.temporal(normal, normal, frame_distance)
            x = x + self.cross_modal(self.norms[1](x), audio, audio_distance)
            fed: torch.Tensor = x + self.feed(self.norms[2](x))
            return fed

    class SpeechNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.feature_norm = nn.LayerNorm(config.feature_width)
            self.listen = nn.Conv1d(config.feature_width, config.width, 3, padding=1)
            self.audio_norm = nn.LayerNorm(config.width)
            self.style = nn.Embedding(len(config.styles), config.width)
            self.layers = nn.ModuleList([Layer() for _ in range(config.layers)])
            self.output_norm = nn.LayerNorm(config.width)
            self.output = nn.Linear(config.width, config.coefficients)
            nn.init.normal_(self.style.weight, std=0.1)
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)

        def forward(self, features: torch.Tensor, style: torch.Tensor, frames: int) -> torch.Tensor:
            """features (B,A,512) at 50 Hz, style (B,) -> (B,frames,K) at 60 Hz"""
            audio = self.audio_norm(self.listen(self.feature_norm(features).transpose(1, 2)).transpose(1, 2))
            frame = torch.arange(frames, device=features.device)
            feature_ticks = TICKS_PER_FEATURE * torch.arange(audio.shape[1], device=features.device)
            audio_distance = feature_ticks[None, :] - TICKS_PER_FRAME * frame[:, None]
            frame_distance = frame[None, :] - frame[:, None]
            x = at_frames(audio, frame) + periodic_positions(frame)[None] + self.style(style)[:, None]
            for layer in self.layers:
                x = layer(x, audio, frame_distance, audio_distance)
            coefficients: torch.Tensor = self.output(self.output_norm(x))
            return coefficients

    def at_frames(audio: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
        """Audio rows (B,A,D) interpolated linearly at the frames' times: (B,T,D)"""
        position = frame.float() * (TICKS_PER_FRAME / TICKS_PER_FEATURE)
        before = position.floor().long().clamp(max=audio.shape[1] - 1)
        after = (before + 1).clamp(max=audio.shape[1] - 1)
        share = (position - before).clamp(0, 1)[None, :, None]
        return audio[:, before] * (1 - share) + audio[:, after] * share

    def periodic_positions(frame: torch.Tensor) -> torch.Tensor:
        """FaceFormer's periodic positional encoding (its section 3.2), here made of the period's harmonics: (T,D)"""
        harmonic = torch.arange(1, config.width // 2 + 1, device=frame.device) % (config.period // 2) + 1
        angle = 2 * torch.pi * (frame[:, None] % config.period).float() * harmonic[None] / config.period
        return 0.1 * torch.cat([angle.sin(), angle.cos()], dim=1)

    return SpeechNetwork()


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
                progress(0.8 * fraction, message)

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
                progress(0.8 + 0.2 * batch[-1][1] / frames, "Moving the lips")
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


def save_weights(
    path: str | os.PathLike[str], config: SpeechConfig, weights: Mapping[str, np.ndarray], basis: np.ndarray
) -> None:
    """Write a checkpoint: weights and the basis (K,5023,3, metres; stored in mm) in half precision."""
    arrays = {f"network.{name}": np.asarray(values, np.float16) for name, values in weights.items()}
    arrays["basis_mm"] = (basis * 1000).astype(np.float16)
    checkpoint.save(path, KIND, asdict(config), arrays)


def load_weights(path: str | os.PathLike[str]) -> tuple[SpeechConfig, dict[str, np.ndarray], np.ndarray]:
    """Read what :func:`save_weights` wrote: the config, the network's weights and the basis (K,5023,3) in metres."""
    raw, arrays = checkpoint.load(path, KIND)
    config = config_from(raw)
    basis = arrays.pop("basis_mm").astype(np.float32) / 1000
    if basis.shape != (config.coefficients, VERTEX_COUNT, 3):
        raise TalkerError(f"{path}: its basis does not fit its configuration; train it again")
    weights = {name.removeprefix("network."): values.astype(np.float32) for name, values in arrays.items()}
    return config, weights, basis


def config_from(raw: Mapping[str, Any]) -> SpeechConfig:
    """A :class:`SpeechConfig` from its JSON form."""
    return SpeechConfig(**{**raw, "styles": tuple(raw["styles"])})
