"""Edits after a bake are pressed in a real Blender, and each is timed."""

import pytest

from blendshape_talker.training import edits

pytest.importorskip("bpy", reason="the buttons are Blender's")


def test_every_edit_is_timed():
    table = dict(line.split() for line in edits.run(seconds=13.0, rates=(10,)).splitlines())
    wanted = ["add_emotion", "swap_of_4_s", "refresh", "swap_of_all", "expression_strength", "upper_face"]
    assert [name for name in table if name.endswith("_at_10_fps_cpu_s")] == [f"{x}_at_10_fps_cpu_s" for x in wanted]
    assert all(float(table[f"{name}_at_10_fps_cpu_s"]) > 0.0 for name in wanted)
