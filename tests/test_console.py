import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blendshape_talker.console import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_terminal_line_rewrites_itself_and_close_ends_it():
    stream = Terminal()
    progress = Progress(stream)
    progress(0.0, "listening")
    progress(1.0, "done")
    progress.close()
    progress.close()
    text = stream.getvalue()
    assert text.count("\r") == 2 and text.count("\n") == 1
    assert "100 % done" in text


def test_log_file_gets_a_line_per_stage_not_per_frame():
    stream = io.StringIO()
    progress = Progress(stream)
    for step in range(1000):
        progress(step / 1000, "listening")
    progress(1.0, "shaping")
    progress.close()
    assert stream.getvalue().splitlines() == ["  0 % listening", "100 % shaping"]


def test_fraction_outside_its_range_is_clipped():
    stream = io.StringIO()
    Progress(stream)(7.0, "late")
    assert stream.getvalue() == "100 % late\n"


WORKERS = """
import multiprocessing, os, time
from blendshape_talker.console import stoppable

def work(number):
    return number

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with stoppable():
        with multiprocessing.Pool(2, maxtasksperchild=1) as pool:
            print(sum(pool.imap(work, range(4))))
        worker = multiprocessing.Process(target=time.sleep, args=(60,))
        worker.start()
        worker.terminate()
        worker.join()
        time.sleep(1.5)  # what comes after the pool takes longer than a stop waits
    print("written")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not fork")
def test_workers_that_end_do_not_stop_the_program():
    command = [sys.executable, "-c", WORKERS]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parent.parent)
    assert (finished.returncode, finished.stdout.split(), finished.stderr) == (0, ["6", "written"], "")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not fork")
def test_ctrl_c_with_workers_ends_in_one_line():
    script = WORKERS.replace("return number", "time.sleep(60)").replace(
        "print(sum(", "print('working', flush=True); (list("
    )
    script = script.replace("with stoppable():", "with suppress(KeyboardInterrupt), stoppable():")
    command = [sys.executable, "-c", "from contextlib import suppress\n" + script]
    root = Path(__file__).parent.parent
    running = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=root, start_new_session=True)
    assert running.stdout is not None and running.stdout.readline() == "working\n"
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to all
    out, errors = running.communicate(timeout=60)
    assert (running.returncode, out, errors) == (0, "written\n", "")
