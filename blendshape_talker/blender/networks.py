"""The networks of this Blender session: loaded once, and before the first bake where one is near.

Loading takes seconds, most of them PyTorch's import. It begins on a thread a moment after a head is picked, or when the
panel has been open for a while; Blender goes on meanwhile and is never waited for at its end for more than a moment.
"""

import threading
import time
from typing import TYPE_CHECKING

import bpy

from .. import devices
from ..errors import Cancelled
from ..job import Job, Progress
from .addon_page import chosen_device

if TYPE_CHECKING:
    from .. import pipeline

_PICKED_SECONDS = 1.0
_OPEN_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0  # for PyTorch's import to end where Blender is quit in the middle of it

_lock = threading.Lock()
_talkers: "dict[str, pipeline.Talker]" = {}
_expressions: "list[pipeline.Expressions]" = []
_loading: Job[None] | None = None
_first_seen: float | None = None


def talker(device: str) -> "pipeline.Talker":
    """The networks on ``device``, loaded if they are not; any thread may ask. :class:`TalkerError`.

    On the CPU where there is no such device, for instance because the folder with PyTorch for it is not checked yet:
    the first animation has a warning then.
    """
    from .. import pipeline  # with all that hears: enabling the add-on goes without

    with _lock:
        if device not in _talkers:
            _talkers.clear()
            there = device == "auto" or devices.available()[device]
            loaded = pipeline.Talker.load(device if there else "cpu")
            if not there:
                loaded.networks.fallback = f"no {device} device works here, so the CPU ran; see the preferences"
            _talkers[device] = loaded
        return _talkers[device]


def found() -> str:
    """What the networks run on, by its maker's name, once they are loaded; empty before."""
    loaded = next(iter(_talkers.values()), None)
    return str(devices.describe(loaded.networks.device)) if loaded is not None else ""


def expressions(device: str) -> "pipeline.Expressions":
    """What makes an emotion's weights: a part of the networks where they are loaded, else alone, on the CPU."""
    from .. import pipeline

    with _lock:
        loaded = _talkers[device].networks if device in _talkers else None
        if loaded is not None and loaded.device == "cpu":
            return pipeline.Expressions(loaded.fusion_model, loaded.library)
        if not _expressions:
            _expressions.append(pipeline.Expressions.load("cpu"))
        return _expressions[0]


def ready(device: str) -> bool:
    """Whether :func:`talker` answers at once."""
    return device in _talkers


def forget() -> None:
    """Let the next :func:`talker` load again, for instance because another PyTorch was chosen."""
    with _lock:
        _talkers.clear()
        _expressions.clear()


def expect_bake(picked: bool) -> None:
    """The panel is drawn, ``picked``: with a head. Begins to load when a bake is near; cheap, for every redraw."""
    global _first_seen
    now = time.monotonic()
    _first_seen = now if _first_seen is None else _first_seen
    if bpy.app.background or _loading is not None or not (picked or now - _first_seen > _OPEN_SECONDS):
        return
    if not bpy.app.timers.is_registered(begin):
        bpy.app.timers.register(begin, first_interval=_PICKED_SECONDS)


def begin() -> None:
    """Once, from Blender's timer: the preferences are read here, in the main thread."""
    global _loading
    if _loading is None:
        device = chosen_device(bpy.context)
        _loading = Job(lambda progress, cancelled: _load(device, progress, cancelled), "blendshape-talker-load").start()


def _load(device: str, _progress: Progress, cancelled) -> None:
    devices.available()
    if not cancelled():
        loaded = talker(device)
        if not cancelled():
            loaded.warm_up()
    if cancelled():
        raise Cancelled


def stop() -> None:
    """Blender quits or the add-on is switched off: a thread that imports PyTorch must not outlive Python."""
    global _loading, _first_seen
    if bpy.app.timers.is_registered(begin):
        bpy.app.timers.unregister(begin)
    if _loading is not None:
        _loading.cancel()
        _loading.wait(_PATIENCE_SECONDS)
    _loading = _first_seen = None
