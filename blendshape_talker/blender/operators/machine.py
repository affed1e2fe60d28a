"""Buttons of the preferences: time the devices of this machine, try a PyTorch of one's own."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy

from ... import own_torch
from ...errors import Cancelled, TalkerError
from ...job import CancelTest, Job, Progress
from .. import networks
from ..addon_page import own_torch_folder, preferences
from ..properties import TalkerPreferences
from .common import allowed, reported

if TYPE_CHECKING:
    from ... import device_test

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_watching: dict[Callable[[], float | None], Job] = {}


class _InBackground:
    """An operator whose work runs on a thread. A script waits for it; a click is answered at once and a timer watches,
    because the preferences may be closed meanwhile."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return allowed(cls, "a test is running" if context.window_manager.blendshape_talker.testing else None)

    def execute(self, context: bpy.types.Context) -> set[str]:
        outcome: set[str] = set()
        with reported(self, outcome):
            self._arrived(context)
            job = self._start(context)
            try:
                words = self._show(context, job.result())
            except TalkerError as error:
                self._refused(context, str(error))
                raise
            self.report({"INFO"}, words)
        return outcome

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._arrived(context)
        job = self._start(context)
        state = context.window_manager.blendshape_talker
        state.testing = "starting"
        kind = type(self)

        def watch() -> float | None:
            now = bpy.context
            state = now.window_manager.blendshape_talker
            if not job.done:
                state.testing = job.progress[1] or state.testing
                _redraw(now)
                return _POLL_SECONDS
            del _watching[watch]
            state.testing = ""
            try:
                kind._show(now, job.result())
            except Cancelled:
                pass
            except Exception as error:  # whoever clicked is told, whatever a driver or a folder brings up
                if not isinstance(error, TalkerError):
                    logger.exception("%s failed", kind.bl_label)
                kind._refused(now, str(error).strip().split("\n")[0] or type(error).__name__)
            _redraw(now)
            return None

        _watching[watch] = job
        bpy.app.timers.register(watch, first_interval=_POLL_SECONDS)
        return {"FINISHED"}

    def _arrived(self, context: bpy.types.Context) -> None:
        """Before the work."""


class TestDevices(_InBackground, bpy.types.Operator):
    """Time ten seconds of speech on the CPU and on every GPU that PyTorch finds, and say which to choose"""

    bl_idname = "blendshape_talker.test_devices"
    bl_label = "Test"
    bl_options = {"INTERNAL"}

    def _start(self, context: bpy.types.Context) -> "Job[list[device_test.Timing]]":
        from ... import device_test

        return Job(device_test.time_devices, "blendshape-talker-test").start()

    @staticmethod
    def _show(context: bpy.types.Context, timings: "list[device_test.Timing]") -> str:
        from ... import device_test

        advice = device_test.advice(timings)
        context.window_manager.blendshape_talker.devices = "\n".join([*map(str, timings), advice])
        return advice

    @staticmethod
    def _refused(context: bpy.types.Context, line: str) -> None:
        context.window_manager.blendshape_talker.devices = line


class CheckTorch(_InBackground, bpy.types.Operator):
    """Try the folder's PyTorch in a process of its own: right Python, a GPU, the same result as the bundled one"""

    bl_idname = "blendshape_talker.check_torch"
    bl_label = "Check"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        page = preferences(context)
        named = page is not None and page.torch_folder
        return allowed(cls, None if named else "name a folder first") and super().poll(context)

    def _arrived(self, context: bpy.types.Context) -> None:
        page = preferences(context)
        page.torch_found, page.torch_state = "", ""

    def _start(self, context: bpy.types.Context) -> Job[tuple[str, own_torch.Trial]]:
        folder = own_torch_folder(preferences(context))

        def work(progress: Progress, cancelled: CancelTest) -> tuple[str, own_torch.Trial]:
            return folder, own_torch.check(folder, progress, cancelled)

        return Job(work, "blendshape-talker-torch").start()

    @staticmethod
    def _show(context: bpy.types.Context, checked: tuple[str, own_torch.Trial]) -> str:
        folder, trial = checked
        page = preferences(context)
        if page is None or own_torch_folder(page) != folder:
            return "the folder was changed meanwhile; check it again"
        now = own_torch.use(folder)
        networks.forget()
        page.torch_found = own_torch.fingerprint(folder)
        page.torch_state = f"{trial}; {'in use' if now else 'in use from the next start of Blender'}"
        context.preferences.is_dirty = True
        return page.torch_state

    @staticmethod
    def _refused(context: bpy.types.Context, line: str) -> None:
        page: Any = preferences(context)
        if isinstance(page, TalkerPreferences):
            page.torch_state = line


def stop() -> None:
    """End what runs; Blender quits or the add-on is switched off."""
    while _watching:
        watch, job = _watching.popitem()
        job.cancel()
        if bpy.app.timers.is_registered(watch):
            bpy.app.timers.unregister(watch)
        state = getattr(bpy.context.window_manager, "blendshape_talker", None)
        if state is not None:  # Blender keeps it, and buttons would stay grey
            state.testing = ""


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


CLASSES = (TestDevices, CheckTorch)
