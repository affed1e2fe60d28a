"""What Blender's own operators write: files, moved to their place when all are whole, and lines, kept to themselves."""

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path

import bpy

from ..console import stopped_at_once
from ..errors import TalkerError
from ..files import PathLike, check_outputs, plain_text, remove_at_end, take_names, unfinished

logger = logging.getLogger(__name__)


@contextmanager
def whole_outputs(targets: Sequence[PathLike], inputs: Sequence[PathLike | None] = ()) -> Iterator[list[Path]]:
    """Temporary paths, one per target, with the targets' names; they replace the targets when the block ends well.

    Raises :class:`TalkerError` before anything is made for what :func:`files.check_outputs` refuses, and afterwards
    when one of the files was not written; nothing is replaced then.
    """
    places = check_outputs(targets, inputs)
    with ExitStack() as stack:
        folders = {parent: stack.enter_context(unfinished(parent)) for parent in {place.parent for place in places}}
        # with the targets' names, which some formats write down
        temporary = [folders[place.parent] / plain_text(place.name) for place in places]
        yield temporary
        for target, made in zip(targets, temporary, strict=True):
            if not made.is_file() or made.stat().st_size == 0:
                raise TalkerError(f"{target}: Blender wrote nothing; see its console for the reason")
        try:
            take_names(temporary, places)
        except OSError as error:
            raise TalkerError(
                f"{error.filename2 or targets[0]}: cannot write ({error.strerror}); name another"
            ) from error


@contextmanager
def blender_at_work() -> Iterator[None]:
    """Around a command's work in Blender: its chatter is kept off, a stop ends it in the middle of an operator."""
    remove_at_end(Path(bpy.app.tempdir))  # left behind where the process ends without Blender
    with stopped_at_once(), silent():
        yield


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


@contextmanager
def without_tracebacks() -> Iterator[None]:
    """Around one of Blender's operators in Python: where it fails, its traceback goes to the log, as what it raises
    says the same; what else it tells on standard error is passed on."""
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            yield
    except RuntimeError:
        logger.info("%s", told.getvalue())
        raise
    print(told.getvalue(), end="", file=sys.stderr)  # also where there is no console, and so no standard error
