"""What the benchmarks share: the demo recording at any length, scripts timed in processes of their own, one table."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..checkpoint import ASSETS
from ..errors import TalkerError
from ..files import write_figures
from ..speech.audio import SAMPLE_RATE, load_recording


def demo_samples(seconds: float) -> np.ndarray:
    """``seconds`` of the demo recording (N,) at 16 kHz, repeated."""
    return np.resize(load_recording(ASSETS / "demo_speech.flac").samples, round(seconds * SAMPLE_RATE))


@contextmanager
def demo_recording(seconds: float) -> Iterator[Path]:
    """A WAV file of :func:`demo_samples`, gone afterwards."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        soundfile.write(path, demo_samples(seconds), SAMPLE_RATE)
        yield path


def need_blender(what: str) -> None:
    """:class:`TalkerError` where Blender's module is not there: before what else would run first."""
    if find_spec("bpy") is None:
        raise TalkerError(f"{what} needs Blender: pip install bpy==4.5.15 (Python 3.11)")


def on_this_machine(seconds: float) -> dict[str, float | int | str]:
    """What every table begins with."""
    return {"cores": os.cpu_count() or 1, "recording_s": float(seconds)}


def timed(
    what: str, script: str, *arguments: object, runs: int = 1, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """What ``script`` prints as lines ``FIGURE name value`` in a new Python, the smallest value of each.

    ``arguments`` are its ``sys.argv[1:]``; ``runs``: processes, one after another. Raises :class:`TalkerError` with the
    script's last word where it fails.
    """
    best: dict[str, float] = {}
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            cwd=Path(__file__).resolve().parents[2], env=environment, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise TalkerError(f"{what} cannot be timed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
        for line in done.stdout.splitlines():
            if line.startswith("FIGURE "):
                _, name, value = line.split()
                best[name] = min(float(value), best.get(name, float("inf")))
    return best


def table(
    figures: Mapping[str, float | int | str], json_path: str | os.PathLike[str] | None = None, digits: int = 3
) -> str:
    """A line for each figure; all of them as JSON in ``json_path``, where one is named."""
    if json_path is not None:
        write_figures(json_path, figures)
    width = max(map(len, figures))
    shown = {name: f"{value:.{digits}f}" if isinstance(value, float) else str(value) for name, value in figures.items()}
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())
