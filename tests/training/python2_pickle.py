"""Pickles as Python 2 wrote them (protocol 2, byte strings, old numpy), for tests: VOCASET's files are such."""

import struct

import numpy as np


def python2_pickle(value) -> bytes:
    """Dicts, str, int and numpy arrays as Python 2's pickle module writes them; str become 8-bit strings."""
    return b"\x80\x02" + _encode(value) + b"."


def _encode(value) -> bytes:
    if isinstance(value, bool) or value is None:
        return {True: b"\x88", False: b"\x89", None: b"N"}[value]
    if isinstance(value, int | np.integer):
        return b"J" + struct.pack("<i", int(value))
    if isinstance(value, str):
        return _string(value.encode("latin-1"))
    if isinstance(value, dict):
        return b"}(" + b"".join(_encode(key) + _encode(entry) for key, entry in value.items()) + b"u"
    if isinstance(value, np.ndarray):
        return _array(value)
    raise TypeError(type(value))


def _string(data: bytes) -> bytes:
    return b"U" + bytes([len(data)]) + data if len(data) < 256 else b"T" + struct.pack("<i", len(data)) + data


def _array(array: np.ndarray) -> bytes:
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\0\0\0\0t" + _string(b"b") + b"tR"
    kind = b"cnumpy\ndtype\n(" + _string(array.dtype.str[1:].encode()) + b"J\0\0\0\0J\1\0\0\0tR"
    kind += b"(J\3\0\0\0" + _string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffJ\0\0\0\0tb"
    shape = b"(" + b"".join(_encode(length) for length in array.shape) + b"t"
    return empty + b"(J\1\0\0\0" + shape + kind + b"\x89" + _string(np.ascontiguousarray(array).tobytes()) + b"tb"
