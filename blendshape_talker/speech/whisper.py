"""The first layers of OpenAI Whisper base's encoder (Radford et al. 2022; MIT licence): what was said, 50 times a
second.

The bundled weights are the original's, rounded to 8 bits per row. A recording of any length is encoded in windows that
overlap, never padded to Whisper's 30 s, so the cost grows with the length alone.
"""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import checkpoint
from ..devices import full_precision
from ..errors import Cancelled, TalkerError
from ..job import CancelTest, Progress
from ..npz import read_npz

if TYPE_CHECKING:
    import torch

KIND = "whisper encoder"
FEATURE_RATE = 50
_LOUD_LOG_POWER = 1.2
_LARGEST_GAIN = 4.0
_DYNAMIC_RANGE = 8.0

Piece = TypeVar("Piece")


@dataclass(frozen=True)
class WhisperConfig:
    """Sizes of Whisper base, cut after ``layers`` of its 6 layers."""

    bands: int = 80
    width: int = 512
    heads: int = 8
    layers: int = 4


@dataclass(frozen=True)
class EncoderWindows:
    """How sound is cut for the encoder, in seconds: stretches of ``core``, each heard with ``past`` before it and
    ``ahead`` after it. Multiples of 0.02 s, the last two may be zero; :class:`TalkerError` for anything else.
    """

    core: float = 8.0
    past: float = 1.0
    ahead: float = 1.0

    def __post_init__(self) -> None:
        seconds = (self.core, self.past, self.ahead)
        rows = np.array(seconds) * FEATURE_RATE
        if not np.isfinite(rows).all() or rows.min() < 0 or rows[0] < 0.5 or not np.allclose(rows, np.rint(rows)):
            raise TalkerError(f"encoder windows {seconds} s (core, past, ahead): choose multiples of 0.02 s")

    @property
    def rows(self) -> tuple[int, int, int]:
        """Core, past and ahead in rows of features."""
        return round(self.core * FEATURE_RATE), round(self.past * FEATURE_RATE), round(self.ahead * FEATURE_RATE)

    def look_ahead_seconds(self, reach_seconds: float) -> float:
        """Seconds of sound after a moment that can change what is computed from the features up to ``reach_seconds``
        after it; the last 20 ms are the grid of the features and half a spectrum's window.
        """
        return self.core + self.ahead + reach_seconds + 1 / FEATURE_RATE


OFFLINE = EncoderWindows()


def peak_of(log_mel: np.ndarray) -> float:
    """How loud a recording is: the 99th percentile over log-mel frames (T,80) of their strongest bands, log10 power;
    a click or a short cough does not move it.
    """
    import torch

    return float(loudness(torch.from_numpy(log_mel)))


def loudness(log_mel: "torch.Tensor") -> "torch.Tensor":
    """:func:`peak_of` on any device, a number without a dimension."""
    ranked = log_mel.amax(dim=1).sort().values
    before, share = divmod(0.99 * (len(ranked) - 1), 1)
    return ranked[int(before)].lerp(ranked[min(int(before) + 1, len(ranked) - 1)], share)


def normalise(log_mel: np.ndarray, peak: float | None = None) -> np.ndarray:
    """Bring log-mel (T,80) to Whisper's input range; the same gain for all windows of a recording.

    As in Whisper the quietest 80 dB below the peak are cut off and (x + 4) / 4 taken. Ours: the recording is first
    brought to one loudness, by at most 40 dB. ``peak`` is the recording's :func:`peak_of`, measured here if not given.
    """
    import torch

    rows = torch.from_numpy(log_mel)
    level = loudness(rows) if peak is None else torch.tensor(peak, dtype=rows.dtype)
    normal: np.ndarray = normalised(rows, level).numpy()
    return normal


def normalised(log_mel: "torch.Tensor", level: "torch.Tensor") -> "torch.Tensor":
    """:func:`normalise` on any device; ``level``: the recording's :func:`loudness`."""
    gain = (_LOUD_LOG_POWER - level).clamp(-_LARGEST_GAIN, _LARGEST_GAIN)
    return (log_mel.clamp(level - _DYNAMIC_RANGE, level + 1) + (gain + 4)) / 4


def windows(frames: int, core: int, past: int, ahead: int) -> list[tuple[int, int, int, int]]:
    """Cut ``frames`` into stretches of ``core``: (start, stop, first, last), to be computed from frames first..last."""
    return [
        (start, min(start + core, frames), max(start - past, 0), min(start + core + ahead, frames))
        for start in range(0, frames, core)
    ]


