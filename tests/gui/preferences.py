"""The page in the preferences of a real Blender, by pointer: the test of the devices, a folder without PyTorch;
and that picking a head begins to load the networks while Blender goes on.

Not a pytest test; see first_five_minutes.py for how it is started and what it needs.
Pictures, in order: page, testing, tested, refused.
"""

import os
import sys
import tempfile
import time

import bgui
import bpy

sys.path += map(os.path.dirname, bgui.FILES)
import hands  # noqa: E402
from hands import progress, settings  # noqa: E402


def page():
    return bpy.context.preferences.addons[hands.ADDON].preferences


def networks_load_while_blender_goes_on():
    networks = hands.module("blender.networks")
    yield from hands.open_talker()
    assert networks._loading is None, "something was loaded before there was a head"
    yield from hands.press("add_demo_head", lambda: settings().target is not None)
    yield from hands.until(lambda: networks._loading is not None, 10, "the beginning of the loading")
    began, longest, last = time.time(), 0.0, time.time()
    while not networks._loading.done and time.time() - began < 300:
        yield 0.05
        longest, last = max(longest, time.time() - last), time.time()
    print(f"loaded in {time.time() - began:.1f} s; Blender answered at the latest after {longest:.2f} s", flush=True)
    assert networks.ready("auto"), networks._loading.result()


def find_in_preferences(name):
    area = bgui.area("PREFERENCES")
    region = bgui.region("WINDOW", area)
    for down in range(4, region.height, hands.STEP):
        for aside in (0.9, 0.7, 0.5):
            x, y = bgui.screen_xy(region.x + aside * region.width, region.y + region.height - down)
            bgui.xdo("mousemove", x, y)
            yield 0.12
            manager = bpy.context.window_manager
            with bpy.context.temp_override(window=bgui.window(), area=area, region=region):
                manager.clipboard = ""
                if bpy.ops.ui.copy_python_command_button.poll():
                    bpy.ops.ui.copy_python_command_button()
            if name in manager.clipboard:
                return int(x), int(y) + 5
    bgui.shot(f"without {name}")
    raise AssertionError(f"the preferences have no button {name}")


def press(name, happened, seconds):
    x, y = yield from find_in_preferences(name)
    yield from hands.click(x, y)
    yield from hands.until(happened, seconds, f"what {name} is for")


def the_page():
    bgui.area().type = "PREFERENCES"
    yield 1.0
    first = bgui.window()
    bpy.ops.preferences.addon_show(module=hands.ADDON)
    for window in [window for window in bpy.context.window_manager.windows if window != first]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()  # 4.x shows the page in a window of its own besides
    assert bgui.window() == first
    bgui.area("PREFERENCES").tag_redraw()
    yield 2.0
    bgui.shot("page")
    yield from press("test_devices", lambda: progress().testing, 10)
    bgui.shot("testing")
    yield from hands.until(lambda: not progress().testing, 400, "the end of the test")
    yield 1.0
    bgui.shot("tested")
    print("tested:", progress().devices.replace("\n", " | "), flush=True)
    assert "Choose" in progress().devices

    page().torch_folder = tempfile.mkdtemp()
    yield 1.0
    yield from press("check_torch", lambda: page().torch_state, 30)
    yield 1.0
    bgui.shot("refused")
    print("refused:", page().torch_state, flush=True)
    assert "holds no PyTorch" in page().torch_state and not page().torch_found


def steps():
    yield from networks_load_while_blender_goes_on()
    yield from the_page()


bgui.go(steps())
