"""A baked head as a speaking style: what hands did to a line goes to other bakes, an untouched line is average."""

import bpy
import numpy as np
import pytest

from blendshape_talker.blender import animation
from blendshape_talker.blender.style_of_line import mouth_of
from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.speech import style

DEMO = ASSETS / "demo_speech.flac"


@pytest.fixture
def baked(registered):
    """The demo head with the demo recording, neutral, by the real networks; gives the settings."""
    bpy.ops.blendshape_talker.add_demo_head()
    registered.audio, registered.emotion = str(DEMO), "happy"
    bpy.context.scene.render.fps = 30
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    return registered


def line_of(settings):
    (line,) = animation.lines(settings.target)
    return line


def test_an_untouched_line_is_the_average(baked, tmp_path):
    path = tmp_path / "plain.style"
    assert bpy.ops.blendshape_talker.save_style(filepath=str(path)) == {"FINISHED"}
    made = style.named(str(path))
    assert np.abs(made.gains - 1).max() < 0.01
    assert (baked.style, baked.style_file) == ("file", str(path))


def test_a_line_of_a_style_keeps_it_and_emotions_do_not_count(baked, tmp_path):
    average = mouth_of(baked.target, line_of(baked))
    baked.style = "clear"
    baked.emotion = "neutral"
    assert bpy.ops.blendshape_talker.bake() == {"FINISHED"}
    clear = mouth_of(baked.target, line_of(baked))
    assert np.nanpercentile(clear[:, 0], 95) > 1.15 * np.nanpercentile(average[:, 0], 95)
    path = tmp_path / "clear"
    assert bpy.ops.blendshape_talker.save_style(filepath=str(path), choose=False) == {"FINISHED"}
    made = style.named(f"{path}.style")
    assert 1.15 < made.gains[0] < 1.3 and baked.style == "clear"


def test_the_keys_of_hands_count_where_the_line_lies(baked, tmp_path):
    target, scene = baked.target, bpy.context.scene
    before = mouth_of(target, line_of(baked))
    names = animation.shape_key_names(target)
    blocks = [target.data.shape_keys.key_blocks[name] for key, name in names.items() if key.startswith("speech")]
    frame = 1 + round(np.nanargmax(before[:, 0]) / 2)
    scene.frame_set(frame)
    for block in blocks:
        block.value *= 1.5
        block.keyframe_insert("value", frame=frame)
    assert bpy.ops.blendshape_talker.keep_keys(seconds=0.2) == {"FINISHED"}
    after = mouth_of(target, line_of(baked))
    assert after[np.nanargmax(before[:, 0]), 0] > 1.3 * np.nanmax(before[:, 0])
    for _, strip in line_of(baked).strips["speech"]:
        strip.frame_end -= 30
    cut = mouth_of(target, line_of(baked))
    assert len(cut) == len(after) and 55 <= np.isnan(cut[:, 0]).sum() <= 65


def test_what_cannot_become_a_style_is_one_line(baked, tmp_path):
    line = line_of(baked)
    with pytest.raises(RuntimeError, match="no such folder"):
        bpy.ops.blendshape_talker.save_style(filepath=str(tmp_path / "none" / "x.style"))
    for _, strip in line.strips["speech"]:
        strip.scale = 1.5
    with pytest.raises(RuntimeError, match="changed in speed"):
        bpy.ops.blendshape_talker.save_style(filepath=str(tmp_path / "x.style"))
    assert not list(tmp_path.iterdir()) and baked.style == "average"


def capture(path, gap, late=0):
    """Curves of Live Link Face, 30 frames a second, of a jaw that parts the lips by ``gap`` (T,) mm, 60 a second."""
    opened = np.concatenate([np.zeros(late), gap])[::2] / 32
    rows = (f"10:00:{n // 30:02d}:{n % 30:02d}.000,61,{value:.4f}" for n, value in enumerate(opened))
    path.write_text("\n".join(["Timecode,BlendshapeCount,JawOpen", *rows]) + "\n")
    return path


def test_a_capture_and_its_recording_become_a_style(baked, tmp_path, capfd):
    gap = 1.3 * np.maximum(np.nan_to_num(mouth_of(baked.target, line_of(baked))[:, 0]), 0)
    motion = capture(tmp_path / "anna.csv", gap, late=12)
    assert bpy.ops.blendshape_talker.style_from_motion(filepath=str(motion)) == {"FINISHED"}
    made = style.named(str(tmp_path / "anna.style"))
    assert 1.15 < made.gains[0] < 1.45 and made.gains[1] == 1, "of the width nothing was seen"
    assert (baked.style, baked.style_file) == ("file", str(tmp_path / "anna.style"))
    said = capfd.readouterr().out
    assert "anna.style: the mouth opens 1." in said and "s behind the sound; brought in step" in said
    assert "without the curves mouthClose" in said and said.count(str(motion)) == 0
    other = capture(tmp_path / "other.csv", gap[::-1])
    with pytest.raises(RuntimeError, match="motion and sound hardly agree"):
        bpy.ops.blendshape_talker.style_from_motion(filepath=str(other))
    (tmp_path / "film.csv").write_text(motion.read_text())
    (tmp_path / "film.style").write_text("a stylesheet of somebody's")
    with pytest.raises(RuntimeError, match="film.style"):
        bpy.ops.blendshape_talker.style_from_motion(filepath=str(tmp_path / "film.csv"))
    assert (tmp_path / "film.style").read_text() == "a stylesheet of somebody's"
    assert not (tmp_path / "other.style").exists()
    baked.audio = ""
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.blendshape_talker.style_from_motion(filepath=str(motion))
