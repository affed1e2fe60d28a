"""A corpus as the training sees it: frames by coefficients, and the images of the basis that the encoders get."""

from dataclasses import dataclass

import numpy as np
import torch

from ...errors import TalkerError
from ...face.flame import VERTEX_COUNT, GeometryMap

_MM = 1000.0


class FileOrderMap(GeometryMap):
    """Ablation of the geometric mapping: vertices fill a square in file order, so that neighbours mean nothing."""

    def __init__(self) -> None:
        self.size = 72  # the smallest multiple of eight with room for 5023 vertices

    def to_image(self, deltas: np.ndarray) -> np.ndarray:
        flat = np.zeros((*deltas.shape[:-2], self.size**2, 3), np.float32)
        flat[..., :VERTEX_COUNT, :] = deltas
        return np.moveaxis(flat, -1, -2).reshape(*deltas.shape[:-2], 3, self.size, self.size)


@dataclass
class TrainingFrames:
    """One corpus on the training device: basis in mm (K, V, 3), its images (K, 3, S, S), frames (N, K), pairs (M,)."""

    basis: torch.Tensor
    images: torch.Tensor
    frames: torch.Tensor
    pairs: torch.Tensor

    @classmethod
    def build(
        cls, basis: np.ndarray, frames: tuple[np.ndarray, np.ndarray], image_map: GeometryMap
    ) -> "TrainingFrames":
        """basis (K, V, 3) metres; frames: :meth:`LinearCorpus.frames`, of which shapes that never move are left out."""
        used = np.abs(frames[0]).max(axis=0) > 0  # a corpus of speech uses half of the FACS shapes
        millimetres = _MM * np.asarray(basis[used], np.float32)
        images = image_map.to_image(millimetres).astype(np.float32)
        if not len(frames[1]):
            raise TalkerError("the corpus has no two frames in a row to train on; make a larger one")
        coefficients = np.ascontiguousarray(frames[0][:, used])
        return cls(*(torch.from_numpy(array) for array in (millimetres, images, coefficients, frames[1])))

    def batch(self, size: int, generator: torch.Generator) -> torch.Tensor:
        """(2 · size, K): frames and, after them, their successors."""
        chosen = self.pairs[torch.randint(len(self.pairs), (size,), generator=generator)]
        return torch.cat([self.frames[chosen], self.frames[chosen + 1]])
