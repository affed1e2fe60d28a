"""The first minute with the add-on: enabling it, the first bake of a Blender session and the next, and what they take.

Each figure comes from a new process. With Blender as a module it presses the add-on's own buttons; the parts of the
first bake are timed in a process of their own, one after another, where the bake itself overlaps some of them.
"""

import os
from importlib.util import find_spec

from .figures import demo_recording, on_this_machine, table, timed

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
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    scripts = (_BAKES, _LOADED, _PARTS) if find_spec("bpy") else (_PARTS,)
    figures = on_this_machine(seconds)
    with demo_recording(seconds) as path:
        for script in scripts:
            figures |= timed("the first use", script, path, runs=processes, environment=variables)
    return table(figures, json_path)