def in_batches(pieces: Iterable[Piece], size: int, shape: Callable[[Piece], object]) -> Iterator[list[Piece]]:
    """Neighbours of one ``shape`` in lists of at most ``size``: what a network can take in one call."""
    for _, alike in itertools.groupby(pieces, shape):
        run = list(alike)
        yield from (run[first : first + size] for first in range(0, len(run), size))


def batch_size(device: str) -> int:
    """Stretches of sound that a network takes at once: a GPU is idle with one, a CPU gains nothing by more."""
    return 1 if device == "cpu" else 16


def even(log_mel: np.ndarray) -> np.ndarray:
    """Log-mel with its last row (T,80) repeated if T is odd: two rows make one of features."""
    return np.concatenate([log_mel, log_mel[-1:]]) if len(log_mel) % 2 else log_mel


def _layers(config: WhisperConfig) -> "torch.nn.ModuleDict":
    """The encoder's weights as modules, their names as in the original's state dict but for the dots."""
    from torch import nn

    width = config.width
    modules: dict[str, nn.Module] = {
        "conv1": nn.Conv1d(config.bands, width, 3, padding=1),
        "conv2": nn.Conv1d(width, width, 3, stride=2, padding=1),
    }
    for index in range(config.layers):
        modules[f"block{index}"] = nn.ModuleDict(
            {
                "attn_ln": nn.LayerNorm(width),
                "qkv": nn.Linear(width, 3 * width),
                "out": nn.Linear(width, width),
                "mlp_ln": nn.LayerNorm(width),
                "mlp_in": nn.Linear(width, 4 * width),
                "mlp_out": nn.Linear(4 * width, width),
            }
        )
    return nn.ModuleDict(modules)


_ORIGINAL_NAMES = {
    "attn_ln": "attn_ln",
    "qkv": "attn.qkv",
    "out": "attn.out",
    "mlp_ln": "mlp_ln",
    "mlp_in": "mlp.0",
    "mlp_out": "mlp.2",
}


def pack(original: Mapping[str, np.ndarray], config: WhisperConfig) -> dict[str, np.ndarray]:
    """Int8 rows and their scales from Whisper's state dict, query, key and value stacked as ``attn.qkv``."""
    names = {f"{conv}.{part}": f"{conv}.{part}" for conv in ("conv1", "conv2") for part in ("weight", "bias")}
    for index in range(config.layers):
        for ours, theirs in _ORIGINAL_NAMES.items():
            for part in ("weight", "bias"):
                names[f"block{index}.{ours}.{part}"] = f"blocks.{index}.{theirs}.{part}"
    arrays: dict[str, np.ndarray] = {}
    for ours, theirs in names.items():
        values = np.asarray(original[theirs], np.float32)
        if values.ndim == 1:
            arrays[ours] = values.astype(np.float16)
            continue
        rows = values.reshape(len(values), -1)
        scale = np.maximum(np.abs(rows).max(axis=1), 1e-12) / 127
        arrays[ours] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(values.shape)
        arrays[ours + ".scale"] = scale.astype(np.float32)
    return arrays


