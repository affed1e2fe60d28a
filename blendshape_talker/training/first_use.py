"""The first minute with the add-on: enabling it, the first bake of a Blender session and the next, and what they take.

Each figure comes from a new process. With Blender as a module it presses the add-on's own buttons; the parts of the
first bake are timed in a process of their own, one after another, where the bake itself overlaps some of them.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..checkpoint import ASSETS
from ..errors import TalkerError
from ..files import whole_file
from ..speech.audio import SAMPLE_RATE, load_recording

_BAKES = """
import sys, time
import bpy, numpy
clock, start = time.perf_counter, time.perf_counter()
import blendshape_talker
blendshape_talker.register()
print("FIGURE enabling_s", clock() - start)
bpy.ops.blendshape_talker.add_demo_head()
settings = bpy.context.scene.blendshape_talker
settings.audio, settings.emotion = sys.argv[1], "happy"
for name in ("first_bake_s", "next_bake_s"):
    start = clock()
    bpy.ops.blendshape_talker.bake()
    print("FIGURE", name, clock() - start)
blendshape_talker.unregister()
"""
_LOADED = """
import sys, time
import bpy, numpy
clock = time.perf_counter
import blendshape_talker
blendshape_talker.register()
from blendshape_talker.blender import networks
bpy.ops.blendshape_talker.add_demo_head()
settings = bpy.context.scene.blendshape_talker
settings.audio, settings.emotion = sys.argv[1], "happy"
start = clock()
networks.begin()  # what Blender's timer does once a head is picked
networks._loading.result()
print("FIGURE loading_in_the_background_s", clock() - start)
start = clock()
bpy.ops.blendshape_talker.bake()
print("FIGURE first_bake_after_it_s", clock() - start)
blendshape_talker.unregister()
"""
_PARTS = """
import sys, time
import numpy
clock = time.perf_counter
from blendshape_talker import pipeline
def part(name, work):
    start = clock()
    result = work()
    print("FIGURE", name, clock() - start)
    return result
part("importing_torch_s", lambda: __import__("torch"))
part("importing_sound_libraries_s", lambda: (__import__("soundfile"), __import__("soxr")))
talker = part("loading_weights_s", lambda: pipeline.Talker.load("cpu"))
part("first_call_s", lambda: talker.animate(sys.argv[1], "happy", fps=24))
part("next_call_s", lambda: talker.animate(sys.argv[1], "happy", fps=24))
"""


def run(json_path: str | os.PathLike[str] | None = None, seconds: float = 5.0, processes: int = 3) -> str:
    """Time ``seconds`` of the demo recording; a table as text, the best of ``processes`` each.

    Only the parts, without the bakes, where Blender's module is not there. Modules count as compiled, as in the
    extension's zip: the first process of a new environment takes longer.
    """
    import soundfile

    samples = load_recording(ASSETS / "demo_speech.flac").samples
    samples = np.resize(samples, round(seconds * SAMPLE_RATE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        soundfile.write(path, samples, SAMPLE_RATE)
        figures: dict[str, float | int] = {"cores": os.cpu_count() or 1, "recording_s": float(seconds)}
        for script in (_BAKES, _LOADED, _PARTS):
            figures |= _best_of(script, path, processes)
    if json_path is not None:
        with whole_file(json_path) as stream:
            stream.write(json.dumps(figures, indent=1).encode())
    width = max(map(len, figures))
    return "\n".join(f"{name:<{width}}  {value:.3f}" for name, value in figures.items())


def _best_of(script: str, recording: Path, processes: int) -> dict[str, float]:
    """What a script prints as FIGURE lines, the smallest value of each; nothing where it needs a Blender."""
    best: dict[str, float] = {}
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(processes):
        done = subprocess.run(
            [sys.executable, "-c", script, recording],
            cwd=Path(__file__).resolve().parents[2], env=variables, capture_output=True, text=True,
        )  # fmt: skip
        if "No module named 'bpy'" in done.stderr:
            return {}
        if done.returncode:
            raise TalkerError(
                f"the first use cannot be timed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}"
            )
        for line in done.stdout.splitlines():
            if line.startswith("FIGURE "):
                _, name, value = line.split()
                best[name] = min(float(value), best.get(name, float("inf")))
    return best
