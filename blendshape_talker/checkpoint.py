"""Checkpoints and other bundled arrays: one .npz, its configuration as JSON inside; opening one never runs code."""

import json
import os
import zipfile
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import TalkerError
from .files import whole_file
from .npz import read_npz

ASSETS = Path(__file__).resolve().parent / "assets"
_HEADER = "__header__"


def save(path: str | os.PathLike[str], kind: str, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write ``arrays`` and ``config`` (JSON values only) to ``path`` in one step; the old stays until the new is whole.

    ``kind`` names what the file holds ("speech network", "fusion network", …); :func:`load` asks for it.
    Equal input gives equal bytes, so a retrained but unchanged file makes no new version in git.
    """
    target = Path(path)
    if _HEADER in arrays:
        raise ValueError(f"{_HEADER} is taken by the header")
    header = json.dumps({"kind": kind, "config": dict(config)}, sort_keys=True)
    content = {_HEADER: np.frombuffer(header.encode(), np.uint8)}
    content.update({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in content.items():
            if array.dtype.hasobject:
                raise ValueError(f"{name}: arrays of Python objects cannot be stored safely")
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)  # type: ignore[no-untyped-call]
    return target


def load_config(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """Read the configuration alone, which takes a moment however large the arrays are; errors as :func:`load`."""
    return load(path, kind, {_HEADER})[0]


def load(
    path: str | os.PathLike[str], kind: str, names: Container[str] | None = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read ``(config, arrays)`` back; :class:`TalkerError` when the file is missing, broken or of another kind."""
    try:
        arrays = read_npz(path, names)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        found, config = header["kind"], dict(header["config"])
    except FileNotFoundError:
        raise TalkerError(f"{path}: file not found; reinstall the add-on or name a {kind} file") from None
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        what = " ".join(str(error).split())[:120]
        raise TalkerError(f"{path}: not a readable {kind} file ({what}); it may be damaged") from error
    if found != kind:
        raise TalkerError(f"{path}: holds a {found}, not a {kind}; name the right file")
    return config, arrays
