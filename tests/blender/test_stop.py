"""Ctrl-C and SIGTERM at several moments of a real process: the right status, one line, nothing left behind."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from blendshape_talker.checkpoint import ASSETS

ROOT = ASSETS.parent.parent
DEMO = str(ASSETS / "demo_speech.flac")
BAKE = [
    *("bake", DEMO, "--out", "talk.blend", "--export", "talk.fbx", "--export", "talk.abc", "--preview", "talk.mp4"),
]  # fmt: skip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.mark.parametrize(
    ("command", "moment", "number", "status"),
    [
        (["animate", DEMO, "--out", "talk.npz"], "listening", signal.SIGINT, 130),
        (["animate", DEMO, "--out", "talk.npz"], "loading", signal.SIGTERM, 143),
        (BAKE, "listening", signal.SIGTERM, 143),
        (BAKE, "exporting .fbx", signal.SIGINT, 130),
        (BAKE, "exporting .abc", signal.SIGINT, 130),
        (BAKE, "rendering", signal.SIGINT, 130),
        (BAKE, "rendering", signal.SIGTERM, 143),
        (["contact-sheet", "--out", "talk.png"], "rendering", signal.SIGINT, 130),
    ],
)
def test_a_stop_leaves_nothing(tmp_path, command, moment, number, status):
    work, scratch = tmp_path / "work", tmp_path / "scratch"
    work.mkdir()
    scratch.mkdir()
    (work / "talk.blend").write_text("an older file")
    process = subprocess.Popen(
        [sys.executable, "-m", "blendshape_talker", *command], cwd=work, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
    )  # fmt: skip
    alarm = threading.Timer(300, process.kill)
    alarm.start()
    told = []
    for line in process.stderr:
        told.append(line)
        if moment in line:
            break
    assert moment in told[-1], "".join(told)
    process.send_signal(number)
    output, rest = process.communicate()
    alarm.cancel()
    lines = [line for line in rest.splitlines() if line and " % " not in line]
    assert (process.returncode, lines) == (status, ["blendshape_talker: stopped; nothing unfinished is left"])
    # Blender 5.2 prints its own log there while it starts where it cannot list the machine's mounts
    assert [line for line in output.splitlines() if " | WARNING " not in line] == []
    assert [path.name for path in work.iterdir()] == ["talk.blend"]
    assert (work / "talk.blend").read_text() == "an older file"
    assert list(scratch.iterdir()) == []
