"""How a head in the scene, of any unit, axes and vertex order, lies to the canonical one."""

import bpy
import numpy as np

from ..face import meshes
from .lines import shapes


class CanonicalFrame:
    """How a head's own coordinates lie to the canonical ones, and its rest there (5023, 3), in metres."""

    def __init__(self, head: bpy.types.Object) -> None:
        rest = shapes.rest_vertices(head)
        self.fit = meshes.fit_to_canonical(rest)
        order = self.fit.order
        # of vertices that another program split at seams the first will do
        self.pick = slice(None) if order is None else np.unique(order, return_index=True)[1]
        self.rest = (self.fit.scale * rest @ self.fit.rotation.T + self.fit.translation)[self.pick]
        self.upright = np.linalg.det(self.fit.rotation) > 0

    def to_mesh(self, positions: np.ndarray) -> np.ndarray:
        """Canonical positions (…, 3) in the head's own coordinates."""
        return ((positions - self.fit.translation) @ self.fit.rotation / self.fit.scale).astype(np.float32)

    def canonical_deltas(self, deltas: np.ndarray) -> np.ndarray:
        """Displacements (K, N, 3) of the mesh as (K, 5023, 3) of the canonical head, in metres."""
        return (deltas @ (self.fit.scale * self.fit.rotation.T).astype(deltas.dtype))[:, self.pick]

    def mesh_deltas(self, deltas: np.ndarray) -> np.ndarray:
        """Canonical displacements (…, 3) in the head's own unit and axes."""
        return (deltas @ self.fit.rotation / self.fit.scale).astype(np.float32)
