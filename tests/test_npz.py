"""What :func:`npz.read_npz` refuses before it reads; what is in a file, `build.py fuzz` and the meshes' tests ask."""

import os
import signal

import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.npz import read_npz
from blendshape_talker.speech.style import Style


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
def test_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.style")
    signal.alarm(20)  # who waits is ended
    try:
        for path in (tmp_path / "pipe.style", "/dev/zero", tmp_path):
            with pytest.raises(ValueError, match="a folder, a device or a pipe"):
                read_npz(path)
        with pytest.raises(TalkerError, match="pipe.style: .*a device or a pipe"):
            Style.load(tmp_path / "pipe.style")
    finally:
        signal.alarm(0)
