"""What is checked before the work, and what stays when writing fails."""

import json
import os
from pathlib import Path

import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.files import check_input, check_outputs, remove_unfinished, unfinished, whole_file, write_figures


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "speech.wav"
    path.write_text("sound")
    return path


def test_inputs_that_are_no_ordinary_file(tmp_path, source):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    check_input(source, "a recording")
    for path, words in (
        (tmp_path, "it is a folder; choose a recording in it"),
        (tmp_path / "pipe", "device or a pipe"),
        ("/dev/zero", "device or a pipe"),
        (tmp_path / "none.wav", "file not found; choose a recording"),
        (source / "none.wav", "file not found"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ):
        with pytest.raises(TalkerError, match=words) as caught:
            check_input(path, "a recording")
        one_line(caught)


def test_outputs_that_would_fail_or_harm(tmp_path, source):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "link.npz").symlink_to(source)
    os.link(source, tmp_path / "hard.npz")
    (tmp_path / "out").symlink_to(tmp_path, target_is_directory=True)
    for path, words in (
        (tmp_path / "none" / "f.npz", "no such folder"),
        (source / "f.npz", "no such folder"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.npz", "device or a pipe"),
        ("/dev/null", "device or a pipe"),
        ("/proc/f.npz", "cannot write there"),
        (tmp_path / ("x" * 300), "cannot write there"),
        (source, "is the input"),
        (tmp_path / "link.npz", "is the input"),
        (tmp_path / "hard.npz", "is the input"),
        (tmp_path / "out" / "speech.wav", "is the input"),
        (tmp_path / "out" / ".." / tmp_path.name / "speech.wav", "is the input"),
    ):
        with pytest.raises(TalkerError, match=words) as caught:
            check_outputs([path], [source, None])
        assert str(path) in one_line(caught) or words == "no such folder"
    with pytest.raises(TalkerError, match="two outputs"):
        check_outputs([tmp_path / "a.npz", tmp_path / "out" / "a.npz"])
    assert check_outputs([tmp_path / "a.npz"], [source, tmp_path / "gone.wav"]) == [tmp_path / "a.npz"]
    assert source.read_text() == "sound"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("hard.npz", "link.npz", "out", "pipe.npz", "speech.wav"),
    ]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_what_is_write_protected_stays(tmp_path, source):
    source.chmod(0o444)
    with pytest.raises(TalkerError, match="write-protected"):
        check_outputs([source])
    tmp_path.chmod(0o555)
    with pytest.raises(TalkerError, match="Permission denied"):
        check_outputs([tmp_path / "f.npz"])
    tmp_path.chmod(0o755)


def test_a_file_is_whole_or_as_it_was(tmp_path):
    target = tmp_path / "f.npz"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(KeyError), whole_file(target) as stream:
        stream.write(b"half")
        raise KeyError
    assert target.read_text() == "old"
    with whole_file(tmp_path / "link") as stream:
        stream.write(b"new")
    assert target.read_text() == "new" and (tmp_path / "link").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.npz", "link"]


def test_new_files_have_the_permissions_of_any_other(tmp_path):
    (tmp_path / "usual").touch()
    with whole_file(tmp_path / "f.npz"):
        pass
    assert (tmp_path / "f.npz").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_name_of_the_full_length_is_written(tmp_path):
    with whole_file(tmp_path / ("x" * 251 + ".npz")) as stream:
        stream.write(b"x")
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_unfinished_can_be_removed_from_outside(tmp_path):
    with unfinished(tmp_path) as folder:
        (folder / "half.blend").touch()
        remove_unfinished()
        assert not folder.exists()
    assert list(Path(tmp_path).iterdir()) == []


def test_figures_are_strict_json(tmp_path):
    figures = {"all": {"mm": 0.5, "nothing to measure": float("nan")}, "takes": 3, "device": "CPU"}
    write_figures(tmp_path / "figures.json", figures)

    def refuse(constant):
        raise AssertionError(constant)

    read = json.loads((tmp_path / "figures.json").read_text(), parse_constant=refuse)
    assert read == {"all": {"mm": 0.5, "nothing to measure": None}, "takes": 3, "device": "CPU"}
