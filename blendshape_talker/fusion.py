"""The deformation fusion module: two encoders of geometry images and a linear decoder whose weights are blendshapes.

Paper: arXiv 2510.25234, section 3. A deformation of the head becomes a 3 x 64 x 64 geometry image; E_A reads images of
speech, E_E those of expressions. Each gives weights for both sets of blendshapes: primary ones for its own set and
cross-domain ones for what the other set explains better. Inference keeps the primary weights only.

Both encoders are free of biases and their activations keep the sign of zero and the scale of their input
(E(s x) = s E(x) for s >= 0): no deformation gives weights of exactly zero, and half an emotion gives half the weights.
"""

import logging
import os
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from . import checkpoint
from .devices import full_precision
from .errors import Cancelled, TalkerError
from .face.flame import VERTEX_COUNT, GeometryMap, load_head
from .job import CancelTest, Progress

logger = logging.getLogger(__name__)

KIND = "fusion network"
FILE_NAME = "fusion.npz"
BLOCK_FRAMES = 2048
_ENCODED, _SPARSEST = 300, 12  # of slow weights: frames that are encoded at least, and one in how many at most
_LINEAR = 4e-5  # weights by which a linear map may be off

Domain = Literal["speech", "expression"]


@dataclass(frozen=True)
class FusionConfig:
    """Shape of the network. speech_count, expression_count: K_A, K_E; patch: side of the first, linear convolution."""

    speech_count: int = 20
    expression_count: int = 28
    image_size: int = 64
    patch: int = 4
    patch_channels: int = 12
    channels: tuple[int, ...] = (24, 32)
    negative_slope: float = 0.2

    @property
    def shape_count(self) -> int:
        return self.speech_count + self.expression_count


class Encoder(nn.Module):
    """Geometry image -> weights of all blendshapes, speech first.

    A strided convolution reads the image patch by patch; from the patches a linear shortcut and a small convolutional
    branch give weights, which add up. The shortcut makes the weights exact where a linear map can (small lip contacts
    count by hundredths of a millimetre), the branch decides what a linear map cannot.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        side = config.image_size // config.patch
        self.patches = nn.Conv2d(3, config.patch_channels, config.patch, stride=config.patch, bias=False)
        self.shortcut = nn.Linear(config.patch_channels * side * side, config.shape_count, bias=False)
        layers: list[nn.Module] = []
        width = config.patch_channels
        for channels in config.channels:
            layers += [nn.LeakyReLU(config.negative_slope), nn.Conv2d(width, channels, 3, 2, padding=1, bias=False)]
            width, side = channels, (side + 1) // 2
        self.branch = nn.Sequential(*layers, nn.LeakyReLU(config.negative_slope), nn.Flatten())
        self.output = nn.Linear(width * side * side, config.shape_count, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """images (N, 3, S, S) -> weights (N, K_A + K_E)."""
        return self.read_patches(self.patches(images))

    def read_patches(self, patches: torch.Tensor) -> torch.Tensor:
        """patches (N, C, S / p, S / p) -> weights (N, K_A + K_E)."""
        weights: torch.Tensor = self.shortcut(patches.flatten(1)) + self.output(self.branch(patches))
        return weights


class FusionNetwork(nn.Module):
    """E_A, E_E and the decoder: ``deformation = weights @ blendshapes``, blendshapes (K_A + K_E, 5023, 3) in metres."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        self.speech_encoder = Encoder(config)
        self.expression_encoder = Encoder(config)
        self.blendshapes = nn.Parameter(torch.zeros(config.shape_count, VERTEX_COUNT, 3))

    def encoder(self, kind: Domain) -> Encoder:
        return self.speech_encoder if kind == "speech" else self.expression_encoder

    def decode(self, weights: torch.Tensor) -> torch.Tensor:
        """weights (N, K_A + K_E) -> deformations (N, 5023, 3), metres."""
        deformations: torch.Tensor = torch.tensordot(weights, self.blendshapes, 1)
        return deformations

    def forward(self, images: torch.Tensor, kind: Domain) -> tuple[torch.Tensor, torch.Tensor]:
        """images (N, 3, S, S) of one domain -> (w_A (N, K_A), w_E (N, K_E))."""
        weights = self.encoder(kind)(images)
        return weights[:, : self.config.speech_count], weights[:, self.config.speech_count :]


