"""NumPy's .npz, of others too: nothing in it is run, and none unpacks to more than its size gives reason for."""

import math
import os
import stat
import zipfile
from collections.abc import Container
from typing import Any

import numpy as np

_FREE_BYTES, _BYTES_A_BYTE = 64 << 20, 8  # unpacked; FLAME's own parts shrink to a third at best
_MOST_MEMBERS = 1000
_LONGEST_TEXT = 1 << 16  # bytes an element
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: str | os.PathLike[str], names: Container[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of numbers or text in ``path``, those called ``names`` or all.

    ValueError that says what is wrong with a file that is damaged, encrypted, packed in an unusual way, holds Python
    objects, or would unpack to far more than its size, and with what is no file, which might be read for ever.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("it is a folder, a device or a pipe")
        with zipfile.ZipFile(path) as archive:
            return _arrays(archive, os.path.getsize(path), names)
    except OSError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise ValueError(str(error) or type(error).__name__) from None


def _arrays(archive: zipfile.ZipFile, size: int, names: Container[str] | None) -> dict[str, np.ndarray]:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members)} parts")
    wanted: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in wanted:
            raise ValueError(f"it has two parts called {name[:40]!r}")
        if member.flag_bits & 1:
            raise ValueError(f"its part {name[:40]!r} is encrypted")
        if member.compress_type not in _PLAIN:
            raise ValueError(f"its part {name[:40]!r} is packed in an unusual way")
        wanted[name] = member
    if sum(member.file_size for member in wanted.values()) > _FREE_BYTES + _BYTES_A_BYTE * size:
        raise ValueError("it unpacks to far more than the file holds")
    return {name: _array(archive, member) for name, member in wanted.items()}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        # read_array would take the memory that the header claims, before it sees what is there
        header: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
        if version not in header:
            raise ValueError(f"version {version} of NumPy's format")
        shape, by_columns, kind = header[version](stream)
        if kind.hasobject or kind.kind not in "biufcSU":
            raise ValueError("it holds Python objects or records, which would need allow_pickle")
        if not 0 <= kind.itemsize <= _LONGEST_TEXT:
            raise ValueError("it holds text of absurd length")
        count = math.prod(shape)
        if min(shape, default=0) < 0 or count * kind.itemsize > member.file_size:
            raise ValueError("an array is larger than its part")
        content = stream.read(count * kind.itemsize)
        if len(content) < count * kind.itemsize:
            raise ValueError("it is cut short")
    flat = np.frombuffer(content, kind, count) if count else np.zeros(0, kind)
    return flat.reshape(shape, order="F" if by_columns else "C").astype(kind.newbyteorder("="))
