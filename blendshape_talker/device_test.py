"""Which device to choose: ten seconds of speech on the CPU and on what else there is, timed and compared."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import devices
from .animation import Animation
from .checkpoint import ASSETS
from .errors import Cancelled
from .job import CancelTest, Progress
from .pipeline import Talker
from .speech.audio import SAMPLE_RATE, load_recording

SECONDS = 10.0
_WORTH_IT = 1.2  # times as fast: less is not worth a GPU that also draws and renders


@dataclass(frozen=True)
class Timing:
    """One device: seconds for ten seconds of speech; mm from the CPU's result; problem: why it has none of its own."""

    device: devices.Device
    seconds: float
    difference_mm: float = 0.0
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.device}: {self.problem}"
        apart = f", within {max(self.difference_mm, 1e-6):.0e} mm of it" if self.device.name != "cpu" else ""
        return f"{self.device}: {self.seconds:.2f} s for {SECONDS:g} s of speech{apart}"


def time_devices(progress: Progress | None = None, cancelled: CancelTest | None = None) -> list[Timing]:
    """The CPU first, then every GPU that PyTorch finds. :class:`Cancelled` when ``cancelled()`` turns true."""
    import soundfile

    report = progress or (lambda fraction, message: None)
    found = [devices.describe(name) for name, there in devices.available().items() if there]
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        demo = load_recording(ASSETS / "demo_speech.flac").samples
        soundfile.write(path, np.resize(demo, round(SECONDS * SAMPLE_RATE)), SAMPLE_RATE)
        ours: Animation | None = None
        for number, device in enumerate(found):
            report(number / len(found), f"timing {device}")
            talker = Talker.load(device.name)
            # the first run of all loads the device's own libraries
            warnings = talker.animate(path, "happy", cancelled=cancelled).warnings
            started = time.perf_counter()
            animation = talker.animate(path, "happy", cancelled=cancelled)
            seconds = time.perf_counter() - started
            if cancelled is not None and cancelled():
                raise Cancelled
            if talker.networks.device != device.name:
                timings.append(Timing(device, seconds, problem="; ".join(warnings or animation.warnings)))
                continue
            ours = ours or animation
            apart = max(
                float(np.abs(animation.displacements(first, first + 60) - ours.displacements(first, first + 60)).max())
                for first in range(0, animation.frame_count, 60)
            )
            timings.append(Timing(device, seconds, 1e3 * apart))
    report(1.0, "timed")
    return timings


def advice(timings: list[Timing]) -> str:
    """Which to choose, in one line."""
    cpu, working = timings[0], [timing for timing in timings[1:] if not timing.problem]
    if not working:
        return "Choose Automatic or CPU: there is no other device that works"
    others = [timing for timing in working if timing.difference_mm <= devices.AGREE_MM]
    if not others:
        other = working[0]
        return f"Choose CPU: {other.device.label} gives another result, {other.difference_mm:.2g} mm away"
    best = min(others, key=lambda timing: timing.seconds)
    times = cpu.seconds / best.seconds
    if times < _WORTH_IT:
        return f"Choose CPU: {best.device.label} is {times:.1f} times as fast"
    return f"Choose Automatic or {best.device.name.upper()}: {times:.1f} times as fast as the CPU"
