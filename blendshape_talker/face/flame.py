"""FLAME's vertex order: the facts the rest relies on, the canonical head, vertices <-> geometry images.

All positions are in metres, y up, the face looking along +z, x to the head's left.
"""

import os
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from .. import checkpoint
from ..errors import TalkerError

VERTEX_COUNT = 5023
UPPER_LIP, LOWER_LIP = 3546, 3504  # inner lip vertices in the middle of the mouth; their distance is the lip gap
# upper and lower lid margin, partners from the inner to the outer corner: the fourth ring of edges around the socket
LEFT_LIDS = np.array(
    [(1336, 1357), (1329, 1355), (1331, 1354), (1340, 824), (1343, 827), (3855, 991), (1344, 994),
     (1218, 995), (1216, 814), (1202, 807), (1201, 822), (1200, 1093), (1195, 1096), (1175, 1113)]
)  # fmt: skip
RIGHT_LIDS = np.array(
    [(2487, 2508), (2485, 2506), (2486, 2505), (2491, 2273), (2494, 2276), (3689, 2355), (2495, 2358),
     (2453, 2359), (2451, 2267), (2450, 2264), (2449, 2271), (2448, 2402), (2447, 2403), (2436, 2406)]
)  # fmt: skip
IMAGE_SIZE = 64
HEAD_KIND = "head"


@dataclass(frozen=True)
class Head:
    """The canonical head in FLAME's vertex order, all computed by ``corpus geometry``; nothing of FLAME's own is in it.

    ``vertices`` (5023, 3) m; ``faces`` (F, 3) and ``uv`` (5023, 2), the demo head's own triangles, normals outward, and
    texture coordinates; ``pixel_vertices``, ``pixel_weights`` (64, 64, 3): see :class:`GeometryMap`.

    Masks (5023,), 0 … 1: ``upper_face`` is 1 on forehead, brows, lids and nose root, 0 on mouth and jaw, smooth across
    the cheeks; ``mouth`` falls smoothly from the lips; ``face`` is 1 on the face, 0 on scalp, ears, neck, back and
    eyeballs.

    Vertex lists: ``lip_pairs`` (P, 2), upper and lower lip partners from corner to corner; ``lips`` for the lip vertex
    error; ``eye_region``, ``forehead``, ``mouth_corners``; ``left_eye``, ``right_eye``, the eyeballs.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    pixel_vertices: np.ndarray
    pixel_weights: np.ndarray
    upper_face: np.ndarray
    mouth: np.ndarray
    face: np.ndarray
    lip_pairs: np.ndarray
    lips: np.ndarray
    eye_region: np.ndarray
    forehead: np.ndarray
    mouth_corners: np.ndarray
    left_eye: np.ndarray
    right_eye: np.ndarray

    @property
    def eyes(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of the left and of the right eyeball."""
        return self.left_eye, self.right_eye

    @property
    def geometry_map(self) -> "GeometryMap":
        """The map between vertices and geometry images."""
        return GeometryMap(self.pixel_vertices, self.pixel_weights)


def load_head(path: str | os.PathLike[str] | None = None) -> Head:
    """The bundled head, or the one in ``path``; read once. Its arrays are shared: do not write into them."""
    return _load_head(os.fspath(path) if path is not None else str(checkpoint.ASSETS / "head.npz"))


@lru_cache(maxsize=4)
def _load_head(path: str) -> Head:
    arrays = checkpoint.load(path, HEAD_KIND)[1]
    try:
        parts = {field.name: arrays[field.name] for field in fields(Head)}
    except KeyError as missing:
        raise TalkerError(f"{path}: the head lacks {missing}; make it again with: corpus geometry --head") from None
    for array in parts.values():
        array.setflags(write=False)
    return Head(**parts)


def lip_gap_per_weight(shapes: np.ndarray) -> np.ndarray:
    """(K,) metres that one unit of each of ``shapes`` (K, 5023, 3) opens the lips in the middle: the vertical part."""
    opening: np.ndarray = shapes[:, UPPER_LIP, 1] - shapes[:, LOWER_LIP, 1]
    return opening


