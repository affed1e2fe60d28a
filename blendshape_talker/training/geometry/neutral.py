"""The maps that tell people from expressions: what :mod:`blendshape_talker.face.neutral` looks at a mesh with."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ... import checkpoint
from ...errors import TalkerError
from ...face.fit import fit_to_canonical
from ...face.flame import load_head
from ...face.neutral import KIND, expression_of, expression_warning
from .facs import load_facs

_VERTICES = 600
_NOISE = 0.0015  # metres: what neither ICT-FaceKit's identities nor the directions say of a face
_PEOPLE, _PEOPLE_AN_EMOTION = 100, 10
_SIMILARITY = 0.03  # metres: what the alignment may be off


def make_neutral_model(
    geometry: str | os.PathLike[str], directions: tuple[str, ...], out: str | os.PathLike[str], seed: int = 0
) -> Path:
    """Write the maps for ``directions`` of the FACS shapes in ``geometry``.

    With d = A c + S s + B e + noise, c ~ N(0, 1) over the identities A, s wide over similarities S, amounts e of the
    directions B: weights = B' P and normal = B' P B, P the inverse covariance of all but the expression.
    """
    facs, head = load_facs(geometry), load_head()
    missing = [name for name in directions if name not in facs.names]
    if missing:
        raise TalkerError(f"{geometry}: lacks the shapes {', '.join(missing)}; make it again with corpus geometry")
    rows = [list(facs.names).index(name) for name in directions]
    face = np.setdiff1d(np.flatnonzero(head.face > 0.5), np.concatenate(head.eyes))
    some = np.random.default_rng(seed).permutation(face)[:_VERTICES]
    vertices = np.unique(np.concatenate([head.lip_pairs.ravel(), some]))
    places = head.vertices[vertices].astype(float)
    moves = [np.tile(axis, (len(places), 1)) for axis in np.eye(3)]
    moves += [np.cross(axis, places) for axis in np.eye(3)] + [places]
    people = facs.identities[:, vertices].reshape(len(facs.identities), -1).astype(float)
    similarities = _SIMILARITY * np.stack(moves).reshape(7, -1)
    shapes = facs.deltas[rows][:, vertices].reshape(len(rows), -1).astype(float)
    covariance = people.T @ people + similarities.T @ similarities + _NOISE**2 * np.eye(people.shape[1])
    weights = np.linalg.solve(covariance, shapes.T).T
    scale = np.abs(weights).max(axis=1, keepdims=True)
    arrays = {
        "vertices": vertices.astype(np.int32),
        "weights": (weights / scale).astype(np.float16),
        "scale": scale.astype(np.float32),
        "normal": (weights @ shapes.T).astype(np.float32),
    }
    return checkpoint.save(out, KIND, {"directions": list(directions)}, arrays)


def measure(geometry: str | os.PathLike[str], basis: np.ndarray, apexes: Sequence[np.ndarray]) -> str:
    """How the bundled model judges people drawn from the identities of ``geometry``, in one line.

    basis (K, 5023, 3) m and apexes (K,): directions and emotions at intensity 1, the neutral one left out.
    """
    identities, neutral = load_facs(geometry).identities, load_head().vertices.astype(float)

    def noticed(seed: int, moved: np.ndarray | float) -> bool:
        person = neutral + np.tensordot(np.random.default_rng(seed).normal(size=len(identities)), identities, 1) + moved
        return expression_warning(expression_of(person, fit_to_canonical(person))) is not None

    alarms = sum(noticed(seed, 0.0) for seed in range(_PEOPLE))
    lines = [f"{alarms} of {_PEOPLE} neutral people taken for expressive"]
    for intensity in (1.0, 0.5):
        moves = [intensity * np.tensordot(apex, basis, 1) for apex in apexes]
        hits = sum(noticed(_PEOPLE + seed, move) for move in moves for seed in range(_PEOPLE_AN_EMOTION))
        lines.append(f"{hits} of {_PEOPLE_AN_EMOTION * len(moves)} with an emotion at intensity {intensity:g} noticed")
    return "; ".join(lines)
