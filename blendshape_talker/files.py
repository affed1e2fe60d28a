"""Files of users: checked before the work, written whole (complete or not at all), and none of ours left behind."""

import json
import math
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from .errors import TalkerError

SCRATCH = ".talker-"  # how the names of temporary folders begin
PathLike = str | os.PathLike[str]

replacing = threading.Lock()  # held while finished files take their names: what came that far is not stopped
_unfinished: set[Path] = set()  # temporary folders that must not outlive the process


def check_input(path: PathLike, what: str) -> None:
    """:class:`TalkerError` with one line unless ``path`` is an ordinary file that we may read.

    Devices and pipes are refused: reading one may wait for ever. ``what`` names what to choose instead, with its
    article: "a recording".
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise TalkerError(f"{path}: cannot be read, it is a folder; choose {what} in it")
        if not stat.S_ISREG(mode):
            raise TalkerError(f"{path}: is a device or a pipe, no file; choose {what}")
        with open(path, "rb"):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise TalkerError(f"{path}: cannot be read, file not found; choose {what}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise TalkerError(
            f"{path}: cannot be read ({_reason(error)}); check its permissions or choose another"
        ) from None


def check_outputs(targets: Sequence[PathLike], inputs: Sequence[PathLike | None] = ()) -> list[Path]:
    """Where ``targets`` will be written, links followed; :class:`TalkerError` for what would fail after the work.

    Refused: a missing or closed folder, a folder, device or pipe as target, a write-protected one, two targets in one
    place, and a target that is one of the ``inputs``, be it by another name or a link.
    """
    places = [_place(target) for target in targets]
    check_apart(targets, inputs)
    return places


def check_apart(targets: Sequence[PathLike], inputs: Sequence[PathLike | None] = ()) -> None:
    """:class:`TalkerError` for two ``targets`` in one place, and for one that is one of the ``inputs``."""
    places = [_real(target) for target in targets]
    for target, place in zip(targets, places, strict=True):
        for source in inputs:
            if source is not None and _same(place, source):
                raise TalkerError(f"{target}: is the input {source}; name another file to write")
    if len(set(places)) < len(places):
        raise TalkerError("two outputs have the same name; give each its own")


def _place(target: PathLike) -> Path:
    try:
        # a link is written through, as a shell does
        place = Path(os.path.realpath(target))
        mode = place.stat().st_mode if place.exists() else stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise TalkerError(f"{target}: is a folder; name a file")
        if not stat.S_ISREG(mode):
            raise TalkerError(f"{target}: is a device or a pipe; name a file")
        if not place.parent.is_dir():
            raise TalkerError(f"{Path(target).parent}: no such folder; make it first or name another file")
        if place.exists() and not os.access(place, os.W_OK):
            raise TalkerError(f"{target}: is write-protected; name another file or unlock it")
        with tempfile.TemporaryFile(dir=place.parent, prefix=SCRATCH):
            pass  # permissions, a read-only disk, a full one: trying is the only test that knows them all
    except (OSError, ValueError) as error:
        raise TalkerError(f"{target}: cannot write there ({_reason(error)}); name another file") from None
    return place


def _same(place: Path, source: PathLike) -> bool:
    try:
        return os.path.samefile(place, source)
    except (OSError, ValueError):
        return place == _real(source)


def _real(path: PathLike) -> Path:
    """Where ``path`` leads; itself where it leads nowhere, which is told by whoever opens it."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # ValueError: a null character
        return Path(path)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def plain_text(name: str) -> str:
    """A file's name or path as text that can be shown and stored: what is no UTF-8 in it becomes ``_``."""
    return os.fsencode(name).decode("utf-8", "replace").replace("\ufffd", "_")


@contextmanager
def whole_file(path: PathLike) -> Iterator[BinaryIO]:
    """A binary stream to a temporary file beside ``path`` that takes its name when the block ends without an error.

    A link is written through; an old file keeps its permissions. :class:`TalkerError` as in :func:`check_outputs`.
    """
    (target,) = check_outputs([path])
    with unfinished(target.parent) as folder:
        temporary = folder / "file"
        try:
            with open(temporary, "wb") as stream:
                yield stream
            take_names([temporary], [target])
        except OSError as error:
            raise TalkerError(
                f"{path}: cannot write ({_reason(error)}); free some space or name another file"
            ) from error


def write_figures(path: PathLike, figures: Mapping[str, Any]) -> None:
    """Figures, in tables of tables or not, as JSON in ``path``; NaN, which JSON has not, becomes null."""

    def known(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: known(part) for name, part in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    with whole_file(path) as stream:
        stream.write(json.dumps(known(figures), indent=1).encode())


def take_names(made: Sequence[Path], targets: Sequence[Path]) -> None:
    """Put each of ``made`` in its target's place; an old file's permissions stay."""
    with replacing:
        for source, target in zip(made, targets, strict=True):
            if target.exists():
                shutil.copymode(target, source)
            os.replace(source, target)


@contextmanager
def unfinished(parent: Path) -> Iterator[Path]:
    """A new folder in ``parent``, gone with all in it when the block ends, and when the process is made to end.

    Beside the target: a rename across file systems would be a copy, and a copy can be cut short.
    """
    try:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=SCRATCH))
    except OSError as error:
        raise TalkerError(f"{parent}: cannot write there ({_reason(error)}); name another folder") from error
    _unfinished.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)


def remove_at_end(folder: Path) -> None:
    """Have ``folder`` removed by :func:`remove_unfinished`, too: another program's, which would have done so itself."""
    _unfinished.add(folder)


def remove_unfinished() -> None:
    """Remove what :func:`unfinished` made, before a process ends that cannot unwind."""
    for folder in list(_unfinished):
        for _ in range(5):  # a renderer may write into it meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
