"""Next Take, and what is said to have come out of a bake."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation, outcome
from blendshape_talker.blender.operators import takes


@pytest.fixture
def ready(registered, synthetic_talker, recording):
    """Demo head and recording chosen, 30 frames a second; gives the settings."""
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio = str(recording)
    bpy.context.scene.render.fps = 30
    return registered


def test_next_take_bakes_the_line_again_with_the_next_number(ready, synthetic_talker, monkeypatch):
    with pytest.raises(RuntimeError, match="press Bake first"):
        bpy.ops.blendshape_talker.next_take()
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    seeds, animate = [], synthetic_talker.animate
    monkeypatch.setattr(
        synthetic_talker, "animate", lambda *given, **how: (seeds.append(how["seed"]), animate(*given, **how))[1]
    )
    for number in (1, 2):
        assert bpy.ops.blendshape_talker.next_take() == {"FINISHED"}
        (line,) = animation.lines(ready.target)
        assert takes.take_number(line) == ready.take == number
    assert seeds == [1, 2]


def test_a_take_that_fails_changes_nothing(ready, synthetic_talker, monkeypatch):
    bpy.ops.blendshape_talker.bake()
    (line,) = animation.lines(ready.target)
    curve = animation.curves_of(line.actions("speech")[0])[0]
    curve.keyframe_points[4].co[1] += 1.0
    with pytest.raises(RuntimeError, match="hand-made"):
        bpy.ops.blendshape_talker.next_take()
    assert ready.take == 0 and takes.take_number(animation.lines(ready.target)[0]) == 0


def test_another_recording_in_the_panel_is_said(ready, tmp_path, recording):
    bpy.ops.blendshape_talker.bake()
    other = tmp_path / "other.wav"
    other.write_bytes(recording.read_bytes())
    ready.audio = str(other)
    with pytest.raises(RuntimeError, match="choose the recording of tone"):
        bpy.ops.blendshape_talker.next_take()


def test_a_line_is_not_taken_again_in_another_style_unawares(ready):
    ready.style = "mumbling"
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    (line,) = animation.lines(ready.target)
    assert outcome.came_out(line).endswith(", style Mumbling")
    ready.style = "average"
    for operator in (bpy.ops.blendshape_talker.next_take, bpy.ops.blendshape_talker.weave_range):
        with pytest.raises(RuntimeError, match="tone was baked with style Mumbling; choose it under Options"):
            operator()
    ready.style = "file"
    with pytest.raises(RuntimeError, match="no style file chosen"):
        bpy.ops.blendshape_talker.next_take()
    ready.style = "mumbling"
    assert bpy.ops.blendshape_talker.next_take() == {"FINISHED"}
    ready.style = "average"
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    assert "style" not in outcome.came_out(animation.lines(ready.target)[0])


def test_a_style_of_a_person_is_called_as_its_file(ready):
    line = line_that_says(ready, style="/films/anna.style")
    assert outcome.came_out(line) == "frames 1 to 45, style anna.style"
    line.record["style"] = 7
    assert outcome.came_out(line) == "frames 1 to 45"


def line_that_says(ready, **record):
    bpy.ops.blendshape_talker.bake()
    (line,) = animation.lines(ready.target)
    line.record.update(record)
    return line


def test_what_came_out_is_one_line(ready):
    line = line_that_says(ready, closures=11, lost=[])
    assert outcome.came_out(line) == "frames 1 to 45, 11 of 11 lip closures" and outcome.doubt(line) is None
    line.record["lost"] = [1.0, 0.5]
    assert outcome.came_out(line).endswith("9 of 11 lip closures")
    assert "frames 16, 31" in outcome.doubt(line)


@pytest.mark.parametrize("record", [{"closures": "many"}, {"closures": 3, "lost": "x"}, {"closures": None}])
def test_marks_of_others_say_nothing(ready, record):
    line = line_that_says(ready, **record)
    assert outcome.came_out(line) == "frames 1 to 45" and outcome.doubt(line) is None


def test_the_record_tells_what_the_pipeline_found(ready, synthetic_talker, monkeypatch):
    animate = synthetic_talker.animate

    def lossy(*given, **how):
        made = animate(*given, **how)
        object.__setattr__(made, "closures_heard", 4)
        object.__setattr__(made, "closures_lost", (np.float32(0.7),))
        return made

    monkeypatch.setattr(synthetic_talker, "animate", lossy)
    bpy.ops.blendshape_talker.bake()
    assert outcome.came_out(animation.lines(ready.target)[0]) == "frames 1 to 45, 3 of 4 lip closures"
