"""The test of the devices: what it times and what it advises; no time is asserted."""

import pytest

from blendshape_talker import device_test
from blendshape_talker.device_test import Timing
from blendshape_talker.devices import Device
from blendshape_talker.errors import Cancelled

CPU = Timing(Device("cpu", "CPU, 2 threads"), 0.6)
GPU = Device("cuda", "NVIDIA Something", 24.0)


def test_the_cpu_is_timed_first(monkeypatch):
    monkeypatch.setattr(device_test, "SECONDS", 1.0)
    messages = []
    timings = device_test.time_devices(lambda fraction, message: messages.append(message))
    assert timings[0].device.name == "cpu" and timings[0].seconds > 0 and timings[0].difference_mm == 0
    assert messages[0].startswith("timing CPU") and messages[-1] == "timed"
    assert str(timings[0]).endswith(" s for 1 s of speech")
    with pytest.raises(Cancelled):
        device_test.time_devices(cancelled=lambda: True)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "Choose Automatic or CPU: there is no other device that works"),
        ([Timing(GPU, 9.0, problem="cuda failed (CUDA out of memory)")], "there is no other device that works"),
        ([Timing(GPU, 0.55)], "Choose CPU: NVIDIA Something is 1.1 times as fast"),
        ([Timing(GPU, 0.05, 0.02)], "Choose CPU: NVIDIA Something gives another result, 0.02 mm away"),
        ([Timing(GPU, 0.05, float("nan"))], "Choose CPU: NVIDIA Something gives another result, nan mm away"),
        ([Timing(GPU, 0.05, 0.02), Timing(Device("mps", "Apple"), 0.1)], "Choose Automatic or MPS: 6.0 times"),
        ([Timing(GPU, 0.05, 2e-5)], "Choose Automatic or CUDA: 12.0 times as fast as the CPU"),
    ],
)
def test_advice(others, words):
    assert words in device_test.advice([CPU, *others])


def test_a_line_each():
    assert str(Timing(GPU, 0.05, 2e-5)) == "NVIDIA Something, 24 GB: 0.05 s for 10 s of speech, within 2e-05 mm of it"
    assert str(Timing(GPU, 0.0, problem="cuda failed (x)")) == "NVIDIA Something, 24 GB: cuda failed (x)"
