"""Left and right: what a deformation looks like in a mirror, on a mesh whose two halves are not the same.

FLAME's triangles have no symmetry and the canonical head next to one, so that swapping vertices would move lids by
millimetres. A vertex takes what happens at its mirrored place on the surface instead.
"""

import numpy as np
import torch

from ...face.flame import Head
from .surface import Surface, component_labels, vertex_normals

_AGREEING = 0.3  # cosine of normals: the outside of a lid is no answer for its inside
_PRESENT = 1e-3  # of the largest muscle; a smaller one is rounding


class Mirror:
    """Turns deformations (K, V, 3) into their mirror images; linear, on torch tensors.

    Where a deformation is made of FACS shapes (``muscles`` (S, V, 3), names ending in _L and _R or Left and Right) its
    image is made of the other side's shapes, exactly; the rest moves over the surface, vertex by vertex.
    """

    def __init__(self, head: Head, faces: np.ndarray, names: list[str], muscles: np.ndarray) -> None:
        self._surface = surface_mirror(head, faces)
        size = np.sqrt(np.square(muscles).sum(axis=(1, 2)))
        partner = np.array([names.index(other_side(name)) for name in names])
        present = np.minimum(size, size[partner]) > _PRESENT * size.max()
        flat = torch.from_numpy((muscles / np.maximum(size, 1e-12)[:, None, None])[present].astype(np.float32))
        swapped = torch.from_numpy((muscles[partner] / np.maximum(size, 1e-12)[:, None, None])[present])
        self._reader = torch.linalg.pinv(flat.flatten(1).double(), rtol=1e-4).float()  # (3 V, M)
        self._correction = swapped.float().flatten(1) - self._over_surface(flat).flatten(1)

    def __call__(self, shapes: torch.Tensor) -> torch.Tensor:
        flat = shapes.flatten(1)
        return self._over_surface(shapes) + (flat @ self._reader @ self._correction).reshape(shapes.shape)

    def _over_surface(self, shapes: torch.Tensor) -> torch.Tensor:
        moved = self._surface @ shapes.permute(1, 0, 2).flatten(1)
        moved = moved.reshape(shapes.shape[1], shapes.shape[0], 3).permute(1, 0, 2)
        return moved * moved.new_tensor([-1.0, 1.0, 1.0])


class Pairing:
    """Keeps shapes (K, V, 3) in pairs: a right one is the image of its left one, a middle one like its own image.

    Without a mirror shapes stay as they are.
    """

    def __init__(self, mirror: Mirror | None, partner: np.ndarray) -> None:
        self._mirror, self.partner = mirror, partner
        places = np.arange(len(partner))
        own = np.where(partner == places, 0.5, np.where(places < partner, 1.0, 0.0))
        self._own = torch.from_numpy(own.astype(np.float32))[:, None, None]

    def __call__(self, free: torch.Tensor) -> torch.Tensor:
        """Shapes in pairs of free ones (K, V, 3); linear. A right shape's own numbers do not count."""
        if self._mirror is None:
            return free
        return self._own * free + (1.0 - self._own) * self._mirror(free[torch.from_numpy(self.partner)])


def in_pairs(shapes: np.ndarray, mirror: Mirror, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (K, V, 3) with the two of a pair one after the other, left first, and each one's partner (K,).

    The partner of a shape that resembles no other's mirror image more than its own is itself.
    """
    images = mirror(torch.from_numpy(np.asarray(shapes, np.float32))).numpy()
    flat, images = (array.reshape(len(shapes), -1) for array in (shapes, images))
    likeness = images @ flat.T / (np.linalg.norm(flat, axis=1) * np.linalg.norm(images, axis=1)[:, None])
    partner = likeness.argmax(axis=1)
    side = np.square(shapes).sum(axis=2) @ positions[:, 0]
    order: list[int] = []
    places: list[int] = []
    for index, other in enumerate(partner):
        if index in order:
            continue
        paired = other != index and partner[other] == index
        group = sorted((index, int(other)), key=lambda shape: -side[shape]) if paired else [index]
        places += [len(order) + 1, len(order)] if paired else [len(order)]
        order += group
    return shapes[order], np.array(places)


def other_side(name: str) -> str:
    """The FACS name of the opposite muscle; a middle one's own."""
    for left, right in (("_L", "_R"), ("Left", "Right")):
        for here, there in ((left, right), (right, left)):
            if name.endswith(here):
                return name.removesuffix(here) + there
    return name


def surface_mirror(head: Head, faces: np.ndarray) -> torch.Tensor:
    """(V, V) sparse: a vertex takes from the triangle nearest to its mirrored place, an eye's from the other eye."""
    rows, weights, _ = _correspondence(head.vertices, faces)
    count = len(head.vertices)
    indices = torch.from_numpy(np.stack([np.repeat(np.arange(count), 3), rows.ravel()]))
    values = torch.from_numpy(weights.ravel().astype(np.float32))
    return torch.sparse_coo_tensor(indices, values, (count, count), check_invariants=True).coalesce()


def mirror_distance(head: Head, faces: np.ndarray) -> np.ndarray:
    """(V,) metres from every vertex's mirrored place to the surface: how far the head is from symmetric."""
    return _correspondence(head.vertices, faces)[2]


def _correspondence(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per vertex: the triangle's corners (V, 3), their barycentric weights (V, 3), its distance (V,)."""
    labels = component_labels(faces, len(vertices))
    centres = np.array([vertices[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    rows, weights = np.zeros((len(vertices), 3), np.int64), np.zeros((len(vertices), 3))
    distances = np.zeros(len(vertices))
    normals = vertex_normals(vertices, faces)
    flip = np.array([-1.0, 1.0, 1.0])
    for label, centre in enumerate(centres):
        opposite = np.square(centres - centre * flip).sum(axis=1).argmin()
        part, own = faces[labels[faces[:, 0]] == opposite], np.flatnonzero(labels == label)
        surface = Surface(vertices, part)
        triangle, barycentric, distance, _ = surface.closest(vertices[own] * flip, normals[own] * flip, _AGREEING)
        rows[own], weights[own], distances[own] = part[triangle], barycentric, distance
    return rows, weights, distances
