"""A PyTorch that the user installed in a folder, for a GPU that the bundled one cannot use.

Nothing of the folder is imported before :func:`check` has tried it in a process of its own. Only PyTorch is taken from
it; numpy and all else stay Blender's.
"""

import importlib.machinery
import importlib.util
import json
import logging
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import devices
from .errors import Cancelled, TalkerError
from .job import CancelTest, Progress

logger = logging.getLogger(__name__)

VARIABLE = "BLENDSHAPE_TALKER_TORCH"
OLDEST = (2, 3)
_OURS = ("torch", "torchgen", "functorch", "nvidia", "triton")
_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
_SECONDS = 300.0

# Runs in another process: argv is the folder or nothing, the package's name, a file to write, and sys.path as JSON.
_TRIAL = """
import importlib, json, sys
folder, name, out, path = sys.argv[1:]
sys.path[:] = json.loads(path)
parts = ("own_torch", "devices", "pipeline", "checkpoint")
own_torch, devices, pipeline, checkpoint = (importlib.import_module(f"{name}.{part}") for part in parts)
own_torch.use(folder)
import torch
device = devices.choose_device("auto" if folder else "cpu")
talker = pipeline.Talker.load(device)
animation = talker.animate(checkpoint.ASSETS / "demo_speech.flac", "happy", fps=5)
animation.save(out, displacements=True)
built = next((f"{kind} {number}" for kind, number in
    (("CUDA", torch.version.cuda), ("ROCm", getattr(torch.version, "hip", None))) if number), "")
about = {"file": torch.__file__, "version": torch.__version__, "built": built, "device": device}
about |= {"stayed": talker.networks.device == device, "warnings": animation.warnings}
about |= {"label": str(devices.describe(device))}
print("\\n" + json.dumps(about))
"""


@dataclass(frozen=True)
class Trial:
    """What a folder's PyTorch did: its version, the device it found, and how far it is from ours in mm, None where we
    have none to compare with."""

    version: str
    device: str
    label: str
    difference_mm: float | None

    def __str__(self) -> str:
        agrees = "" if self.difference_mm is None else f", within {max(self.difference_mm, 1e-6):.0e} mm of the CPU's"
        return f"PyTorch {self.version} on {self.label}{agrees}"


