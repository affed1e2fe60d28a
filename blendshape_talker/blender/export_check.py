"""Looks into a file that an exporter called finished: is the head in it, do its shapes move, for as long as the take?

A FINISHED export can hold nothing at all. Each reader takes just enough of its format to know; a file that it cannot
read is refused, since whoever opens it next will not read it either.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TalkerError

_GLB_JSON = 0x4E4F534A
_FBX_ARRAYS = {"f": 4, "d": 8, "l": 8, "i": 4, "b": 1, "c": 1}
_FBX_SCALARS = {"Y": "<h", "C": "<B", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}


@dataclass(frozen=True)
class Contents:
    """What a file holds: vertices of its largest mesh, shapes, animated frames; None where the format hides it."""

    vertices: int
    shapes: int | None
    frames: int | None


def check_export(path: Path, vertices: int, shapes: int, frames: int) -> None:
    """Raise :class:`TalkerError` unless ``path`` holds a mesh of ``vertices``, its ``shapes`` and ``frames`` frames.

    Exporters split vertices at seams, and leave out frames in which nothing moves: at least as many vertices and half
    of the frames count as whole.
    """
    try:
        found = _READERS[path.suffix.lower()](path)
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error, zlib.error) as error:
        raise TalkerError(f"the exported {path.suffix} file cannot be read back ({error}); nothing was kept") from error
    if found.vertices < vertices:
        raise TalkerError(f"the exported {path.suffix} file holds no mesh of the head; is its object hidden or empty?")
    if found.shapes is not None and found.shapes < shapes:
        raise TalkerError(f"the exported {path.suffix} file holds {found.shapes} of {shapes} shapes; nothing was kept")
    if found.frames is not None and found.frames < frames // 2:
        raise TalkerError(
            f"the exported {path.suffix} file holds {found.frames} of {frames} frames; nothing was kept. "
            "Is the animation muted or the NLA switched off?"
        )


def _read_glb(path: Path) -> Contents:
    with path.open("rb") as stream:
        magic, _, _ = struct.unpack("<4sII", stream.read(12))
        length, kind = struct.unpack("<II", stream.read(8))
        if magic != b"glTF" or kind != _GLB_JSON:
            raise ValueError("no glTF")
        content = json.loads(stream.read(length))
    accessors = content.get("accessors", [])
    primitives = [part for mesh in content.get("meshes", []) for part in mesh["primitives"]]
    vertices = sum(accessors[part["attributes"]["POSITION"]]["count"] for part in primitives)
    shapes = max((len(part.get("targets", [])) for part in primitives), default=0)
    frames = 0
    for animation in content.get("animations", []):
        for channel in animation["channels"]:
            if channel["target"]["path"] == "weights":
                frames = max(frames, accessors[animation["samplers"][channel["sampler"]]["input"]]["count"])
    return Contents(vertices, shapes, frames)


def _read_fbx(path: Path) -> Contents:
    data = path.read_bytes()
    if not data.startswith(b"Kaydara FBX Binary"):
        raise ValueError("no binary FBX")
    version = struct.unpack_from("<I", data, 23)[0]
    vertices = shapes = frames = 0
    for name, _, children, end in _fbx_nodes(data, 27, version):
        if name != "Objects":
            continue
        for kind, properties, inner, inner_end in _fbx_nodes(data, children, version, end):
            if kind == "Geometry" and properties[-1:] == ["Mesh"]:
                counts = [p[0] for n, p, _, _ in _fbx_nodes(data, inner, version, inner_end) if n == "Vertices"]
                vertices = max([vertices, *(count // 3 for count in counts)])
            elif kind == "Geometry" and properties[-1:] == ["Shape"]:
                shapes += 1
            elif kind == "AnimationCurve":
                counts = [p[0] for n, p, _, _ in _fbx_nodes(data, inner, version, inner_end) if n == "KeyTime"]
                frames = max([frames, *counts])
    return Contents(vertices, shapes, frames)


def _fbx_nodes(
    data: bytes, offset: int, version: int, end: int | None = None
) -> Iterator[tuple[str, list[Any], int, int]]:
    """Records from ``offset``: (name, properties, where its children begin, its end); an array is its length."""
    head = struct.Struct("<QQQB" if version >= 7500 else "<IIIB")
    while offset + head.size <= (len(data) if end is None else end):
        stop, count, size, letters = head.unpack_from(data, offset)
        if stop == 0:
            return
        if not offset < stop <= len(data):
            raise ValueError("a record ends outside the file")
        name = data[offset + head.size : offset + head.size + letters].decode("utf-8", "replace")
        start = offset + head.size + letters
        yield name, _fbx_properties(data, start, count), start + size, stop
        offset = stop


def _fbx_properties(data: bytes, offset: int, count: int) -> list[Any]:
    properties: list[Any] = []
    for _ in range(count):
        kind = chr(data[offset])
        offset += 1
        if kind in _FBX_SCALARS:
            properties.append(struct.unpack_from(_FBX_SCALARS[kind], data, offset)[0])
            offset += struct.calcsize(_FBX_SCALARS[kind])
        elif kind in _FBX_ARRAYS:
            length, encoded, stored = struct.unpack_from("<III", data, offset)
            properties.append(length)
            offset += 12 + (stored if encoded else length * _FBX_ARRAYS[kind])
        elif kind in "SR":
            (length,) = struct.unpack_from("<I", data, offset)
            properties.append(data[offset + 4 : offset + 4 + length].decode("utf-8", "replace"))
            offset += 4 + length
        else:
            raise ValueError(f"unknown property {kind!r}")
    return properties


def _read_alembic(path: Path) -> Contents:
    """By its strings and its size: Ogawa archives need a library that Blender does not lend to Python."""
    data = path.read_bytes()
    if not data.startswith(b"Ogawa"):
        raise ValueError("no Ogawa archive")
    if b"AbcGeom_PolyMesh" not in data or b".faceIndices" not in data:
        return Contents(0, None, 0)
    # positions are three floats a vertex and frame; a frame in which nothing moves is stored once
    return Contents(len(data) // 12, None, None)


def _read_usd(path: Path) -> Contents:
    try:
        from pxr import Usd, UsdGeom, UsdSkel
    except ImportError:
        return _read_usd_by_size(path)
    stage = Usd.Stage.Open(str(path))
    vertices = shapes = frames = 0
    for prim in stage.TraverseAll():
        if prim.IsA(UsdGeom.Mesh):
            points = UsdGeom.Mesh(prim).GetPointsAttr()
            vertices = max(vertices, len(points.Get() or ()))
            frames = max(frames, points.GetNumTimeSamples())
        elif prim.IsA(UsdSkel.BlendShape):
            shapes += 1
        elif prim.IsA(UsdSkel.Animation):
            frames = max(frames, UsdSkel.Animation(prim).GetBlendShapeWeightsAttr().GetNumTimeSamples())
    del stage  # else the file stays open, and on Windows cannot be moved
    return Contents(vertices, shapes, frames)


def _read_usd_by_size(path: Path) -> Contents:
    """Where a build writes USD but brings no Python side of it (Blender as a module)."""
    data = path.read_bytes()
    if not data.startswith((b"PXR-USDC", b"#usda")):
        raise ValueError("no USD")
    return Contents(len(data) // 12, None, None)


_READERS: dict[str, Callable[[Path], Contents]] = {
    ".fbx": _read_fbx, ".abc": _read_alembic, ".glb": _read_glb,
    ".usdc": _read_usd, ".usda": _read_usd, ".usd": _read_usd,
}  # fmt: skip
