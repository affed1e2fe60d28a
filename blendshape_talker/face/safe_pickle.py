"""Pickles of FLAME and VOCASET without running anything they name: numpy only, no chumpy, no scipy.

A pickle may name any importable function and have it called. Here every name that may occur is in one list, and each
stands for an inert class of ours that keeps what the file says; arrays are then built by hand from checked bytes.
Everything else is refused. Protocols 0 to 5, written by Python 2 or 3.

A pickle may also be small and unpack to more than the memory holds. So all that is made together may be a few times
the file's own size, shared parts counted as often as they would be met.
"""

import math
import os
import pickle
from typing import Any, Literal

import numpy as np

from ..errors import TalkerError
from ..files import check_input
from ..npz import read_npz
from .pickle_machine import PickleMachine, refused

_FREE_BYTES, _BYTES_A_BYTE = 16 << 20, 6  # what arrays and strings of a file may come to in memory
_FREE_PARTS, _PARTS_A_BYTE = 100_000, 4  # and how many values its lists and tables may hold, met one by one
_HINT = "use a file from the model's or data set's own site"


class _Fixed(type):
    """Metaclass of all stand-ins: a pickle must not be able to change them (its BUILD may set attributes)."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise refused("changes a class")


class _Budget:
    """What a file may still come to; its size decides."""

    def __init__(self, size: int) -> None:
        self.bytes = _FREE_BYTES + _BYTES_A_BYTE * size
        self.parts = _FREE_PARTS + _PARTS_A_BYTE * size

    def spend(self, count: int) -> None:
        """Memory about to be taken; UnpicklingError when it is more than a file of that size has reason for."""
        if not 0 <= count <= self.bytes:
            raise refused("unpacks to far more than the file holds")
        self.bytes -= count


class _Kept(metaclass=_Fixed):
    """An object of which only the state is kept."""

    def __init__(self, *_arguments: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state


class _Chumpy(_Kept):
    """``chumpy.ch.Ch``; its array is ``state['x']``."""


class _Columns(_Kept):
    """``scipy.sparse.csc_matrix``."""


class _Rows(_Kept):
    """``scipy.sparse.csr_matrix``."""


class _Array(_Kept):
    """``numpy.ndarray``; state: version, shape, dtype, is in column order, bytes or list."""


class _Dtype(metaclass=_Fixed):
    """``numpy.dtype``: a plain number or string type, without fields or objects' flags that a file could forge."""

    def __init__(self, spec: Any = "", *_arguments: Any) -> None:
        self.spec, self.order = spec, "="

    def __setstate__(self, state: Any) -> None:
        self.__dict__["order"] = state[1]
        if any(part is not None for part in state[2:5]):
            raise refused("structured array")

    def numpy(self) -> np.dtype:
        spec = self.spec if isinstance(self.spec, str) else ""
        known = spec[:1] in tuple("biufcSUO") and spec[1:].isdecimal() and len(spec) < 6  # text of 9,999 letters
        if not known or self.order not in ("<", ">", "=", "|"):
            raise refused(f"data type {spec[:20]!r}")
        return np.dtype(self.order + spec if spec[0] in "biufcU" else spec)


class _Object(metaclass=_Fixed):
    """``object``, which only stands as a base in :class:`_Reconstructor`'s arguments."""


class _Reconstructor(metaclass=_Fixed):
    """``copy_reg._reconstructor(class, base, state)``, how Python 2 makes objects."""

    def __new__(cls, made: type, *_arguments: Any) -> Any:
        if made not in (_Chumpy, _Columns, _Rows):
            raise refused("reconstructs another class")
        return made()


class _Reconstruct(metaclass=_Fixed):
    """``numpy.core.multiarray._reconstruct(ndarray, shape, type)``: an empty array, filled by its state."""

    def __new__(cls, made: type, *_arguments: Any) -> Any:
        if made is not _Array:
            raise refused("reconstructs another class")
        return _Array()


class _Scalar(metaclass=_Fixed):
    """``numpy.core.multiarray.scalar(dtype, bytes)``."""

    def __new__(cls, kind: _Dtype, content: Any = b"") -> Any:
        return _from_bytes(content, kind, (), "C", _Budget(0)).item()


class _FromBuffer(metaclass=_Fixed):
    """``numpy.core.numeric._frombuffer(buffer, dtype, shape, order)``, protocol 5."""

    def __new__(cls, content: Any, kind: _Dtype, shape: Any, order: str) -> Any:
        array = _Array()
        array.__setstate__((1, shape, kind, order == "F", content))
        return array


