"""Mesh files by a parser of our own, which keeps the vertex order.

Those of PLY and pickles are imported when such a file comes: enabling the add-on goes without.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from ..files import check_input
from ..npz import read_npz
from .fit import MeshFit, fit_to_canonical, similarity, transform_deltas

__all__ = ["Mesh", "MeshFit", "fit_to_canonical", "read_mesh", "similarity", "transform_deltas"]

_VERTEX_NAMES = ("v_template", "vertices", "v", "verts")
_FACE_NAMES = ("f", "faces", "triangles")
_LARGEST_FILE = 32 << 20  # a FLAME head takes one MB as text
_MOST_VERTICES, _MOST_TRIANGLES = 100_000, 200_000  # FLAME: 5,023 and 9,976, a few times that when split
_FARTHEST = 1e9  # in the file's unit: what a fit squares must stay finite
_OBJ_LINE = re.compile(rb"^[ \t]*([vf])[ \t]+([^\r\n#]*)", re.MULTILINE)


@dataclass(frozen=True)
class Mesh:
    """``vertices`` (N, 3) float64 in the file's own unit and axes; ``faces`` (F, 3) int32, polygons as triangles."""

    vertices: np.ndarray
    faces: np.ndarray


def read_mesh(path: str | os.PathLike[str]) -> Mesh:
    """Read .obj, .ply, .npz or a FLAME model's .pkl; vertices come in the file's order, none split or merged.

    :class:`TalkerError` with one line when the file is missing, damaged, empty or of another kind.
    """
    file = Path(path)
    readers = {".obj": _read_obj, ".ply": _read_ply, ".npz": _read_npz, ".pkl": _read_pickle}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise TalkerError(f"{file}: meshes come as .obj, .ply, .npz or FLAME's .pkl; export or choose one of these")
    check_input(file, "a mesh")
    kind = file.suffix.lower()
    if kind in (".obj", ".ply") and file.stat().st_size > _LARGEST_FILE:
        raise TalkerError(f"{file}: {file.stat().st_size >> 20} MB are no FLAME head; export the head alone")
    try:
        with np.errstate(all="ignore"):  # absurd numbers are counted below
            vertices, faces = reader(file)
            return _checked(file, vertices, faces)
    except (OSError, MemoryError) as error:
        raise TalkerError(f"{file}: cannot be read ({error or 'not enough memory'}); check the file") from None
    except (ValueError, IndexError, KeyError, EOFError, OverflowError, TypeError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise TalkerError(f"{file}: damaged or not a {kind} mesh ({what[:120]}); export it again") from None


def _checked(file: Path, vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    vertices = np.asarray(vertices)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype.kind not in "fiu":
        raise TalkerError(f"{file}: its vertices are no list of x, y, z; export it again")
    if not len(vertices):
        raise TalkerError(f"{file}: has no vertices; choose a mesh")
    if len(vertices) > _MOST_VERTICES:
        raise TalkerError(f"{file}: has {len(vertices)} vertices, FLAME's head has 5023; choose a FLAME mesh")
    vertices = vertices.astype(np.float64)
    bad = int((~np.isfinite(vertices)).any(1).sum())
    if bad:
        raise TalkerError(f"{file}: {bad} of {len(vertices)} vertices are NaN or infinite; export it again")
    far = int((np.abs(vertices) > _FARTHEST).any(1).sum())
    if far:
        raise TalkerError(f"{file}: {far} of {len(vertices)} vertices lie absurdly far away; export it again")
    faces = np.asarray(faces)
    if faces.size == 0:
        faces = np.zeros((0, 3), np.int32)
    if faces.ndim != 2 or faces.shape[1] not in (3, 4) or faces.dtype.kind not in "iu":
        raise TalkerError(f"{file}: its faces are no triangles or quads; export it again")
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise TalkerError(f"{file}: a face names vertex {int(faces.max())} of {len(vertices)}; export it again")
    if faces.shape[1] == 4:
        faces = np.stack([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32))


def _read_obj(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Wavefront OBJ: v and f lines; texture, normals, groups and colours do not matter here."""
    vertices: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    content = file.read_bytes()
    if b"\0" in content:
        raise ValueError("it is binary")
    joined = content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for found in _OBJ_LINE.finditer(joined):
        words = found[2].split()
        try:
            if found[1] == b"v":
                vertices.append([float(word) for word in words[:3]])
                if len(vertices[-1]) != 3:
                    raise ValueError("a vertex without x, y, z")
            else:
                corners = [int(word.split(b"/", 1)[0]) for word in words]
                corners = [corner - 1 if corner > 0 else len(vertices) + corner for corner in corners]
                if len(corners) < 3:
                    raise ValueError("a face with fewer than three corners")
                triangles += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
        except ValueError as error:
            number = 1 + joined.count(b"\n", 0, found.start())
            raise ValueError(f"line {number}: {error}") from None
        if len(vertices) > _MOST_VERTICES or len(triangles) > _MOST_TRIANGLES:
            raise ValueError(f"more than {_MOST_VERTICES} vertices or {_MOST_TRIANGLES} triangles, FLAME has 5023")
    return np.array(vertices, float).reshape(-1, 3), np.array(triangles, np.int64).reshape(-1, 3)


def _read_ply(file: Path) -> tuple[np.ndarray, np.ndarray]:
    from .ply import read_ply

    return read_ply(file)


def _read_npz(file: Path) -> tuple[np.ndarray, np.ndarray]:
    return _parts(file, read_npz(file, _VERTEX_NAMES + _FACE_NAMES))


def _read_pickle(file: Path) -> tuple[np.ndarray, np.ndarray]:
    from . import safe_pickle

    return _parts(file, safe_pickle.load_flame(file))


def _parts(file: Path, parts: dict) -> tuple[np.ndarray, np.ndarray]:
    vertices = next((parts[name] for name in _VERTEX_NAMES if name in parts), None)
    if vertices is None:
        names = ", ".join(_VERTEX_NAMES)
        raise TalkerError(f"{file}: has none of the arrays {names}; save the vertices under one of these names")
    faces = next((parts[name] for name in _FACE_NAMES if name in parts), np.zeros((0, 3), np.int32))
    return np.asarray(vertices), np.asarray(faces)