def lip_gaps_of_pair(moved: np.ndarray, head: Head) -> np.ndarray:
    """(T,) mm above neutral from displacements (T, 2, 3) in metres of the upper and the lower inner-lip vertex."""
    neutral = head.vertices[UPPER_LIP] - head.vertices[LOWER_LIP]
    apart = neutral + moved[:, 0] - moved[:, 1]
    gap: np.ndarray = 1000.0 * (np.linalg.norm(apart, axis=1) - np.linalg.norm(neutral))
    return gap


def lid_gaps(shapes: np.ndarray) -> np.ndarray:
    """(…, 2) metres between the lids of the left and of the right eye, the mean of each eye's vertical gaps.

    shapes (…, 5023, 3): vertices, or displacements and blendshapes, whose gaps add up because the gap is linear.
    """
    height = np.asarray(shapes)[..., 1]
    gaps = [(height[..., lids[:, 0]] - height[..., lids[:, 1]]).mean(axis=-1) for lids in (LEFT_LIDS, RIGHT_LIDS)]
    return np.stack(gaps, axis=-1)


class GeometryMap:
    """The fixed map between vertices and a 64×64 geometry image (Mao et al. 2025, section 3, geometric mapping).

    Every pixel holds the weighted mean of three vertices, D_ij = Σ_k w_ijk V_I(i,j,k), with weights that sum to one, or
    to zero off the face; the way back is the transposed map, normalised by each vertex's total weight. Both are linear.
    """

    def __init__(self, pixel_vertices: np.ndarray, pixel_weights: np.ndarray):
        self.pixel_vertices, self.pixel_weights = pixel_vertices, pixel_weights
        self.size = pixel_vertices.shape[0]
        self._flat_vertices = pixel_vertices.reshape(-1, 3)
        self._flat_weights = pixel_weights.reshape(-1, 3).astype(np.float32)
        totals = np.bincount(self._flat_vertices.ravel(), self._flat_weights.ravel(), VERTEX_COUNT)
        self.reached = totals > 1e-6
        pixels, corners = np.nonzero(self._flat_weights)
        order = np.lexsort((pixels, self._flat_vertices[pixels, corners]))
        self._pixels = pixels[order]
        self._vertices = self._flat_vertices[pixels, corners][order]
        weights = self._flat_weights[pixels, corners][order]
        self._back_weights = (weights / totals[self._vertices]).astype(np.float32)
        self._starts = np.flatnonzero(np.r_[True, np.diff(self._vertices) > 0])

    def to_image(self, deltas: np.ndarray) -> np.ndarray:
        """Geometry images (…, 3, 64, 64) of vertex displacements (…, 5023, 3)."""
        deltas = _checked(deltas, (VERTEX_COUNT, 3), "vertex displacements")
        image: np.ndarray = np.einsum("pk,...pkc->...cp", self._flat_weights, deltas[..., self._flat_vertices, :])
        return image.reshape(*deltas.shape[:-2], 3, self.size, self.size).astype(np.float32)

    def to_vertices(self, images: np.ndarray) -> np.ndarray:
        """Vertex displacements (…, 5023, 3) of geometry images (…, 3, 64, 64); zero off the face."""
        images = _checked(images, (3, self.size, self.size), "geometry images")
        pixels = images.reshape(*images.shape[:-3], 3, -1)[..., self._pixels] * self._back_weights
        result = np.zeros((*images.shape[:-3], VERTEX_COUNT, 3), np.float32)
        sums = np.add.reduceat(pixels, self._starts, axis=-1)
        result[..., self._vertices[self._starts], :] = np.moveaxis(sums, -2, -1)
        return result

    def matrix(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The map as a sparse matrix (4096, 5023), vertices to pixels: ``(rows, columns, values)`` of its entries."""
        rows, corners = np.nonzero(self._flat_weights)
        return rows, self._flat_vertices[rows, corners].astype(np.int64), self._flat_weights[rows, corners]


def _checked(array: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    array = np.asarray(array)
    if array.shape[-len(shape) :] != shape:
        raise ValueError(f"{what} must end in {shape}, not {array.shape}")
    return array
