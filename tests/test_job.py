"""A job on a thread: progress, result, exception, cancel."""

import threading
import time

import pytest

from blendshape_talker.errors import Cancelled, TalkerError
from blendshape_talker.job import Job


def test_result_and_progress_come_from_another_thread():
    seen = []

    def work(progress, cancelled):
        progress(0.25, "loading")
        seen.append(threading.current_thread() is threading.main_thread())
        progress(0.5, "")
        return 42

    job = Job(work).start()
    assert job.result() == 42
    assert job.done
    assert job.progress == (0.5, "loading")
    assert seen == [False]


def test_progress_never_falls_and_stays_within_one():
    job = Job(lambda progress, cancelled: [progress(value, "x") for value in (0.6, 0.2, 7.0)]).start()
    job.wait()
    assert job.progress[0] == 1.0


def test_the_function_s_exception_is_raised_for_whoever_asks():
    def work(progress, cancelled):
        raise TalkerError("no such file; choose another")

    job = Job(work).start()
    assert job.wait(5.0)
    with pytest.raises(TalkerError, match="no such file"):
        job.result()


def test_cancel_stops_the_function_and_hides_its_result():
    started = threading.Event()

    def work(progress, cancelled):
        started.set()
        while not cancelled():
            time.sleep(0.005)
        return "half of it"

    job = Job(work).start()
    assert started.wait(5.0)
    assert not job.done
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()


def test_cancel_before_the_end_counts_even_if_the_function_raises_it_itself():
    def work(progress, cancelled):
        while not cancelled():
            time.sleep(0.005)
        raise Cancelled("stopped")

    job = Job(work).start()
    job.cancel()
    assert job.wait(5.0)
    with pytest.raises(Cancelled, match="stopped"):
        job.result()