class _Text(metaclass=_Fixed):
    """Bytes that a file holds as text; encoded when they are wanted, so that naming them often costs nothing."""

    def __init__(self, text: str) -> None:
        self.text = text

    def encoded(self, budget: _Budget) -> bytes:
        budget.spend(len(self.text))
        return self.text.encode("latin1")


class _Encode(metaclass=_Fixed):
    """``_codecs.encode``: how Python 3 writes bytes at protocols 0 to 2."""

    def __new__(cls, text: str, encoding: str = "latin1") -> Any:
        if encoding not in ("latin1", "latin-1"):
            raise refused("encoding")
        return _Text(text)


class _NoBytes(metaclass=_Fixed):
    """``bytes()``: how Python 3 writes empty bytes at protocols 0 to 2."""

    def __new__(cls) -> Any:
        return b""


class _Set(metaclass=_Fixed):
    """``set(items)``: chumpy keeps one beside its array; nobody looks into it."""

    def __new__(cls, _items: Any = ()) -> Any:
        return []


_ALLOWED: dict[tuple[str, str], type] = {
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy", "Ch"): _Chumpy,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("copy_reg", "_reconstructor"): _Reconstructor,
    ("copyreg", "_reconstructor"): _Reconstructor,
    ("_codecs", "encode"): _Encode,
    **{(module, "object"): _Object for module in ("__builtin__", "builtins")},
    **{(module, "bytes"): _NoBytes for module in ("__builtin__", "builtins")},
    **{(module, "set"): _Set for module in ("__builtin__", "builtins")},
    **{
        (f"numpy.{core}.{module}", name): made
        for core in ("core", "_core")
        for module, name, made in (
            ("multiarray", "_reconstruct", _Reconstruct),
            ("multiarray", "scalar", _Scalar),
            ("numeric", "_frombuffer", _FromBuffer),
        )
    },
    **{
        (module.format(kind), f"{kind}_{suffix}"): made
        for kind, made in (("csc", _Columns), ("csr", _Rows))
        for module in ("scipy.sparse", "scipy.sparse.{}", "scipy.sparse._{}")
        for suffix in ("matrix", "array")
    },
}


def load_plain(path: str | os.PathLike[str]) -> Any:
    """Dicts, lists, strings, numbers and numpy arrays from a pickle (VOCASET's latin1 pickles among them).

    :class:`TalkerError` with one line when the file is missing, damaged, names anything else, or would unpack to far
    more than its size.
    """
    check_input(path, "a pickle")
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            value = PickleMachine(stream, size, _ALLOWED, (_Kept, _Dtype)).run()
        return _Plain(size).of(value)
    except OSError as error:
        raise TalkerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except pickle.UnpicklingError as error:
        raise TalkerError(f"{path}: not a pickle that can be read safely ({_line(error)}); {_HINT}") from None
    except Exception as error:  # a damaged pickle may raise anything; none of it may reach the user
        what = f"{type(error).__name__}: {_line(error)}"
        raise TalkerError(f"{path}: damaged or not a pickle ({what}); {_HINT}") from None


