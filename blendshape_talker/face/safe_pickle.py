"""Pickles of FLAME and VOCASET without running anything they name: numpy only, no chumpy, no scipy.

A pickle may name any importable function and have it called. Here every name that may occur is in one list, and each
stands for an inert class of ours that keeps what the file says; arrays are then built by hand from checked bytes.
Everything else is refused. Protocols 0 to 5, written by Python 2 or 3.
"""

import math
import os
import pickle
import zipfile
from typing import Any

import numpy as np

from ..errors import TalkerError

MAX_ELEMENTS = 2**31  # more than any file of ours; a hostile size must not fill the memory
_HINT = "use a file from the model's or data set's own site"


class _Fixed(type):
    """Metaclass of all stand-ins: a pickle must not be able to change them (its BUILD may set attributes)."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise pickle.UnpicklingError("refused: changes a class")


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
            raise pickle.UnpicklingError("refused: structured array")

    def numpy(self) -> np.dtype:
        spec = self.spec if isinstance(self.spec, str) else ""
        if spec[:1] not in "biufcSUO" or not spec[1:].isdigit() or self.order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"refused: data type {spec!r}")
        return np.dtype(self.order + spec if spec[0] in "biufcU" else spec)


class _Object(metaclass=_Fixed):
    """``object``, which only stands as a base in :class:`_Reconstructor`'s arguments."""


class _Reconstructor(metaclass=_Fixed):
    """``copy_reg._reconstructor(class, base, state)``, how Python 2 makes objects."""

    def __new__(cls, made: type, *_arguments: Any) -> Any:
        if made not in (_Chumpy, _Columns, _Rows):
            raise pickle.UnpicklingError("refused: reconstructs another class")
        return made()


class _Reconstruct(metaclass=_Fixed):
    """``numpy.core.multiarray._reconstruct(ndarray, shape, type)``: an empty array, filled by its state."""

    def __new__(cls, made: type, *_arguments: Any) -> Any:
        if made is not _Array:
            raise pickle.UnpicklingError("refused: reconstructs another class")
        return _Array()


class _Scalar(metaclass=_Fixed):
    """``numpy.core.multiarray.scalar(dtype, bytes)``."""

    def __new__(cls, kind: _Dtype, content: Any = b"") -> Any:
        return _from_bytes(content, kind, ()).item()


class _FromBuffer(metaclass=_Fixed):
    """``numpy.core.numeric._frombuffer(buffer, dtype, shape, order)``, protocol 5."""

    def __new__(cls, content: Any, kind: _Dtype, shape: Any, order: str) -> Any:
        array = _Array()
        array.__setstate__((1, shape, kind, order == "F", bytes(content)))
        return array


class _Encode(metaclass=_Fixed):
    """``_codecs.encode``: how Python 3 writes bytes at protocols 0 to 2."""

    def __new__(cls, text: str, encoding: str = "latin1") -> Any:
        if encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("refused: encoding")
        return text.encode("latin1")


class _NoBytes(metaclass=_Fixed):
    """``bytes()``: how Python 3 writes empty bytes at protocols 0 to 2."""

    def __new__(cls) -> Any:
        return b""


class _Set(metaclass=_Fixed):
    """``set(items)``: chumpy keeps one beside its array; nobody looks into it."""

    def __new__(cls, items: Any = ()) -> Any:
        return list(items)


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


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused: it names {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("refused: persistent id")


def load_plain(path: str | os.PathLike[str]) -> Any:
    """Dicts, lists, strings, numbers and numpy arrays from a pickle (VOCASET's latin1 pickles among them).

    :class:`TalkerError` with one line when the file is missing, damaged, or names anything else.
    """
    try:
        with open(path, "rb") as stream:
            return _plain(_Reader(stream, fix_imports=False, encoding="latin1").load())
    except FileNotFoundError:
        raise TalkerError(f"{path}: file not found; check the path") from None
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
    if _begins_with(path, b"PK"):
        try:
            with np.load(path, allow_pickle=False) as archive:
                content: Any = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
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


def _plain(value: Any) -> Any:
    """``value`` with our stand-ins replaced by arrays, dense ones."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    if isinstance(value, _Array):
        return _array(value)
    if isinstance(value, _Chumpy):
        return np.asarray(_plain(value.state["x"]))
    if isinstance(value, _Columns | _Rows):
        return _dense(value)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    raise pickle.UnpicklingError(f"refused: holds a {type(value).__name__.strip('_')}")


def _array(kept: _Array) -> np.ndarray:
    _version, shape, kind, column_order, content = kept.state
    if not isinstance(kind, _Dtype):
        raise pickle.UnpicklingError("refused: array without a type")
    if kind.numpy().hasobject:
        array = np.empty(len(content), object)
        array[:] = [_plain(part) for part in content]
        return array.reshape(shape, order="F" if column_order else "C")
    return _from_bytes(content, kind, shape, "F" if column_order else "C")


def _from_bytes(content: Any, kind: _Dtype, shape: Any, order: Any = "C") -> np.ndarray:
    if not isinstance(kind, _Dtype) or kind.numpy().hasobject:
        raise pickle.UnpicklingError("refused: array of objects in bytes")
    raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
    elements = math.prod(shape)
    if not 0 <= elements <= MAX_ELEMENTS or elements * kind.numpy().itemsize != len(raw):
        raise pickle.UnpicklingError("an array's size does not fit its shape")
    array = np.frombuffer(raw, kind.numpy(), elements) if elements else np.zeros(0, kind.numpy())
    return array.astype(kind.numpy().newbyteorder("=")).reshape(shape, order=order)  # own, writable memory


def _dense(kept: _Columns | _Rows) -> np.ndarray:
    state = {name: _plain(part) for name, part in kept.state.items()}
    shape = tuple(int(length) for length in state["_shape" if "_shape" in state else "shape"])
    starts, others, values = (np.asarray(state[name]) for name in ("indptr", "indices", "data"))
    rows, columns = shape
    if not 0 <= rows * columns <= MAX_ELEMENTS // 8:
        raise pickle.UnpicklingError("a sparse matrix of absurd size")
    lines = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    dense = np.zeros(shape, values.dtype)
    place = (others, lines) if isinstance(kept, _Columns) else (lines, others)
    np.add.at(dense, place, values)
    return dense


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
