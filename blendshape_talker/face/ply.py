"""The Stanford PLY format: ascii, binary little- and big-endian, any scalar types, other elements skipped."""

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {
    **{name: "i1" for name in ("char", "int8")},
    **{name: "u1" for name in ("uchar", "uint8")},
    **{name: "i2" for name in ("short", "int16")},
    **{name: "u2" for name in ("ushort", "uint16")},
    **{name: "i4" for name in ("int", "int32")},
    **{name: "u4" for name in ("uint", "uint32")},
    **{name: "f4" for name in ("float", "float32")},
    **{name: "f8" for name in ("double", "float64")},
}
_LINE = re.compile(rb"[^\s][^\r\n]*")
_ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MOST_ROWS, _MOST_PROPERTIES = 200_000, 1000  # of an element; FLAME has 5,023 vertices and 9,976 faces
_FACE_LISTS = ("vertex_indices", "vertex_index")


@dataclass
class _Property:
    name: str
    kind: str
    count_kind: str = ""  # of the length of a list


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property]


def read_ply(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) and triangles (F, 3) of a PLY file; ValueError that says what is wrong with it."""
    content = file.read_bytes()
    order, elements, start = _header(content)
    if not any(element.name == "vertex" for element in elements):
        raise ValueError("it has no vertices")
    read = _Ascii(content[start:]) if order == "" else _Binary(content, start, order)
    columns: dict[str, dict[str, Any]] = {}
    for element in elements:
        if {"vertex", "face"} <= columns.keys():
            break
        columns[element.name] = read.element(element)
    vertex = columns["vertex"]
    if not {"x", "y", "z"} <= vertex.keys():
        raise ValueError("its vertices have no x, y, z")
    vertices = np.stack([np.asarray(vertex[axis], float) for axis in "xyz"], axis=1)
    lists: Any = next((columns["face"][name] for name in _FACE_LISTS if name in columns.get("face", {})), [])
    return vertices, _triangles(lists)


def _header(content: bytes) -> tuple[str, list[_Element], int]:
    if content[:3] != b"ply":
        raise ValueError("it does not begin with 'ply'")
    end = content.find(b"end_header")
    after = content.find(b"\n", end)
    if end < 0 or after < 0:
        raise ValueError("its header has no end")
    order, elements = None, []
    for line in content[:end].decode("latin1").splitlines()[1:]:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        if words[0] == "format" and len(words) > 1 and words[1] in _ENCODINGS:
            order = _ENCODINGS[words[1]]
        elif words[0] == "element" and len(words) == 3:
            elements.append(_Element(words[1], int(words[2]), []))
        elif words[0] == "property" and elements and len(words) == 3 and words[1] in _TYPES:
            elements[-1].properties.append(_Property(words[2], _TYPES[words[1]]))
        elif words[:2] == ["property", "list"] and elements and len(words) == 5 and {*words[2:4]} <= _TYPES.keys():
            elements[-1].properties.append(_Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
        else:
            raise ValueError(f"header line {line.strip()[:60]!r}")
    if order is None:
        raise ValueError("its header names no known format")
    for element in elements:
        if element.count < 0:
            raise ValueError("its header counts below zero")
        if len(element.properties) > _MOST_PROPERTIES:
            raise ValueError(f"its {element.name[:40]} have {len(element.properties)} properties")
    return order, elements, after + 1


def _check_rows(element: _Element) -> None:
    """Before rows are read one by one."""
    if element.count > _MOST_ROWS:
        raise ValueError(f"it has {element.count} {element.name[:40]} elements, FLAME's head has 9976 at most")


class _Ascii:
    def __init__(self, content: bytes):
        self._lines = _LINE.finditer(content)

    def element(self, element: _Element) -> dict[str, Any]:
        lines = [found[0].decode("latin1") for found in islice(self._lines, min(element.count, _MOST_ROWS))]
        if len(lines) < min(element.count, _MOST_ROWS):
            raise ValueError(f"it is cut short: {len(lines)} of {element.count:.15g} {element.name[:40]} lines")
        _check_rows(element)
        columns: dict[str, list] = {part.name: [] for part in element.properties}
        for line in lines:
            words = line.split()
            at = 0
            for part in element.properties:
                length = int(words[at]) if part.count_kind else 1
                values = [float(word) for word in words[at + bool(part.count_kind) :][:length]]
                if length < 0 or len(values) < length:
                    raise ValueError(f"a {element.name} line is too short: {line.strip()[:40]!r}")
                at += length + bool(part.count_kind)
                columns[part.name].append(np.array(values, int) if part.count_kind else values[0])
        return columns


class _Binary:
    def __init__(self, content: bytes, start: int, order: str):
        self.content, self.at, self.order = content, start, order

    def element(self, element: _Element) -> dict[str, Any]:
        if not element.properties:
            return {}
        if not any(part.count_kind for part in element.properties):
            rows = self._rows([(part.name, self.order + part.kind) for part in element.properties], element)
            return {part.name: rows[part.name] for part in element.properties}
        return self._triangle_rows(element) or self._slow_rows(element)

    def _rows(self, fields: list[tuple], element: _Element) -> np.ndarray:
        kind = np.dtype(fields)
        if element.count * kind.itemsize > len(self.content) - self.at:
            raise ValueError(f"it is cut short: no room for {element.count:.15g} {element.name[:40]} elements")
        rows = np.frombuffer(self.content, kind, element.count, self.at)
        self.at += element.count * kind.itemsize
        return rows

    def _triangle_rows(self, element: _Element) -> dict[str, Any] | None:
        """The usual case read at once: every list is one triangle."""
        fields: list[tuple] = []
        for part in element.properties:
            kind = self.order + part.kind
            if part.count_kind:
                fields += [(part.name + " length", self.order + part.count_kind), (part.name, kind, (3,))]
            else:
                fields.append((part.name, kind))
        if element.count * np.dtype(fields).itemsize > len(self.content) - self.at:
            return None
        before = self.at
        rows = self._rows(fields, element)
        if any((rows[part.name + " length"] != 3).any() for part in element.properties if part.count_kind):
            self.at = before
            return None
        return {part.name: rows[part.name] for part in element.properties}

    def _slow_rows(self, element: _Element) -> dict[str, Any]:
        if element.count > len(self.content) - self.at:  # a row takes a byte at least
            raise ValueError(f"it is cut short: no room for {element.count:.15g} {element.name[:40]} elements")
        _check_rows(element)
        columns: dict[str, list] = {part.name: [] for part in element.properties}
        for _ in range(element.count):
            for part in element.properties:
                length = int(self._values(part.count_kind, 1, element)[0]) if part.count_kind else 1
                values = self._values(part.kind, length, element)
                columns[part.name].append(values if part.count_kind else values[0])
        return columns

    def _values(self, kind: str, length: int, element: _Element) -> np.ndarray:
        size = length * np.dtype(kind).itemsize
        if length < 0 or self.at + size > len(self.content):
            raise ValueError(f"it is cut short: no room for {element.count:.15g} {element.name[:40]} elements")
        self.at += size
        return np.frombuffer(self.content, self.order + kind, length, self.at - size)


def _triangles(lists: Any) -> np.ndarray:
    if isinstance(lists, np.ndarray):
        return lists.astype(np.int64)
    fans = [np.array([[c[0], c[k], c[k + 1]] for k in range(1, len(c) - 1)], np.int64) for c in lists if len(c) > 2]
    return np.concatenate(fans) if fans else np.zeros((0, 3), np.int64)
