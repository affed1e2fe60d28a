"""What the command line shows while it works: one line of progress on standard error."""

import sys
import time
from typing import TextIO


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