def unpack(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Float32 weights from what :func:`pack` made."""
    weights = {}
    for name, values in arrays.items():
        if name.endswith(".scale"):
            continue
        scale = arrays.get(name + ".scale")
        weights[name] = values.astype(np.float32)
        if scale is not None:
            weights[name] *= scale.reshape(-1, *[1] * (values.ndim - 1))
    return weights


def read_weights(path: str | os.PathLike[str] | None = None) -> tuple[WhisperConfig, dict[str, np.ndarray]]:
    """The bundled encoder's sizes and float32 weights, or another file's; needs no torch. :class:`TalkerError`."""
    config, arrays = checkpoint.load(path or checkpoint.ASSETS / "whisper_encoder.npz", KIND)
    return WhisperConfig(**config), unpack(arrays)


class WhisperEncoder:
    """Features of speech: (T,80) normalised log-mel at 100 Hz to (T // 2, 512) at 50 Hz; row j belongs to j x 20 ms."""

    def __init__(self, config: WhisperConfig, weights: Mapping[str, np.ndarray], device: str = "cpu"):
        import torch

        self.config = config
        self.device = device
        with torch.device("meta"):
            self._modules = _layers(config)
        state = {name: torch.from_numpy(values) for name, values in weights.items()}
        self._modules.load_state_dict(state, assign=True)
        self._modules.to(device).eval().requires_grad_(False)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, device: str = "cpu") -> "WhisperEncoder":
        """The bundled encoder, or another one made by ``corpus encoder``; :class:`TalkerError` if it cannot be read."""
        return cls(*read_weights(path), device)

    def encode(
        self,
        log_mel: np.ndarray,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        cut: EncoderWindows = OFFLINE,
        first_position: int = 0,
    ) -> np.ndarray:
        """Features (ceil(T / 2), 512) float32 of normalised log-mel (T,80), computed in windows.

        ``progress`` gets a fraction and a message after each window; ``first_position``: row of Whisper's positional
        table that the windows begin at; training varies it, so that nothing depends on where in a window a sound
        happens to lie. :class:`Cancelled` when ``cancelled()`` says so.
        """
        import torch

        with torch.inference_mode(), full_precision(self.device):
            mel = torch.from_numpy(np.asarray(log_mel, np.float32)).to(self.device)
            features: np.ndarray = self.listen(mel, progress, cancelled, cut, first_position).cpu().numpy()
        return features

    def listen(
        self,
        log_mel: "torch.Tensor",
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        cut: EncoderWindows = OFFLINE,
        first_position: int = 0,
    ) -> "torch.Tensor":
        """:meth:`encode` of log-mel on the encoder's device; nothing leaves it."""
        import torch

        if len(log_mel) % 2:
            log_mel = torch.cat([log_mel, log_mel[-1:]])
        count = len(log_mel) // 2
        features = log_mel.new_empty(count, self.config.width)
        cuts = windows(count, *cut.rows)
        for batch in in_batches(cuts, batch_size(self.device), lambda piece: piece[3] - piece[2]):
            if cancelled is not None and cancelled():
                raise Cancelled
            heard = torch.stack([log_mel[2 * first : 2 * last] for _, _, first, last in batch])
            for output, (start, stop, first, _) in zip(self._forward(heard, first_position), batch, strict=True):
                features[start:stop] = output[start - first : stop - first]
            if progress is not None:
                progress(batch[-1][1] / count, "Listening")
        return features

    def encode_window(self, log_mel: np.ndarray, first_position: int = 0) -> np.ndarray:
        """Features (T / 2, 512) of normalised log-mel (T,80), T even, as one window: cost grows with T squared."""
        import torch

        with torch.inference_mode(), full_precision(self.device):
            mel = torch.from_numpy(log_mel).to(self.device)
            features: np.ndarray = self._forward(mel[None], first_position)[0].cpu().numpy()
        return features

    def _forward(self, mel: "torch.Tensor", first_position: int) -> "torch.Tensor":
        """(B,T,80) to (B,T/2,512): output of the last kept layer, without the original's final normalisation."""
        import torch
        from torch.nn import functional

        modules: Any = self._modules
        heads = self.config.heads
        x = functional.gelu(modules["conv1"](mel.transpose(1, 2)))
        x = functional.gelu(modules["conv2"](x)).transpose(1, 2)
        batch, length, width = x.shape
        x = x + _sinusoids(first_position, length, width, x.device)
        for index in range(self.config.layers):
            block = modules[f"block{index}"]
            qkv = block["qkv"](block["attn_ln"](x)).view(batch, length, 3, heads, width // heads)
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(query, key, value)
            x = x + block["out"](attended.transpose(1, 2).reshape(batch, length, width))
            x = x + block["mlp_out"](functional.gelu(block["mlp_in"](block["mlp_ln"](x))))
        return torch.as_tensor(x)


def _sinusoids(first: int, length: int, width: int, device: "torch.device") -> "torch.Tensor":
    """Whisper's positions (length, width) from number ``first`` on: sines of falling frequency, then their cosines."""
    import torch

    step = math.log(10000) / (width // 2 - 1)
    frequency = torch.exp(-step * torch.arange(width // 2, device=device, dtype=torch.float32))
    angles = torch.arange(first, first + length, device=device, dtype=torch.float32)[:, None] * frequency
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def convert(
    original: str | os.PathLike[str], target: str | os.PathLike[str], layers: int = WhisperConfig.layers
) -> None:
    """Make the bundled file from Whisper base's encoder as .npz (names as in its PyTorch state dict)."""
    config = WhisperConfig(layers=layers)
    try:
        arrays = pack(read_npz(original), config)
    except FileNotFoundError:
        raise TalkerError(f"{original}: no such file; name the .npz of Whisper base's encoder") from None
    except (OSError, ValueError, KeyError) as error:
        raise TalkerError(f"{original}: does not hold Whisper base's encoder ({error}); name the right .npz") from error
    checkpoint.save(target, KIND, asdict(config), arrays)
