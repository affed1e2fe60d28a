"""The command line as a user runs it: a process of its own."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from blendshape_talker import __main__ as command_line
from blendshape_talker.checkpoint import ASSETS

DEMO = str(ASSETS / "demo_speech.flac")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "blendshape_talker", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, **options,
    )  # fmt: skip


def test_animate_writes_the_documented_file(tmp_path):
    out = tmp_path / "weights.npz"
    done = run("animate", DEMO, "--out", out, "--emotion", "sad", "--intensity", 1.2, "--fps", 25, "--displacements")
    assert done.returncode == 0, done.stderr
    assert "%" in done.stderr, "progress goes to standard error"
    with np.load(out, allow_pickle=False) as read:
        frames = len(read["times"])
        assert float(read["fps"]) == 25.0
        np.testing.assert_allclose(np.diff(read["times"]), 1 / 25, atol=1e-9)
        assert read["speech_weights"].shape[0] == read["expression_weights"].shape[0] == frames
        assert len(read["names"]) == read["speech_weights"].shape[1] + read["expression_weights"].shape[1]
        assert read["displacements"].shape == (frames, 5023, 3)


def test_animate_takes_cues_from_a_table_and_from_a_transcript(tmp_path):
    table, transcript = tmp_path / "cues.csv", tmp_path / "talk.srt"
    table.write_text("start,end,emotion,intensity\n0.5,2,angry,0.7\n")
    transcript.write_text("1\n00:00:00,500 --> 00:00:02,000\n(angry 0.7) Now.\n")
    weights = []
    for file in (table, transcript):
        out = tmp_path / f"{file.stem}.npz"
        assert command_line.main(["animate", DEMO, "--cues", str(file), "--no-blinks", "--out", str(out)]) == 0
        with np.load(out, allow_pickle=False) as read:
            weights.append(read["expression_weights"])
            still = (read["times"] <= 0.5) | (read["times"] >= 2.0)
    np.testing.assert_array_equal(*weights)
    assert not weights[0][still].any() and weights[0][~still].any(axis=1).all()


def test_what_is_heard_can_be_edited_and_animated(tmp_path, capsys):
    table, curves, out = (tmp_path / name for name in ("cues.csv", "curves.csv", "weights.npz"))
    assert command_line.main(["hear", DEMO, "--out", str(table), "--curves", str(curves)]) == 0
    assert f"{table}: " in capsys.readouterr().out
    assert table.read_text().startswith("start,end,emotion")
    assert curves.read_text().startswith("second,valence,arousal,neutral,") and curves.read_text().count("\n") > 2
    table.write_text("start,end,emotion\n0,1.5,angry\n")
    assert command_line.main(["animate", DEMO, "--cues", str(table), "--heard", "0.5", "--out", str(out)]) == 0
    assert command_line.main(["hear", DEMO, "--out", DEMO]) == 1
    assert command_line.main(["animate", DEMO, "--heard", "2", "--out", str(out)]) == 1
    assert "choose 0 (as chosen) to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cues", "cues.csv"], "cues.csv, line 2: no emotion 'hapy'"),
        (["--cues", "none.csv"], "cannot be read"),
        (["--cues", "late.csv"], "the recording ends at"),
        (["--cues", "late.csv", "--emotion", "sad"], "put the emotion among the cues"),
    ],
)
def test_cues_that_cannot_be_are_one_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cues.csv").write_text("start,end,emotion\n0,1,hapy\n")
    (tmp_path / "late.csv").write_text("start,end,emotion\n500,501,sad\n")
    assert command_line.main(["animate", DEMO, "--out", "f.npz", *arguments]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert words in lines[-1] and lines[-1].startswith("blendshape_talker: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cues.csv", "late.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such.wav"], "no_such.wav"),
        ([DEMO, "--emotion", "hungry"], "choose one of neutral"),
        ([DEMO, "--intensity", "9"], "0 to 1.5"),
        ([DEMO, "--fps", "0"], "1 to 240"),
        ([DEMO, "--out", "no_such_folder/f.npz"], "no such folder"),
    ],
)
def test_user_errors_are_one_line_and_status_one(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    status = command_line.main(["animate", "--out", "f.npz", *arguments])
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 1
    assert words in lines[-1] and lines[-1].startswith("blendshape_talker: ")
    assert "Traceback" not in "".join(lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["animate", DEMO, "--out", "f.npz", "--cues", ""], "cues"),
        (["animate", "", "--out", "f.npz"], "audio"),
        (["bake", DEMO, "--out", "f.blend", "--mesh", ""], "mesh"),
        (["bake", DEMO, "--out", "f.blend", "--export", ""], "export"),
        (["style", DEMO, "--out", "f.style", "--motion", ""], "motion"),
        (["corpus", "expressions", "--geometry", "facs.npz", "--out", ""], "out"),
        (["train", "fusion", "--speech", ".", "--expressions", ".", "--out", "o", "--lips-of", ""], "lips-of"),
        (["evaluate", "people", "--corpus", ".", "--model", ""], "model"),
    ],
)
def test_an_option_with_nothing_in_it_is_no_option_left_out(tmp_path, monkeypatch, capsys, line, words):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(line) == 1
    assert capsys.readouterr().err == f"blendshape_talker: nothing was given for {words}; say what, or leave it out\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("corpus neutral --geometry facs.npz --out facs.npz", "facs.npz: is the input facs.npz"),
        ("corpus encoder --whisper facs.npz --out ./facs.npz", "is the input facs.npz"),
        ("train speech --corpus . --cache c --start link.npz --out facs.npz", "is the input link.npz"),
        ("corpus geometry --data . --out a.npz --head a.npz", "two outputs have the same name"),
        ("evaluate emotion --emodb . --people . --cache c --model facs.npz --json facs.npz", "is the input"),
    ],
)
def test_no_command_overwrites_what_it_reads(tmp_path, monkeypatch, capsys, line, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "facs.npz").write_bytes(b"mine")
    (tmp_path / "link.npz").symlink_to("facs.npz")
    assert command_line.main(line.split()) == 1
    assert words in capsys.readouterr().err
    assert (tmp_path / "facs.npz").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facs.npz", "link.npz"]


def test_a_name_of_two_lines_makes_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["animate", "two\nlines.wav", "--out", "f.npz"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_text_file_for_a_recording_is_refused(tmp_path, capsys):
    (tmp_path / "notes.wav").write_text("this is no sound")
    assert command_line.main(["animate", str(tmp_path / "notes.wav"), "--out", str(tmp_path / "f.npz")]) == 1
    assert "notes.wav" in capsys.readouterr().err
    assert not (tmp_path / "f.npz").exists()


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == 0
    for command in ("animate", "bake", "hear", "corpus", "train", "evaluate", "benchmark"):
        assert command in done.stdout
    assert "happy" in run("animate", "--help").stdout


def test_a_full_disk_is_one_line(monkeypatch, capsys):
    def full(arguments, progress):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/clip.npy")

    monkeypatch.setattr(command_line, "_hear", full)
    assert command_line.main(["hear", "speech.wav", "--out", "cues.csv"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("blendshape_talker: out/clip.npy: No space left")