def load_flame(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The parts of a FLAME model file by name, sparse ones dense: ``v_template`` (5023, 3), ``shapedirs``, ``f``, ….

    Pickles of 2017 to 2023 (they may hold chumpy and scipy objects) or .npz.
    """
    check_input(path, "FLAME's generic_model file")
    if _begins_with(path, b"PK"):
        try:
            content: Any = read_npz(path)
        except (OSError, ValueError) as error:
            raise TalkerError(f"{path}: not a readable .npz file ({_line(error)}); {_HINT}") from None
    else:
        content = load_plain(path)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise TalkerError(f"{path}: holds no model (no table of named parts); name FLAME's generic_model file")
    return content


def _begins_with(path: str | os.PathLike[str], mark: bytes) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(len(mark)) == mark
    except OSError:
        return False  # the reader that comes next says what is wrong


class _Plain:
    """Replaces our stand-ins by arrays, dense ones, within what a file of ``size`` bytes may come to."""

    def __init__(self, size: int) -> None:
        self._budget = _Budget(size)
        self._done: dict[int, tuple[Any, int] | None] = {}  # None while it is being made: a ring

    def of(self, value: Any) -> Any:
        return self._counted(value)[0]

    def _counted(self, value: Any) -> tuple[Any, int]:
        """The plain value and how many values one would meet in it, shared ones each time."""
        if value is None or type(value) in (bool, int, float, complex):
            return value, 1
        if type(value) in (str, bytes):
            return value, 1 + len(value) // 8
        if id(value) in self._done:
            done = self._done[id(value)]
            if done is None:
                raise refused("holds itself")
            return done
        self._done[id(value)] = None
        made = self._made(value)
        if made[1] > self._budget.parts:
            raise refused("its shared parts unpack to far more than the file holds")
        self._done[id(value)] = made
        return made

    def _made(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, dict):
            parts = {key: self._counted(part) for key, part in value.items()}
            return {key: part for key, (part, _) in parts.items()}, 1 + sum(count for _, count in parts.values())
        if isinstance(value, list | tuple):
            items = [self._counted(part) for part in value]
            return type(value)(part for part, _ in items), 1 + sum(count for _, count in items)
        if isinstance(value, _Text):
            content = value.encoded(self._budget)
            return content, 1 + len(content) // 8
        if isinstance(value, _Array):
            return self._array(value)
        if isinstance(value, _Chumpy):
            inner, count = self._counted(value.state["x"])
            return np.asarray(inner), count
        if isinstance(value, _Columns | _Rows):
            dense = self._dense(value)
            return dense, dense.size
        raise refused(f"holds a {type(value).__name__.strip('_')}")

    def _array(self, kept: _Array) -> tuple[np.ndarray, int]:
        _version, shape, kind, column_order, content = kept.state
        if not isinstance(kind, _Dtype):
            raise refused("array without a type")
        order: Literal["F", "C"] = "F" if column_order else "C"
        if kind.numpy().hasobject:
            items, count = self._counted(content)
            array = np.empty(len(items), object)
            for place, part in enumerate(items):
                array[place] = part
            return array.reshape(shape, order=order), count
        array = _from_bytes(content, kind, shape, order, self._budget)
        return array, 1 + array.size

    def _dense(self, kept: _Columns | _Rows) -> np.ndarray:
        state = {name: self.of(part) for name, part in kept.state.items()}
        shape = tuple(int(length) for length in state["_shape" if "_shape" in state else "shape"])
        starts, others, values = (np.asarray(state[name]) for name in ("indptr", "indices", "data"))
        lines, across = shape[::-1] if isinstance(kept, _Columns) else shape
        if not 0 <= lines * across * values.dtype.itemsize <= self._budget.bytes or lines < 0:
            raise refused("a sparse matrix of absurd size")
        fits = (
            all(part.ndim == 1 for part in (starts, others, values))
            and starts.dtype.kind in "iu"
            and others.dtype.kind in "iu"
            and values.dtype.kind in "biufc"
            and len(starts) == lines + 1
            and len(others) == len(values) == starts[-1]
            and starts[0] == 0
            and bool((np.diff(starts.astype(np.int64)) >= 0).all())
            and (not len(others) or (others.min() >= 0 and others.max() < across))
        )
        if not fits:
            raise refused("a sparse matrix whose pointers lie outside it")
        self._budget.spend(lines * across * values.dtype.itemsize)
        dense = np.zeros((lines, across), values.dtype)
        np.add.at(dense, (np.repeat(np.arange(lines), np.diff(starts.astype(np.int64))), others), values)
        return np.ascontiguousarray(dense.T) if isinstance(kept, _Columns) else dense


def _from_bytes(content: Any, kind: Any, shape: Any, order: Any, budget: _Budget) -> np.ndarray:
    if not isinstance(kind, _Dtype) or kind.numpy().hasobject:
        raise refused("array of objects in bytes")
    if isinstance(content, _Text):
        content = content.text
    if not isinstance(content, str | bytes) or type(shape) is not tuple:
        raise refused("an array without bytes")
    elements = math.prod(shape)
    if elements < 0 or elements * kind.numpy().itemsize != len(content):
        raise pickle.UnpicklingError("an array's size does not fit its shape")
    budget.spend(2 * len(content))
    raw = content.encode("latin1") if isinstance(content, str) else content
    array = np.frombuffer(raw, kind.numpy(), elements) if elements else np.zeros(0, kind.numpy())
    return array.astype(kind.numpy().newbyteorder("=")).reshape(shape, order=order)  # own, writable memory


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
