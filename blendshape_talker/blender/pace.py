"""A bar that moves evenly: shares as measured, and the clock where the work itself reports nothing."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..job import Progress
from ..speech.audio import claimed_seconds

# In units of the time that a second of recording takes, of talker benchmark's machine: loading PyTorch and both
# networks, the first call of each, and the stretch of a recording that is heard in one piece.
LOADING, FIRST_CALL, PIECE = 60.0, 12.0, 30.0
_TICK_SECONDS = 0.2
_MODULES, _IMPORTS = 765, 0.58  # what importing PyTorch brings in before the weights are read; its share of loading


class Pace:
    """Shares of one bake after another; each bake teaches how long a unit takes here."""

    def __init__(self) -> None:
        self.unit_seconds = 0.1
        self.loaded = False

    def shares(self, seconds: float) -> tuple[float, float]:
        """Of the bar: up to where the networks load, and up to where a recording's first piece has been heard."""
        load, first = (0.0, 0.0) if self.loaded else (LOADING, FIRST_CALL)
        total = load + first + 1.1 * seconds  # a tenth is for shaping
        return load / total, (load + first + min(seconds, PIECE)) / total

    def learn(self, units: float, seconds: float) -> None:
        """``units`` took ``seconds`` just now, with which the networks are loaded."""
        self.loaded = True
        if units > 0:
            self.unit_seconds = seconds / units


class Loading:
    """How far loading the networks is, on a machine of any speed: by the modules that came in, then by how long those
    took, as the weights take most of that again."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, modules: Callable[[], int] = lambda: len(sys.modules)
    ) -> None:
        self._clock, self._modules = clock, modules
        self._began, self._before, self._imported = clock(), modules(), 0.0

    def share(self) -> float:
        """0 … 1."""
        brought, now = (self._modules() - self._before) / _MODULES, self._clock() - self._began
        if brought < 1.0:
            return _IMPORTS * brought
        self._imported = self._imported or now
        part = (now - self._imported) / max(self._imported, 1e-3)
        return _IMPORTS + (1.0 - _IMPORTS) * part / (0.5 + part)


def recording_seconds(path: str) -> float:
    """How long a recording says it is; 10 where its header does not tell. For the bar only."""
    return claimed_seconds(path) or 10.0


def rising(progress: Progress) -> Progress:
    """``progress`` that leaves out what lies behind what was reported before: two may report side by side."""
    highest, lock = 0.0, threading.Lock()

    def report(fraction: float, message: str = "") -> None:
        nonlocal highest
        with lock:
            if fraction >= highest:
                highest = fraction
                progress(fraction, message)

    return report


@contextmanager
def by_the_clock(
    progress: Progress,
    start: float,
    end: float,
    seconds: float,
    message: str,
    share: Callable[[], float] = lambda: 0.0,
) -> Iterator[None]:
    """Report from ``start`` toward ``end`` while the block runs: two fifths of the way after ``seconds``, all of it
    never; further where ``share`` () says so. What the block itself reports may lie further on, see :func:`rising`."""
    over, began = threading.Event(), time.perf_counter()

    def tick() -> None:
        while not over.wait(_TICK_SECONDS):
            part = (time.perf_counter() - began) / max(seconds, 1e-3)
            progress(start + (end - start) * max(part / (1.5 + part), share()), message)

    progress(start, message)
    thread = threading.Thread(target=tick, name="blendshape-talker-clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
