"""What an animator's hands do after a bake, and what each of it takes: emotions, sliders, keys, in Blender as a module.

Processor time of one process: it says the same on a busy machine, and with one thread it is what a person waits.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..checkpoint import ASSETS
from ..errors import TalkerError
from ..files import whole_file
from ..speech.audio import SAMPLE_RATE, load_recording

_EDITS = """
import sys, time
import bpy
import blendshape_talker
from blendshape_talker.blender import animation
blendshape_talker.register()
fps = int(sys.argv[2])
scene = bpy.context.scene
scene.render.fps = fps
bpy.ops.blendshape_talker.add_demo_head()
settings = scene.blendshape_talker
settings.audio = sys.argv[1]
bpy.ops.blendshape_talker.bake()
head, ours = settings.target, bpy.ops.blendshape_talker
def figure(name, work):
    start = time.process_time()
    work()
    print("FIGURE", f"{name}_at_{fps}_fps_cpu_s", time.process_time() - start)
def select(name):
    for track in head.data.shape_keys.animation_data.nla_tracks:
        for strip in track.strips:
            strip.select = strip.name == name
def control(name, value):
    setattr(head.blendshape_talker, name, value)
for number in range(2):
    scene.frame_set((8 + 4 * number) * fps)
    figure("add_emotion", lambda: ours.add_emotion(emotion="happy", seconds=4.0))
    figure("swap_of_4_s", lambda: ours.swap_emotion(emotion="sad"))
    figure("refresh", lambda: ours.refresh())
    select("neutral" if not number else "angry")
    figure("swap_of_all", lambda: ours.swap_emotion(emotion=("angry", "surprised")[number]))
    figure("expression_strength", lambda: animation.set_expression_strength(head, 0.5 + 0.1 * number))
    figure("upper_face", lambda: control("upper_face", 0.5 + 0.1 * number))
    ours.reset_controls()
blendshape_talker.unregister()
"""


def run(
    json_path: str | os.PathLike[str] | None = None,
    seconds: float = 60.0,
    rates: Sequence[int] = (24, 60),
    progress: Callable[[float, str], None] | None = None,
) -> str:
    """Bake ``seconds`` of the demo recording, repeated, and press the buttons; a table as text, the best of two each.

    Raises :class:`TalkerError` where Blender's module is not there.
    """
    import soundfile

    report = progress or (lambda fraction, message: None)
    samples = np.resize(load_recording(ASSETS / "demo_speech.flac").samples, round(seconds * SAMPLE_RATE))
    figures: dict[str, float | int] = {"cores": os.cpu_count() or 1, "recording_s": float(seconds)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        soundfile.write(path, samples, SAMPLE_RATE)
        for number, rate in enumerate(rates):
            report(number / len(rates), f"edits after a bake of {seconds:g} s at {rate} frames a second")
            figures |= _figures(path, rate)
    report(1.0, "Measured")
    if json_path is not None:
        with whole_file(json_path) as stream:
            stream.write(json.dumps(figures, indent=1).encode())
    width = max(map(len, figures))
    return "\n".join(f"{name:<{width}}  {value:.3f}" for name, value in figures.items())


def _figures(recording: Path, rate: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _EDITS, recording, str(rate)],
        cwd=Path(__file__).resolve().parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise TalkerError(f"edits cannot be timed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")
    best: dict[str, float] = {}
    for line in done.stdout.splitlines():
        if line.startswith("FIGURE "):
            _, name, value = line.split()
            best[name] = min(float(value), best.get(name, float("inf")))
    return best
