"""What a bake has computed and a line is written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...expression.cues import CueTake
from .marks import LAYERS


@dataclass(frozen=True)
class Take:
    """One bake: names (K,), speech first; deltas (K, V, 3) in the mesh's own coordinates; weights (T, K).

    blink_weights (T, K_E): the part of the expression's weights that is blinks; closure (T,): the lids' closure behind
    it, 0 … 1; cues, lip_weights (T, K_E): the rest of it as strips that fade, and what the lips hold back of their sum;
    without cues that rest is one strip. about: what the line's record tells (recording, name, emotion, intensity, seed,
    style, fps; asked: see :func:`find.hand_made`). head_rotation (T, 3), eye_rotation (T, 2): radians, for heads with
    joints.
    """

    names: Sequence[str]
    speech_count: int
    deltas: np.ndarray
    weights: np.ndarray
    start_frame: int = 1
    blink_weights: np.ndarray | None = None
    closure: np.ndarray | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    cues: tuple[CueTake, ...] = ()
    lip_weights: np.ndarray | None = None
    head_rotation: np.ndarray | None = None
    eye_rotation: np.ndarray | None = None

    @property
    def end_frame(self) -> int:
        return self.start_frame + len(self.weights) - 1

    @property
    def recording(self) -> str:
        return str(self.about.get("recording") or "")

    @property
    def name(self) -> str:
        return str(self.about.get("name") or "line")

    def layers(self) -> dict[str, tuple[range, np.ndarray]]:
        """For each layer but the cues' the columns that it moves, and their weights (T, columns)."""
        speech, expression = range(self.speech_count), range(self.speech_count, len(self.names))
        emotion = self.weights[:, self.speech_count :]
        result = {"speech": (speech, self.weights[:, : self.speech_count]), "expression": (expression, emotion)}
        if self.blink_weights is not None:
            result["expression"] = expression, emotion - self.blink_weights
            result["blinks"] = expression, self.blink_weights
        if self.cues:
            del result["expression"]
            if self.lip_weights is not None:
                result["lips"] = expression, self.lip_weights
        return {layer: result[layer] for layer in LAYERS if layer in result and len(result[layer][0])}
