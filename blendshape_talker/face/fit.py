"""How a mesh lies to the canonical FLAME head: unit, turn, vertex order; or one line that says why it is none."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np

from ..errors import TalkerError
from .flame import VERTEX_COUNT, load_head

UNITS = {
    "metres": 1.0,
    "decimetres": 0.1,
    "centimetres": 0.01,
    "millimetres": 0.001,
    "inches": 0.0254,
    "feet": 0.3048,
}
_UNIT_TOLERANCE = 1.45  # heads differ in size by less, units by more
_SNAP_DEGREES = 6.0  # what the shape of a face alone can turn a fit; below it the axes are taken as they are
_SAME_ORDER_MM = 30.0  # root mean square; extreme identities reach 24, the first wrong orders 45
_SAME_SHAPE_MM = 10.0  # distance to the nearest canonical vertex, whatever the order
_EXACT_MM = 0.5
_LEAST_EXTENT = 1e-9  # in the mesh's unit: what is squared must not vanish
_FEW = 100  # vertices more or less that an edit of a FLAME head explains
_OTHER_COUNTS = {
    3931: "the eyeballs are missing; export the whole head",
    10475: "it is an SMPL-X body; export FLAME's head",
    6890: "it is an SMPL body; export FLAME's head",
}


@dataclass(frozen=True)
class MeshFit:
    """Canonical position (m) = ``scale`` · mesh position @ ``rotation``.T + ``translation``.

    ``scale`` is that of the mesh's unit, not of the person, whose own size stays. ``residual_mm``: root mean square
    distance to the canonical head after the best similarity. ``note`` says in words what was found and handled, or is
    empty. ``order`` (N,): each mesh vertex's FLAME vertex where the file has split or moved them, else None.
    """

    scale: float
    rotation: np.ndarray
    translation: np.ndarray
    residual_mm: float
    note: str
    order: np.ndarray | None = None


def similarity(source: np.ndarray, target: np.ndarray, mirrored: bool = False) -> tuple[float, np.ndarray, np.ndarray]:
    """Least-squares ``(scale, rotation (3, 3), translation (3,))``: target ≈ scale · source @ rotation.T + translation.

    Umeyama 1991, equations 40-42; rows of ``source`` and ``target`` (N, 3) are partners. The rotation is proper, or,
    with ``mirrored``, improper.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    left, values, right = np.linalg.svd((target - target_mean).T @ (source - source_mean))
    wanted = -1.0 if mirrored else 1.0
    signs = np.array([1.0, 1.0, wanted * np.sign(np.linalg.det(left @ right))])
    rotation = left * signs @ right
    spread = float(((source - source_mean) ** 2).sum())
    scale = float((values * signs).sum()) / spread if spread > 0 else 1.0
    return scale, rotation, target_mean - scale * rotation @ source_mean


