"""The benchmark of a long recording, on a short one."""

import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.training import edits, figures, long_recording


def test_both_runs_give_their_figures():
    pytest.importorskip("bpy", reason="the bake is timed where Blender is installed as a module")
    table = dict(line.split() for line in long_recording.run(seconds=6.0).splitlines())
    assert {"animate_cpu_s", "bake_cpu_s", "bake_peak_mb", "bake_writing_cpu_s"} <= set(table)
    assert all(float(value) >= 0 for value in table.values())
    assert float(table["bake_peak_mb"]) > 100 and float(table["bake_times_animate_cpu"]) > 0


@pytest.mark.parametrize("benchmark", [edits, long_recording])
def test_without_blender_nothing_is_timed(benchmark, monkeypatch):
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    monkeypatch.setattr(figures.subprocess, "run", None)
    with pytest.raises(TalkerError, match="needs Blender"):
        benchmark.run(seconds=20.0)
