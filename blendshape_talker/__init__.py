"""Blendshape Talker: a recording and an emotion in, an animated FLAME head out.

As a Blender extension this module is the entry point; as a library start at :mod:`.pipeline`.
"""

import importlib.util
import os
import sys

from . import collector, own_torch

# PyTorch's OpenMP threads spin while they wait for each other. Where another program keeps a core busy, Blender itself
# for one, that made a bake ten times slower than threads that sleep. Read once, when PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


if os.environ.get(own_torch.VARIABLE):
    own_torch.use(os.environ[own_torch.VARIABLE])

# What the zip brings for one system and one Python; Blender leaves out wheels that do not fit it, without a word.
_LIBRARIES = {"torch": "torch", "soundfile": "soundfile", "cffi": "_cffi_backend", "soxr": "soxr"}


def register() -> None:
    """Called by Blender when the extension is enabled; loads no network and imports no torch.

    :class:`RuntimeError`, which Blender shows as one line, where the libraries are not there for Blender's Python.
    """
    missing = [name for name, module in _LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing and missing != ["torch"]:
        raise RuntimeError(_lack(missing))
    with collector.at_rest():
        from .blender import registration

        registration.register(_command_line)
    # the preferences, which can be read only now, may name a folder with PyTorch
    if missing and importlib.util.find_spec("torch") is None:
        registration.unregister()
        raise RuntimeError(_lack(missing))


def _lack(missing: "list[str]") -> str:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"Blendshape Talker finds no {', '.join(missing)} for Python {python} on {sys.platform}: install the zip "
        "that is made for this Blender and system, or give its Python these libraries"
    )


def unregister() -> None:
    """Called by Blender when the extension is disabled; takes back everything :func:`register` did."""
    from .blender import registration

    registration.unregister()


def _command_line(arguments: "list[str]") -> int:
    """``blender --command blendshape_talker …`` is the same command line as ``python -m blendshape_talker …``."""
    from .__main__ import main

    try:
        return main(arguments)
    except SystemExit as stop:  # argparse after --help or a wrong option; Blender wants a number
        return stop.code if isinstance(stop.code, int) else 1
