"""What ``evaluate fusion`` measures: a fusion model, and the baseline that adds both deformations as they are."""

import numpy as np

from ...fusion import Domain, FusionModel


class DirectAddition:
    """The baseline: both deformations are added as they are. Has as much of FusionModel's interface as is measured."""

    def deform(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        del kind
        return np.tensordot(curves, basis[:, vertices], 1)

    def deform_all(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        return self.deform(curves, basis, kind, vertices)


class Fused:
    """A fusion model: what its primary (or all) weights make of a deformation at some vertices (N, M, 3)."""

    def __init__(self, model: FusionModel) -> None:
        self.model = model

    def deform(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        count = self.model.speech_count
        own = self.model.blendshapes[:count] if kind == "speech" else self.model.blendshapes[count:]
        return np.tensordot(self.model.weights(curves, basis, kind), own[:, vertices], 1)

    def deform_all(self, curves: np.ndarray, basis: np.ndarray, kind: Domain, vertices: np.ndarray) -> np.ndarray:
        return np.tensordot(self.model.all_weights(curves, basis, kind), self.model.blendshapes[:, vertices], 1)


System = Fused | DirectAddition
