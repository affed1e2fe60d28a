"""What ``evaluate fusion`` measures: a fusion model, and the baseline that adds both deformations as they are."""

import numpy as np

from ...expression.aperture import bite_share, free_share, held_back, opening_only, opening_shapes
from ...fusion import Domain, FusionModel
from ..corpus.expression_corpus import FPS

Shares = tuple[np.ndarray, np.ndarray]  # what speech leaves of the lips free, and where it bites: (T,) each, 0 … 1


class DirectAddition:
    """The baseline: both deformations are added as they are. Has as much of FusionModel's interface as is measured."""

    def deform(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        del kind
        return np.tensordot(curves, basis[:, vertices], 1)

    def deform_all(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        return self.deform(curves, basis, kind, vertices)

    def shares(self, curves: np.ndarray, basis: np.ndarray) -> Shares:
        """Speech asks for nothing."""
        del basis
        return np.ones(len(curves)), np.zeros(len(curves))

    def felt(self, curves: np.ndarray, basis: np.ndarray, shares: Shares, vertices: np.ndarray) -> np.ndarray:
        del shares
        return self.deform(curves, basis, "expression", vertices)


class Fused:
    """A fusion model: what its primary (or all) weights make of a deformation at some vertices (N, M, 3)."""

    def __init__(self, model: FusionModel) -> None:
        self.model = model
        self.speech, self.expression = np.split(model.blendshapes, [model.speech_count])

    def deform(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        """Of an expression, what is seen whatever is said: without its opening of the mouth."""
        own = self.speech if kind == "speech" else self.expression
        weights = self.model.weights(curves, basis, kind)
        if kind == "expression":
            weights[:, opening_shapes(own)] = 0.0
        return np.tensordot(weights, own[:, vertices], 1)

    def deform_all(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        return np.tensordot(self.model.all_weights(curves, basis, kind), self.model.blendshapes[:, vertices], 1)

    def shares(self, curves: np.ndarray, basis: np.ndarray) -> Shares:
        """What one take of speech, all its frames, leaves to an emotion."""
        weights = self.model.weights(curves, basis, "speech")
        return free_share(self.speech, weights, FPS), bite_share(self.speech, weights, FPS)

    def felt(self, curves: np.ndarray, basis: np.ndarray, shares: Shares, vertices: np.ndarray) -> np.ndarray:
        """(N, M, 3) what an emotion adds to speech that leaves it ``shares``, lip layer included."""
        cues = opening_only(self.expression, self.model.weights(curves, basis, "expression"))
        shown = cues + held_back(self.expression, cues, *shares)
        return np.tensordot(shown, self.expression[:, vertices], 1)


System = Fused | DirectAddition
