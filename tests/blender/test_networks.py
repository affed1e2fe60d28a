"""Networks that load before they are needed, and the preferences' buttons, in a real Blender without a window."""

import bpy
import pytest

from blendshape_talker import device_test, devices
from blendshape_talker.blender import networks
from blendshape_talker.blender.operators import machine
from blendshape_talker.job import Job


@pytest.fixture
def nothing_loaded():
    networks.forget()
    yield
    networks.stop()
    networks.forget()


def test_nothing_is_loaded_where_nobody_looks(registered, nothing_loaded):
    networks.expect_bake(picked=True)
    assert bpy.app.background and not bpy.app.timers.is_registered(networks.begin)


def test_networks_load_on_a_thread_and_once(registered, nothing_loaded):
    networks.begin()
    thread = networks._loading
    networks.begin()
    assert networks._loading is thread
    ours = networks.talker("auto")  # a bake that comes meanwhile waits for them instead of loading its own
    thread.result()
    assert networks.ready("auto") and networks.talker("auto") is ours
    if ours.networks.device == "cpu":
        assert networks.expressions("auto").fusion_model is ours.networks.fusion_model


@pytest.mark.skipif(devices.available()["cuda"], reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_said_and_the_cpu_runs(registered, nothing_loaded, recording):
    assert networks.found() == ""
    talker = networks.talker("cuda")
    assert talker.networks.device == "cpu" and networks.talker("cuda") is talker
    assert networks.found().startswith("CPU, ")
    (line,) = [line for line in talker.animate(recording, "happy").warnings if "cuda" in line]
    assert line == "no cuda device works here, so the CPU ran; see the preferences"


def test_the_end_of_blender_stops_it(registered, nothing_loaded):
    networks.begin()
    thread = networks._loading
    networks.stop()
    assert thread.done and networks._loading is None


def test_devices_are_tested(registered, monkeypatch):
    monkeypatch.setattr(device_test, "SECONDS", 1.0)
    assert bpy.ops.blendshape_talker.test_devices() == {"FINISHED"}
    lines = bpy.context.window_manager.blendshape_talker.devices.splitlines()
    assert lines[0].startswith("CPU, ") and lines[-1].startswith("Choose ")


def test_no_folder_to_check(registered):
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.blendshape_talker.check_torch()


def test_a_button_that_was_clicked_ends_in_a_line_whatever_happens(registered):
    def fails(progress, cancelled):
        raise RuntimeError("CUDA error: no kernel image\nand a page more")

    class Clicked(machine._InBackground):
        bl_label, _refused = "Test", staticmethod(machine.TestDevices._refused)
        _show = staticmethod(machine.TestDevices._show)

        def _start(self, context):
            return Job(fails).start()

    state = bpy.context.window_manager.blendshape_talker
    assert Clicked().invoke(bpy.context, None) == {"FINISHED"} and state.testing
    ((watch, job),) = machine._watching.items()
    bpy.app.timers.unregister(watch)
    job.wait()
    assert watch() is None and not machine._watching
    assert (state.devices, state.testing) == ("CUDA error: no kernel image", "")
