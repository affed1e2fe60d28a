"""A long recording: what its bake in Blender takes beside ``animate`` alone, and how the bar moves meanwhile.

Each of the two runs in a process of its own. Processor time counts all threads and says the same on a busy machine;
the peak is of the whole process, Blender and PyTorch included.
"""

import os

from ..job import Progress
from .figures import demo_recording, need_blender, on_this_machine, table, timed

_COMMON = """
import resource, sys, time
import numpy
def figure(name, value):
    print("FIGURE", name, value)
def peak(name="peak_mb"):
    figure(name, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1000))
"""
_ANIMATE = (
    _COMMON
    + """
from blendshape_talker.pipeline import Talker
start = time.process_time(), time.perf_counter()
Talker.load("cpu").animate(sys.argv[1], "happy", fps=24)
figure("cpu_s", time.process_time() - start[0])
figure("s", time.perf_counter() - start[1])
peak()
"""
)
_BAKE = (
    _COMMON
    + """
import bpy
import blendshape_talker
from blendshape_talker.blender import animation, bake
from blendshape_talker.errors import Cancelled
from blendshape_talker.job import Job
blendshape_talker.register()
bpy.ops.blendshape_talker.add_demo_head()
settings = bpy.context.scene.blendshape_talker
settings.audio, settings.emotion = sys.argv[1], "happy"
start = time.process_time(), time.perf_counter()
request = bake.make_request(bpy.context.scene, settings.target, bake.Performance(sys.argv[1], "happy"))
job = Job(lambda progress, cancelled: bake.compute(request, progress, cancelled)).start()
seen = [(0.0, 0.0)]
while not job.wait(0.1):  # as the bar of the panel looks at it
    fraction = job.progress[0]
    if fraction > seen[-1][1]:
        seen.append((time.perf_counter() - start[1], fraction))
took = time.perf_counter() - start[1]
seen.append((took, 1.0))
figure("bar_longest_standstill_share", max(b[0] - a[0] for a, b in zip(seen, seen[1:])) / took)
times, fractions = zip(*seen)
tenths = numpy.diff(numpy.interp(numpy.linspace(0, 1, 11), fractions, times)) / took
figure("bar_longest_tenth_share", tenths.max())
figure("bar_shortest_tenth_share", tenths.min())
begin, waits, share = time.process_time(), [], 0.0
drafts = bake.begin_writing(request, job.result())
while share < 1.0:  # as the panel's timer does it
    step = time.process_time()
    share = drafts.write(0.06)
    waits.append(time.process_time() - step)
step = time.process_time()
bake.apply(request, job.result(), drafts=drafts)
waits.append(time.process_time() - step)
figure("writing_cpu_s", time.process_time() - begin)
figure("writing_longest_standstill_cpu_s", max(waits))
figure("writing_last_step_cpu_s", waits[-1])
figure("cpu_s", time.process_time() - start[0])
figure("s", time.perf_counter() - start[1])
peak()
for name in ("expression", "speech"):
    begin = time.process_time()
    getattr(animation, f"set_{name}_strength")(settings.target, 0.5)
    figure(f"{name}_slider_cpu_s", time.process_time() - begin)
peak("sliders_peak_mb")
job = Job(lambda progress, cancelled: bake.compute(request, progress, cancelled)).start()
time.sleep(min(5.0, 0.01 * took))
begin = time.perf_counter()
job.cancel()
try:
    job.result()
except Cancelled:
    figure("stopping_s", time.perf_counter() - begin)
blendshape_talker.unregister()
"""
)


def run(
    json_path: str | os.PathLike[str] | None = None,
    seconds: float = 3600.0,
    progress: Progress | None = None,
) -> str:
    """Animate and bake ``seconds`` of the demo recording, repeated; a table as text.

    Raises :class:`TalkerError` where Blender's module is not there.
    """
    need_blender("--long")
    report = progress or (lambda fraction, message: None)
    measured: dict[str, float] = {}
    with demo_recording(seconds) as path:
        for share, name, script in ((0.0, "animate", _ANIMATE), (0.4, "bake", _BAKE)):
            report(share, f"{name} {seconds:g} s of speech")
            found = timed("the long recording", script, path)
            measured |= {f"{name}_{key}": value for key, value in found.items()}
    measured["bake_times_animate_cpu"] = measured["bake_cpu_s"] / measured["animate_cpu_s"]
    report(1.0, "Measured")
    return table({**on_this_machine(seconds), **measured}, json_path)