class FusionModel:
    """A trained fusion network, ready to turn deformations into shape-key weights.

    blendshapes (K_A + K_E, 5023, 3) float32, metres at weight 1, speech first; names: as many, unique;
    speech_count: K_A.
    """

    def __init__(
        self, network: FusionNetwork, names: tuple[str, ...], geometry_map: GeometryMap, device: str = "cpu"
    ) -> None:
        self.blendshapes = network.blendshapes.detach().cpu().numpy()
        self.network = network.to(device).eval()
        self.names = tuple(names)
        self.geometry_map = geometry_map
        self.device = device
        self.speech_count = network.config.speech_count
        self._known_images: deque[tuple[np.ndarray, torch.Tensor]] = deque(maxlen=2)

    @classmethod
    def load(cls, directory: str | os.PathLike[str] | None = None, device: str = "cpu") -> "FusionModel":
        """Load the bundled network, or ``fusion.npz`` of ``directory``; :class:`TalkerError` when it is not there."""
        path = (Path(directory) if directory is not None else checkpoint.ASSETS) / FILE_NAME
        config, arrays = checkpoint.load(path, KIND)
        names = tuple(config.pop("names"))
        config.pop("training", None)
        config["channels"] = tuple(config["channels"])
        network = FusionNetwork(FusionConfig(**config))
        scale = arrays.pop("blendshape_scale").astype(np.float32)
        arrays["blendshapes"] = arrays["blendshapes"].astype(np.float32) * scale[:, None, None]
        state = {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise TalkerError(f"{path}: does not fit this version of the network; train it again") from error
        return cls(network, names, load_head().geometry_map, device)

    def save(
        self, path: str | os.PathLike[str], training: dict[str, Any] | None = None, steps: np.ndarray | None = None
    ) -> Path:
        """Write ``fusion.npz``: encoders in half precision, blendshapes as 16-bit steps of each one's largest value.

        ``training``: settings to keep beside the weights (JSON values). ``steps`` (K,) metres: those of the file that
        the blendshapes came from; a shape that still fits into them keeps the bits of what did not change.
        """
        arrays = {
            name: tensor.detach().cpu().numpy().astype(np.float16)
            for name, tensor in self.network.state_dict().items()
            if name != "blendshapes"
        }
        # half precision would round large shapes by 16 µm and so open closed lips; these steps are below 2 µm
        scale = np.maximum(np.abs(self.blendshapes).max(axis=(1, 2)), 1e-9) / 32767.0
        if steps is not None:
            scale = np.where(scale <= steps * (1.0 + 1e-6), steps, scale)
        arrays["blendshapes"] = np.round(self.blendshapes / scale[:, None, None]).astype(np.int16)
        arrays["blendshape_scale"] = scale.astype(np.float32)
        config = {**asdict(self.network.config), "names": list(self.names), "training": training or {}}
        return checkpoint.save(path, KIND, config, arrays)

    def weights(
        self,
        coefficients: np.ndarray | torch.Tensor,
        basis: np.ndarray,
        kind: Domain,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> np.ndarray:
        """Primary weights of the deformations ``coefficients (T, K) @ basis (K, 5023, 3)``; cross-domain ones dropped.

        Returns (T, K_A) float32 for ``kind`` "speech", (T, K_E) for "expression". The image of a sum is the sum of the
        images, so only the basis is mapped to images. Coefficients that lie on the model's device are read there.
        Raises :class:`Cancelled` when ``cancelled()`` turns true.
        """
        both = self.all_weights(coefficients, basis, kind, progress, cancelled)
        return both[:, : self.speech_count] if kind == "speech" else both[:, self.speech_count :]

    def slow_weights(
        self,
        coefficients: np.ndarray,
        basis: np.ndarray,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> np.ndarray:
        """As :meth:`weights` of an expression that stays near one pose, to 5e-5: most frames are not encoded.

        Leaky rectifiers are linear as long as none of them changes its sign. So a linear map is fitted to some frames
        and asked for others that are encoded too; where it is not right there, all frames are encoded.
        """
        stride = min(_SPARSEST, len(coefficients) // _ENCODED)
        if stride > 1:
            known = np.asarray(coefficients[::stride], np.float64)
            encoded = self.weights(coefficients[::stride], basis, "expression", progress, cancelled)
            linear = np.linalg.lstsq(known[::2], encoded[::2].astype(np.float64), rcond=1e-7)[0]
            if np.abs(known[1::2] @ linear - encoded[1::2]).max() < _LINEAR:
                result: np.ndarray = (coefficients @ linear).astype(np.float32)
                result[::stride] = encoded
                return result
        return self.weights(coefficients, basis, "expression", progress, cancelled)

    def all_weights(
        self,
        coefficients: np.ndarray | torch.Tensor,
        basis: np.ndarray,
        kind: Domain,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> np.ndarray:
        """As :meth:`weights`, cross-domain weights kept: (T, K_A + K_E) float32."""
        encoder = self.network.encoder(kind)
        blocks = []
        with torch.inference_mode(), full_precision(self.device):
            frames = torch.as_tensor(coefficients, dtype=torch.float32, device=self.device)
            patches = encoder.patches(self._images(basis))  # linear: the patches of the basis are enough as well
            for start in range(0, len(frames), BLOCK_FRAMES):
                if cancelled and cancelled():
                    raise Cancelled
                mixed = torch.tensordot(frames[start : start + BLOCK_FRAMES], patches, 1)
                blocks.append(encoder.read_patches(mixed))
                if progress:
                    progress(min(1.0, (start + BLOCK_FRAMES) / len(frames)), f"fusing {kind}")
            weights = torch.cat(blocks) if blocks else frames.new_zeros(0, self.network.config.shape_count)
            result: np.ndarray = weights.cpu().numpy()
        return result

    def _images(self, basis: np.ndarray) -> torch.Tensor:
        """Geometry images (K, 3, 64, 64) of a basis on the device; those of the last two are kept."""
        for known, images in self._known_images:
            if known is basis:
                return images
        images = torch.from_numpy(self.geometry_map.to_image(basis).astype(np.float32)).to(self.device)
        self._known_images.append((basis, images))
        return images
