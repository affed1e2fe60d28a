"""Names that Blender changed are asked for in one file; those that it is about to drop are not used."""

import re
import warnings
from pathlib import Path

import bpy
import pytest

import blendshape_talker
from blendshape_talker.blender.lines import sound, versions

FOLDER = Path(blendshape_talker.__file__).parent / "blender"


@pytest.mark.skipif(not bpy.app.build_options.audaspace, reason="this Blender has no sound")
def test_times_of_a_strip_read_and_write_without_a_warning(scene, recording):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        assert sound.add_sound(scene, recording, 5)
        (strip,) = versions.all_strips_of(scene.sequence_editor)
        length = versions.strip_time(strip, "content_duration")
        assert versions.strip_time(strip, "content_start") == 5 and length > 8
        versions.set_strip_time(strip, "left_handle", 7)
        versions.set_strip_time(strip, "right_handle", 5 + length - 3)
        assert versions.strip_time(strip, "left_handle_offset") == 2
        assert versions.strip_time(strip, "right_handle_offset") == 3
        versions.set_strip_time(strip, "content_start", 15)
        assert versions.strip_time(strip, "left_handle") == 17


def test_only_one_file_asks_what_this_blender_has():
    asks = re.compile(r"bpy\.app\.version\b|hasattr\((action|editor|strip|block|scene|cycles)\b")
    others = [path for path in FOLDER.rglob("*.py") if path != FOLDER / "lines" / "versions.py"]
    assert len(others) > 50 and not [path.name for path in others if asks.search(path.read_text())]
