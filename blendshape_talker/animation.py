"""What the whole path gives: two sets of blendshapes and their weights over time, and their file."""

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .expression.cues import Cue, CueTake
from .files import whole_file


@dataclass(frozen=True)
class Animation:
    """Weights per frame for two sets of blendshapes: ``displacement[t] = weights[t] @ blendshapes``.

    fps: frames a second; times (T,): seconds from the start of the recording; speech_weights (T, K_A);
    expression_weights (T, K_E): all that is not speech; names: K_A + K_E names, speech first; blendshapes
    (K_A + K_E, 5023, 3): metres from neutral, FLAME's vertex order and axes.

    Contained in expression_weights and known apart as well: blink_weights (T, K_E), the layer of
    :func:`expression.lids.blink_layer` for blink_closure (T,), 0 … 1, and aperture_weights (T, K_E), what
    :func:`expression.aperture.lip_layer` takes back from the cues for speech. Left out, they are zero.

    head_rotation (T, 3), eye_rotation (T, 2): radians by which the head turns from rest and the eyes turn in it, as
    :mod:`expression.head_motion` and :mod:`expression.gaze` define them; no part of the weights.

    cue_takes: the emotions as strips (:func:`expression.cues.arrange`), each with its own weights at ``fps``.
    warnings: what is doubtful about the recording, a plain sentence each. closures_heard: how often speech closes the
    lips; closures_lost: seconds of those that these frames do not show. recalled: the recording had been heard before.
    """

    fps: float
    times: np.ndarray
    speech_weights: np.ndarray
    expression_weights: np.ndarray
    names: tuple[str, ...]
    blendshapes: np.ndarray
    blink_closure: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    blink_weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    aperture_weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    head_rotation: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    eye_rotation: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    cue_takes: tuple[CueTake, ...] = ()
    warnings: tuple[str, ...] = ()
    closures_heard: int = 0
    closures_lost: tuple[float, ...] = ()
    recalled: bool = False

    def __post_init__(self) -> None:
        if not len(self.blink_closure):
            object.__setattr__(self, "blink_closure", np.zeros(len(self.times), np.float32))
        for layer in ("blink_weights", "aperture_weights"):
            if not len(getattr(self, layer)):
                object.__setattr__(self, layer, np.zeros_like(self.expression_weights))
        for turned, axes in (("head_rotation", 3), ("eye_rotation", 2)):
            if not len(getattr(self, turned)):
                object.__setattr__(self, turned, np.zeros((len(self.times), axes), np.float32))

    @property
    def cues(self) -> tuple[Cue, ...]:
        """The emotions, from when to when and how strong."""
        return tuple(take.cue for take in self.cue_takes)

    @property
    def emotion_weights(self) -> np.ndarray:
        """(T, K_E) what the emotion does, the blinks taken out: expression_weights - blink_weights."""
        emotion: np.ndarray = self.expression_weights - self.blink_weights
        return emotion

    @property
    def cue_weights(self) -> np.ndarray:
        """(T, K_E) the faded sum of the cues alone: emotion_weights - aperture_weights."""
        alone: np.ndarray = self.emotion_weights - self.aperture_weights
        return alone

    @property
    def frame_count(self) -> int:
        return len(self.times)

    @property
    def speech_count(self) -> int:
        """K_A: how many of the blendshapes belong to speech."""
        return self.speech_weights.shape[1]

    @property
    def weights(self) -> np.ndarray:
        """Both sets side by side, (T, K_A + K_E)."""
        return np.concatenate([self.speech_weights, self.expression_weights], axis=1)

    def displacements(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Vertex displacements from neutral of frames ``start:stop``: (frames, 5023, 3) float32, metres."""
        weights = self.weights[start:stop].astype(np.float32)
        flat = weights @ self.blendshapes.reshape(len(self.blendshapes), -1).astype(np.float32)
        return flat.reshape(len(weights), -1, 3)

    def save(self, path: str | os.PathLike[str], displacements: bool = False) -> Path:
        """Write the ``.npz`` of the command line; complete or not at all. Readable with ``allow_pickle=False``.

        Keys: ``fps``, ``times``, ``speech_weights``, ``expression_weights``, ``head_rotation``, ``eye_rotation``,
        ``names`` and, on request, ``displacements`` (T, 5023, 3), which are written block by block: an hour of them
        does not fit in memory.
        """
        arrays = {
            "fps": np.float64(self.fps),
            "times": self.times,
            "speech_weights": self.speech_weights,
            "expression_weights": self.expression_weights,
            "head_rotation": self.head_rotation,
            "eye_rotation": self.eye_rotation,
            "names": np.array(self.names, dtype=np.str_),
        }
        with whole_file(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)  # type: ignore[no-untyped-call]
            if displacements:
                self._write_displacements(archive)
        return Path(path)

    def _write_displacements(self, archive: zipfile.ZipFile, block: int = 600) -> None:
        shape = (self.frame_count, *self.blendshapes.shape[1:])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with archive.open("displacements.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_2_0(member, header)  # type: ignore[no-untyped-call]
            for start in range(0, self.frame_count, block):
                member.write(self.displacements(start, start + block).astype("<f4").tobytes())