class _Finder:
    """Finds PyTorch, and what belongs to it, in one folder before any other place."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if path is None and name in _OURS:
            return importlib.machinery.PathFinder.find_spec(name, [self.folder])
        return None


def use(folder: str | os.PathLike[str]) -> bool:
    """Import PyTorch from ``folder`` from now on, "" for the bundled one; False where another is loaded already."""
    folder = os.fspath(folder)
    for finder in [finder for finder in sys.meta_path if isinstance(finder, _Finder)]:
        sys.meta_path.remove(finder)
        if finder.folder in sys.path:
            sys.path.remove(finder.folder)
    if folder:
        sys.meta_path.insert(0, _Finder(folder))
        sys.path.append(folder)  # what PyTorch needs besides and the extension does not bring
        importlib.invalidate_caches()
    loaded = sys.modules.get("torch")
    return loaded is None or not folder or _lies_in(loaded.__file__, folder)


def version_in_use() -> str:
    """The version of the folder that :func:`use` was given; empty without one."""
    folders = [finder.folder for finder in sys.meta_path if isinstance(finder, _Finder)]
    return _version(folders[0]) if folders else ""


def _version(folder: str | os.PathLike[str]) -> str:
    """What the folder's PyTorch says it is, read as text; empty where there is none."""
    try:
        text = (Path(folder) / "torch" / "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"""__version__ = ['"]([^'"]+)""", text)
    return found[1] if found else ""


def _lies_in(file: str | None, folder: str) -> bool:
    return bool(folder and file) and Path(folder) in Path(str(file)).parents


def fingerprint(folder: str | os.PathLike[str]) -> str:
    """What :func:`check` found good stays good while this stays the same: folder, its PyTorch, this Python; or ""."""
    version = _version(folder)
    return f"{Path(folder)} {version} {_PYTHON} {sys.platform}" if version else ""


def check(
    folder: str | os.PathLike[str],
    progress: Progress | None = None,
    cancelled: CancelTest | None = None,
    needs_gpu: bool = True,
) -> Trial:
    """Let the folder's PyTorch animate the demo recording in a process of its own, and compare with ours.

    :class:`TalkerError` in one line where the folder holds none, one for another Python, one that does not load, finds
    no GPU, fails on it, or differs by more than 1e-3 mm.
    """
    import tempfile

    import numpy as np

    report = progress or (lambda fraction, message: None)
    folder = Path(folder)
    _read(folder)
    with tempfile.TemporaryDirectory() as work:
        report(0.1, "trying the folder's PyTorch")
        about = _try(str(folder), Path(work) / "theirs.npz", cancelled)
        if not _lies_in(about["file"], str(folder.resolve())) and not _lies_in(about["file"], str(folder)):
            raise TalkerError(f"{folder}: Python took PyTorch from {about['file']} instead; choose another folder")
        if needs_gpu and about["device"] == "cpu":
            reason = f"finds no GPU for {about['built']}; update its driver" if about["built"] else "is a CPU build"
            raise TalkerError(f"{folder}: PyTorch {about['version']} {reason}, or leave the folder empty")
        if not about["stayed"]:
            raise TalkerError(f"{folder}: {'; '.join(about['warnings'])}; leave the folder empty")
        report(0.6, "comparing with the bundled PyTorch")
        difference = None
        if _bundled():
            _try("", Path(work) / "ours.npz", cancelled)
            theirs, ours = (np.load(Path(work) / f"{name}.npz", allow_pickle=False) for name in ("theirs", "ours"))
            with theirs, ours:
                difference = 1e3 * float(np.abs(theirs["displacements"] - ours["displacements"]).max())
            if not difference <= devices.AGREE_MM:
                raise TalkerError(f"{folder}: its result differs from the bundled PyTorch's by {difference:.3g} mm")
    report(1.0, "checked")
    return Trial(about["version"], about["device"], about["label"], difference)


def _read(folder: Path) -> None:
    """:class:`TalkerError` for what can be seen without running anything."""
    version = _version(folder)
    if not version:
        raise TalkerError(f"{folder}: holds no PyTorch; fill it with: python{_PYTHON} -m pip install --target … torch")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise TalkerError(f"{folder}: PyTorch {version} is too old; {'.'.join(map(str, OLDEST))} or later is needed")
    libraries = " ".join(path.name for path in (folder / "torch").glob("_C.*"))
    built = re.findall(r"c(?:python-|p)3(\d+)", libraries)
    if built and str(sys.version_info[1]) not in built:
        raise TalkerError(
            f"{folder}: its PyTorch is for Python 3.{built[0]}, this Blender runs {_PYTHON}; "
            f"install it with python{_PYTHON}"
        )


def _bundled() -> bool:
    """Whether there is a PyTorch besides the folder's."""
    return importlib.machinery.PathFinder.find_spec("torch", _path()) is not None


def _path() -> list[str]:
    """Where Python looks for modules, without a folder in use."""
    folders = {finder.folder for finder in sys.meta_path if isinstance(finder, _Finder)}
    return [place for place in sys.path if place not in folders]


def _try(folder: str, out: Path, cancelled: CancelTest | None) -> dict[str, Any]:
    import subprocess

    package = Path(__file__).resolve().parent
    path = json.dumps([str(package.parent), *_path()])
    command = [sys.executable, "-c", _TRIAL, folder, package.name, str(out), path]
    environment = {name: value for name, value in os.environ.items() if name not in (VARIABLE, "PYTHONPATH")}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", env=environment,
    ) as process:  # fmt: skip
        waited = 0.0
        while True:
            try:
                printed, said = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                waited += 0.2
                stopped = cancelled is not None and cancelled()
                if stopped or waited > _SECONDS:
                    process.kill()
                    if stopped:
                        raise Cancelled from None
                    raise TalkerError(f"{folder or 'PyTorch'}: no answer after {_SECONDS:g} s") from None
    if process.returncode:
        logger.info("%s", said)
        reason = (said.strip().splitlines() or [f"status {process.returncode}"])[-1]
        raise TalkerError(f"{folder or 'the bundled PyTorch'}: does not run ({reason[:200]})")
    about: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return about