def fit_to_canonical(vertices: np.ndarray) -> MeshFit:
    """Find unit, turn and order of a FLAME head (N, 3) of any identity, neutral or nearly so, in any axes.

    Raises :class:`TalkerError` with one line when it is none: another vertex count, another vertex order, mirrored, or
    no head at all.
    """
    vertices = np.asarray(vertices, np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.isfinite(vertices).all():
        raise TalkerError("the mesh's vertices are no list of finite x, y, z; choose another mesh")
    if not len(vertices) or np.ptp(vertices, axis=0).max() < _LEAST_EXTENT:
        raise TalkerError("the mesh has no extent: all its vertices lie in one place; choose another mesh")
    return _fitted(vertices.tobytes())


@lru_cache(maxsize=4)
def _fitted(coordinates: bytes) -> MeshFit:
    """A bake asks for one head several times."""
    vertices = np.frombuffer(coordinates, np.float64).reshape(-1, 3)
    if len(vertices) != VERTEX_COUNT:
        return _split(vertices)
    canonical = load_head().vertices.astype(np.float64)
    if _in_order(vertices, canonical):
        return _fit(vertices, canonical, None, [])
    if _in_order(vertices, canonical, mirrored=True):
        raise TalkerError("the mesh is a FLAME head, but mirrored; scale one axis by -1 and export it again")
    nearest, distance = _nearest_vertices(vertices, canonical)
    if distance > _SAME_SHAPE_MM:
        raise TalkerError(
            f"the mesh has FLAME's {VERTEX_COUNT} vertices but is no FLAME head (best fit {distance:.0f} mm off); "
            "choose a FLAME mesh"
        )
    if distance < _EXACT_MM and len(np.unique(nearest)) == VERTEX_COUNT:
        return _fit(vertices, canonical, nearest, ["vertex order restored"])
    raise TalkerError(
        "the mesh is a FLAME head, but its vertices are in another order (shuffled by another program); "
        "export it again with the vertex order kept, from Blender as OBJ or as PLY without UVs"
    )


def transform_deltas(deltas: np.ndarray, fit: MeshFit) -> np.ndarray:
    """Displacements (…, 5023, 3) of the canonical head, in metres, as (…, N, 3) in the mesh's unit, axes and order."""
    turned = np.asarray(deltas) @ (fit.rotation / fit.scale).astype(np.float32)
    return turned if fit.order is None else turned[..., fit.order, :]


def _split(vertices: np.ndarray) -> MeshFit:
    """A mesh with another vertex count: FLAME if its vertices are FLAME's, doubled at seams."""
    count = len(vertices)
    places, first, inverse = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    if len(places) != VERTEX_COUNT:
        why = "the mesh is no FLAME head; choose a FLAME mesh or add the demo head"
        if abs(count - VERTEX_COUNT) <= _FEW:
            why = "some were removed, added or merged by distance, if it was a FLAME head; take it as it was before"
        why = _OTHER_COUNTS.get(count, why)
        raise TalkerError(f"the mesh has {count} vertices, FLAME has {VERTEX_COUNT}: {why}")
    by_appearance = np.argsort(first)
    canonical = load_head().vertices.astype(np.float64)
    if not _in_order(places[by_appearance], canonical):
        raise TalkerError(
            f"the mesh has {count} vertices, FLAME has {VERTEX_COUNT}: another program split it at its UV seams and "
            "changed the order; export it without UVs, or merge by distance with the order kept"
        )
    rank = np.empty(VERTEX_COUNT, np.int64)
    rank[by_appearance] = np.arange(VERTEX_COUNT)
    return _fit(vertices, canonical, rank[inverse.ravel()], ["vertices split at seams"])


def _fit(vertices: np.ndarray, canonical: np.ndarray, order: np.ndarray | None, notes: list[str]) -> MeshFit:
    target = canonical if order is None else canonical[order]
    measured, rotation, translation = similarity(vertices, target)
    residual = _rms_mm(measured * vertices @ rotation.T + translation - target)
    name, scale = min(UNITS.items(), key=lambda unit: abs(np.log(measured / unit[1])))
    if abs(np.log(measured / scale)) > np.log(_UNIT_TOLERANCE):
        scale = measured
        notes = [*notes, f"{1 / measured:.3g} units a metre"]
    elif name != "metres":
        notes = [*notes, f"in {name}"]
    turns = _axis_turns()
    cosines = (np.einsum("nij,ij->n", turns, rotation) - 1) / 2
    angle = np.degrees(np.arccos(np.clip(cosines.max(), -1, 1)))
    if angle < _SNAP_DEGREES:
        rotation = turns[cosines.argmax()]
    if not np.allclose(rotation, np.eye(3)):
        z_up = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
        notes = [*notes, "z up" if np.allclose(rotation, z_up) else "rotated"]
    translation = target.mean(0) - scale * rotation @ vertices.mean(0)
    note = ", ".join(notes) + ": handled" if notes else ""
    return MeshFit(scale, rotation, translation, residual, note, order)


def _in_order(vertices: np.ndarray, canonical: np.ndarray, mirrored: bool = False) -> bool:
    """Whether vertex i lies where FLAME's vertex i does, but for identity and expression, and neighbours are near."""
    scale, rotation, translation = similarity(vertices, canonical, mirrored)
    fitted = scale * vertices @ rotation.T + translation
    if scale <= 0 or _rms_mm(fitted - canonical) > _SAME_ORDER_MM:
        return False
    faces = load_head().faces
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    lengths = np.linalg.norm(fitted[sides[:, 0]] - fitted[sides[:, 1]], axis=1)
    usual = np.linalg.norm(canonical[sides[:, 0]] - canonical[sides[:, 1]], axis=1)
    return int((lengths > 3 * usual + 0.008).sum()) <= 4


def _nearest_vertices(vertices: np.ndarray, canonical: np.ndarray) -> tuple[np.ndarray, float]:
    """The canonical vertex nearest to each vertex (N,) after a rigid fit without correspondence, and its rms in mm.

    Iterated closest points (Besl & McKay 1992) from the 24 turns along the axes; the scale is that of the spreads.
    """
    source = vertices - vertices.mean(0)
    target = canonical - canonical.mean(0)
    source *= np.sqrt((target**2).sum() / (source**2).sum())
    random = np.random.default_rng(0)
    few, some = random.permutation(len(source))[:250], target[random.permutation(len(target))[:1200]]
    starts = sorted((_icp(source[few], some, turn, 12) for turn in _axis_turns()), key=lambda fit: fit[2])
    turn, shift, _ = min((_icp(source[few], target, start[0], 25) for start in starts[:3]), key=lambda fit: fit[2])
    nearest = _closest(source @ turn.T + shift, target)
    for _ in range(3):
        _, turn, shift = similarity(source, target[nearest])
        nearest = _closest(source @ turn.T + shift, target)
    return nearest, _rms_mm(source @ turn.T + shift - target[nearest])


def _icp(source: np.ndarray, target: np.ndarray, turn: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray, float]:
    shift = np.zeros(3)
    for _ in range(rounds):
        partners = target[_closest(source @ turn.T + shift, target)]
        _, turn, _ = similarity(source, partners)
        shift = (partners - source @ turn.T).mean(0)
    partners = target[_closest(source @ turn.T + shift, target)]
    return turn, shift, _rms_mm(source @ turn.T + shift - partners)


def _closest(points: np.ndarray, others: np.ndarray, block: int = 512) -> np.ndarray:
    """Index (N,) of the nearest of the ``others`` (M, 3); plain numpy, because Blender has no scipy."""
    points, others = points.astype(np.float32), others.astype(np.float32)
    half_squares = (others**2).sum(1) / 2
    found = [(half_squares - points[i : i + block] @ others.T).argmin(1) for i in range(0, len(points), block)]
    return np.concatenate(found)


@lru_cache(maxsize=1)
def _axis_turns() -> np.ndarray:
    """The 24 rotations (24, 3, 3) that map the axes onto each other."""
    turns = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.zeros((3, 3))
        turn[range(3), order] = signs
        if np.linalg.det(turn) > 0:
            turns.append(turn)
    return np.array(turns)


def _rms_mm(offsets: np.ndarray) -> float:
    return float(1e3 * np.sqrt((offsets**2).sum(-1).mean()))
