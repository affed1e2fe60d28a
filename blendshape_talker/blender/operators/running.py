"""Buttons whose work takes a while: a job on a thread while the interface lives, Esc stops it, then one write."""

from typing import Any

import bpy

from ...errors import Cancelled
from ...job import Job
from ..lines.draft import remove_leftovers
from .common import redraw, reported

_POLL_SECONDS = 0.1
_SLICE_SECONDS = 0.06  # of writing, between which Blender draws and hears Esc


_shown: "dict[Job, bpy.types.Timer]" = {}  # what runs while the interface lives


def stop() -> None:
    """The add-on is switched off: Blender forgets its operators then, without a word to them."""
    if not _shown:
        return
    manager = bpy.context.window_manager
    while _shown:
        job, timer = _shown.popitem()
        job.cancel()
        manager.event_timer_remove(timer)
    manager.blendshape_talker.running = False  # Blender keeps it, and would have it true when switched on again
    remove_leftovers()


class Running:
    """What such an operator is besides: it says what to do in :meth:`_begin` and what becomes of it in :meth:`_end`.

    Both may raise :class:`TalkerError`; only :meth:`_end` may write what can be seen. What takes long before that goes
    into :meth:`_write_ahead`.
    """

    def _begin(self, context: bpy.types.Context) -> Job:
        """Read Blender's data and start the job."""
        raise NotImplementedError

    def _end(self, context: bpy.types.Context, result: Any, shown: bool) -> None:
        """Write the job's ``result`` and report; ``shown`` in front of a person, who may be shown where to look."""
        raise NotImplementedError

    def _write_ahead(self, context: bpy.types.Context, result: Any, seconds: float) -> float:
        """Prepare :meth:`_end` for about ``seconds``, again and again until the share that is done, 0 … 1, is 1."""
        return 1.0

    def _undo_ahead(self) -> None:
        """Take back what :meth:`_write_ahead` did, when nothing comes of it."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run to the end without showing anything: for scripts and the background."""
        outcome: set[str] = set()
        with reported(self, outcome):
            self._end(context, self._begin(context).result(), False)
        return outcome

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Run on a thread while the interface stays alive."""
        outcome: set[str] = set()
        with reported(self, outcome):
            self._running = self._begin(context)
        if "CANCELLED" in outcome:
            return outcome
        state = context.window_manager.blendshape_talker
        state.running, state.cancel, state.fraction, state.message = True, False, 0.0, "starting"
        self._timer = context.window_manager.event_timer_add(_POLL_SECONDS, window=context.window)
        _shown[self._running] = self._timer
        context.window_manager.modal_handler_add(self)
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show how far the job is; when it has ended, end."""
        state = context.window_manager.blendshape_talker
        if event.type == "ESC" and event.value == "PRESS":
            state.cancel = True
        if state.cancel:
            self._running.cancel()
            state.message = "stopping"
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if not self._running.done:
            if not state.cancel:
                state.fraction, state.message = self._running.progress
            redraw(context)
            return {"PASS_THROUGH"}
        outcome: set[str] = set()
        try:
            with reported(self, outcome):
                if not self._ready(context):
                    return {"PASS_THROUGH"}
        except Exception:
            self._stop_showing(context)
            raise
        self._stop_showing(context)
        if "CANCELLED" not in outcome:
            outcome.clear()
            with reported(self, outcome):
                self._end(context, self._running.result(), True)
        if "CANCELLED" in outcome:
            self._undo_ahead()
        return outcome

    def _ready(self, context: bpy.types.Context) -> bool:
        """Go on with what is written beforehand and show how far that is; True when nothing of it is left."""
        state, result = context.window_manager.blendshape_talker, self._running.result()
        if state.cancel:
            raise Cancelled
        share = self._write_ahead(context, result, _SLICE_SECONDS)
        done, state.message = self._running.progress
        state.fraction = done + (1.0 - done) * share
        redraw(context)
        return share >= 1.0

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself, for instance because another file is opened."""
        self._running.cancel()
        self._stop_showing(context)

    def _stop_showing(self, context: bpy.types.Context) -> None:
        _shown.pop(self._running, None)
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.blendshape_talker.running = False
        redraw(context)
        # panels that changed their height find their places only in a later redraw, on a slow machine a much later one
        for seconds in (0.3, 1.0, 3.0):
            bpy.app.timers.register(lambda: redraw(bpy.context), first_interval=seconds)
