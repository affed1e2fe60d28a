"""Stage 1: from sound to the deformation that speech causes, after FaceFormer (Fan et al. 2022), in parallel and in
windows.

FaceFormer's ingredients: cross-modal attention from frames to audio features with an alignment bias, periodic
positional encoding, temporally biased self-attention, a style embedding per training speaker, an output layer that
starts at zero. What differs (ours): the frames of a window are computed at once instead of one after another,
attention reaches a fixed distance, so an hour of sound costs sixty times a minute of it, and the output is a vector
on a linear basis of vertex displacements rather than 15,069 numbers.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checkpoint
from ..errors import TalkerError
from ..face.flame import VERTEX_COUNT
from .whisper import FEATURE_RATE

if TYPE_CHECKING:
    import torch

KIND = "speech network"
FPS = 60
TICKS_PER_FRAME, TICKS_PER_FEATURE = 5, 6  # 1/300 s: the grid on which 60 frames and 50 features a second both lie


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
