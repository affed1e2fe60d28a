"""Writing files whole: the target appears complete or not at all, and an old one stays until the new one is there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import TalkerError


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary stream to a temporary file beside ``path`` that takes its name when the block ends without an error.

    Raises :class:`TalkerError` when the folder does not exist or cannot be written to.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise TalkerError(f"{target.parent}: no such folder; make it first or name another file")
    if target.is_dir():
        raise TalkerError(f"{target}: is a folder; name a file")
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    except OSError as error:
        raise TalkerError(f"{target}: cannot write there ({error.strerror}); name another file") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise TalkerError(f"{target}: cannot write ({error.strerror}); free some space or name another file") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
