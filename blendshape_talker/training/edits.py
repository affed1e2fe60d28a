"""What an animator's hands do after a bake, and what each of it takes: emotions, sliders, keys, in Blender as a module.

Processor time of one process: it says the same on a busy machine, and with one thread it is what a person waits.
"""

import os
from collections.abc import Sequence

from ..job import Progress
from .figures import demo_recording, need_blender, on_this_machine, table, timed

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
    progress: Progress | None = None,
) -> str:
    """Bake ``seconds`` of the demo recording, repeated, and press the buttons; a table as text, the best of two each.

    Raises :class:`TalkerError` where Blender's module is not there.
    """
    need_blender("--edits")
    report = progress or (lambda fraction, message: None)
    figures = on_this_machine(seconds)
    with demo_recording(seconds) as path:
        for number, rate in enumerate(rates):
            report(number / len(rates), f"edits after a bake of {seconds:g} s at {rate} frames a second")
            figures |= timed("edits", _EDITS, path, rate, environment={**os.environ, "OMP_NUM_THREADS": "1"})
    report(1.0, "Measured")
    return table(figures, json_path)
