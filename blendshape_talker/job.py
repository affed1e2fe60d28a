"""A function on a thread, with progress, cancel and result; whoever started it polls it."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import Cancelled

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Progress = Callable[[float, str], None]  # fraction 0..1, message
CancelTest = Callable[[], bool]  # true once somebody asked to stop


class Job(Generic[Result]):
    """Runs ``work(progress, cancelled)`` on a thread of its own.

    ``progress(fraction, message)`` may be called from ``work`` at any rate; ``cancelled()`` tells it to stop, which it
    does by raising :class:`Cancelled` (or by returning: what a cancelled job returns is thrown away).
    The thread touches no Blender data; the main thread polls ``done`` and then takes ``result()``.
    """

    def __init__(self, work: Callable[[Progress, CancelTest], Result], name: str = "blendshape-talker") -> None:
        self._work = work
        self._lock = threading.Lock()
        self._fraction = 0.0
        self._message = ""
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._cancel_requested = threading.Event()
        self._finished = threading.Event()
        # A daemon: quitting Blender must never wait for a network that nobody needs any more.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> "Job[Result]":
        """Begin; returns the job itself."""
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            result = self._work(self._report, self._cancel_requested.is_set)
            if self._cancel_requested.is_set():
                raise Cancelled("cancelled")
            self._result = result
        except BaseException as error:  # the thread's error belongs to whoever asks for the result
            self._error = error
            if not isinstance(error, Cancelled):
                logger.debug("%s failed", self._thread.name, exc_info=True)
        finally:
            self._finished.set()

    def _report(self, fraction: float, message: str = "") -> None:
        with self._lock:
            self._fraction = min(1.0, max(self._fraction, float(fraction)))  # a bar that runs backwards looks broken
            self._message = message or self._message

    @property
    def progress(self) -> tuple[float, str]:
        """``(fraction 0..1, message)`` of the last report; the fraction never falls."""
        with self._lock:
            return self._fraction, self._message

    @property
    def done(self) -> bool:
        """True once the function has returned, failed or stopped after a cancel."""
        return self._finished.is_set()

    def cancel(self) -> None:
        """Ask the function to stop; it does so at its next look at ``cancelled()``."""
        self._cancel_requested.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until done or ``timeout`` seconds are over; returns ``done``."""
        return self._finished.wait(timeout)

    def result(self) -> Result:
        """What the function returned, or its exception raised again; waits if needed."""
        self._finished.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set whenever there is no error
