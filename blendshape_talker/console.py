"""The command line while it works: one line of progress on standard error, and a stop that leaves nothing behind."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from . import files

STOP_STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
STOPPED = "blendshape_talker: stopped; nothing unfinished is left"
_PATIENCE_SECONDS = 1.0  # for an exception to unwind; a network notices between two blocks
_at_once = threading.Event()


class Terminated(KeyboardInterrupt):
    """SIGTERM: leaves by the same way as Ctrl-C."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end what runs inside, wherever it is.

    Usually as an exception, KeyboardInterrupt or :class:`Terminated`, in the main thread. While Blender or a library
    works, no Python runs there: then a second thread, woken by the signal itself, removes what is unfinished and ends
    the process with its status. Only in the main thread, and on Windows only as an exception.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _raise) for number in STOP_STATUS}
    over = threading.Event()
    if os.name != "nt":
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        woken_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reading, over), name="stop", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with files.replacing:
            pass  # held for good where the other thread ends the process: what fails meanwhile is not our error to tell
        if os.name != "nt":
            signal.set_wakeup_fd(woken_before)
            os.close(writing)
        for number, handler in before.items():
            if handler is not None:  # one that was not set from Python cannot be put back
                signal.signal(number, handler)


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Around code that no exception can leave, such as Blender's operators: a stop ends the process where it is."""
    _at_once.set()
    try:
        yield
    finally:
        _at_once.clear()


_forking = threading.local()


def _hold_back() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_STATUS)


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _leave_stopping_to_the_parent() -> None:
    """In a process forked inside :func:`stoppable`, such as a worker of a pool: what stops it is told to nobody else.

    It has the same pipe. When a pool that is done ends its workers, what they would write there is SIGTERM, and the
    thread that reads it would end the whole program. Ctrl-C in a terminal reaches workers as well: one that left by an
    exception would show a traceback, one that died would take the pool's lock along.
    """
    if signal.getsignal(signal.SIGTERM) is _raise:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _let_through()  # what came while the process was new


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_leave_stopping_to_the_parent)


def _raise(number: int, _frame: FrameType | None) -> None:
    if not _at_once.is_set():
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _watch(reading: int, over: threading.Event) -> None:
    while number := os.read(reading, 1):
        if number[0] not in STOP_STATUS:
            continue
        if not _at_once.is_set() and over.wait(_PATIENCE_SECONDS):
            break
        if not files.replacing.acquire(blocking=False):
            break  # too late: all is made and takes its name this moment
        files.remove_unfinished()
        os.write(2, f"\n{STOPPED}\n".encode())
        os._exit(STOP_STATUS[signal.Signals(number[0])])
    os.close(reading)


class Progress:
    """Callable(fraction 0..1, message): a line that rewrites itself on a terminal, a few plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._shown_at = 0.0
        self._shown = ("", -1)
        self._open = False

    def __call__(self, fraction: float, message: str = "") -> None:
        percent = int(100 * min(max(fraction, 0.0), 1.0))
        now = time.monotonic()
        same_stage = message == self._shown[0]
        if self._terminal:
            if same_stage and percent < 100 and now - self._shown_at < 0.1:
                return
            filled = percent * 24 // 100
            self._stream.write(f"\r[{'#' * filled}{'.' * (24 - filled)}] {percent:3d} % {message[:50]:<50}")
            self._open = True
        else:
            # a log file wants a line now and then, not thousands
            if same_stage and (percent == self._shown[1] or now - self._shown_at < 5.0):
                return
            self._stream.write(f"{percent:3d} % {message}\n")
        self._stream.flush()
        self._shown, self._shown_at = (message, percent), now

    def close(self) -> None:
        """End the line, so that what comes next starts on a fresh one."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False
