"""What Blender's own operators write: files, moved to their place when all are whole, and lines, kept to themselves."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import TalkerError


@contextmanager
def whole_outputs(targets: Sequence[str | os.PathLike[str]]) -> Iterator[list[Path]]:
    """Temporary paths, one per target, with the targets' names; they replace the targets when the block ends well.

    Raises :class:`TalkerError` before anything is made when a folder is missing or closed to us, and afterwards when
    one of the files was not written; nothing is replaced then.
    """
    paths = [Path(os.path.abspath(target)) for target in targets]
    _check(paths)
    folders: dict[Path, Path] = {}
    try:
        for path in paths:
            if path.parent not in folders:
                # beside the target: a rename across file systems would be a copy, and a copy can be cut short
                folders[path.parent] = Path(tempfile.mkdtemp(dir=path.parent, prefix=".talker-"))
        temporary = [folders[path.parent] / path.name for path in paths]
        yield temporary
        for path, made in zip(paths, temporary, strict=True):
            if not made.is_file() or made.stat().st_size == 0:
                raise TalkerError(f"{path}: Blender wrote nothing; see its console for the reason")
        for path, made in zip(paths, temporary, strict=True):
            os.replace(made, path)
    except OSError as error:
        raise TalkerError(f"{error.filename or paths[0]}: cannot write ({error.strerror}); name another") from error
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def _check(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.parent.is_dir():
            raise TalkerError(f"{path.parent}: no such folder; make it first or name another file")
        if path.is_dir():
            raise TalkerError(f"{path}: is a folder; name a file")
        if not os.access(path.parent, os.W_OK):
            raise TalkerError(f"{path.parent}: no permission to write there; name another folder")
    if len(set(paths)) < len(paths):
        raise TalkerError("two outputs have the same name; give each its own")


@contextmanager
def silent() -> Iterator[None]:
    """Keep what Blender's operators print off standard output (that is for results) and glTF's log off the progress."""
    gltf_log = logging.getLogger("glTFImporter")  # its exporter logs there too
    gltf_log.disabled = True
    sys.stdout.flush()
    kept = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)
        gltf_log.disabled = False
