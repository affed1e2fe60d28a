"""The arrows: which module may import which, where bpy, torch and librosa stay, and no network anywhere."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "blendshape_talker"
BLENDER_MODULES = {"bpy", "mathutils", "bmesh", "gpu", "blf", "bl_math", "aud", "addon_utils", "bpy_extras", "imbuf"}
NETWORK_MODULES = {
    *("socket", "socketserver", "ssl", "asyncio", "urllib", "http", "ftplib", "smtplib", "poplib", "imaplib", "xmlrpc"),
    *("requests", "urllib3", "httpx", "aiohttp", "websockets", "pooch", "webbrowser", "huggingface_hub", "hub"),
}

# What any module may build on: they know nothing of the product.
GROUND = {"errors", "files", "checkpoint"}
# Each module or folder of the package, and what it may import besides the ground.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "checkpoint": set(),
    "console": set(),
    "job": set(),
    "audio": set(),
    "flame": set(),
    "safe_pickle": set(),
    "whisper": set(),
    "ply": set(),
    "fit": {"flame"},
    "meshes": {"flame", "safe_pickle", "ply", "fit"},
    "flame_model": {"flame", "safe_pickle"},
    "stream": {"audio", "whisper"},
    "speech": {"audio", "flame", "whisper", "stream"},
    "fusion": {"flame"},
    "expression": set(),
    "pipeline": {"audio", "flame", "speech", "fusion", "expression"},
    "blender": {"pipeline", "flame", "flame_model", "meshes", "expression", "job"},
    "training": {
        *("console", "audio", "flame", "safe_pickle", "whisper", "stream", "meshes", "flame_model", "speech"),
        *("fusion", "expression", "pipeline", "job"),
    },
    "__init__": {"blender", "__main__"},
    "__main__": {"console", "pipeline", "flame", "flame_model", "meshes", "blender", "training"},
}
# Only these open torch while they are imported: they are imported when a network is loaded, not before.
TORCH_AT_TOP = {"speech", "fusion", "whisper", "training"}


@dataclass(frozen=True)
class Import:
    """One imported name: ``module`` is a top-level foreign module, or a part of ours when ``own``."""

    module: str
    own: bool
    at_top: bool
    line: int


def imports_of(path: Path, package: Path) -> Iterator[Import]:
    """Every import of a file below ``package``; those under ``if TYPE_CHECKING`` run never and count for nothing."""
    depth = len(path.relative_to(package).parts) - 1

    def walk(node: ast.AST, at_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for alternative in child.orelse:
                    yield from walk(alternative, at_top)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    for part in alias.name.split(".") if "hub" in alias.name else alias.name.split(".")[:1]:
                        yield Import(part, False, at_top, child.lineno)
            elif isinstance(child, ast.ImportFrom):
                yield from imported_from(child, at_top)
            else:
                inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, at_top and not inner)

    def imported_from(node: ast.ImportFrom, at_top: bool) -> Iterator[Import]:
        parts = node.module.split(".") if node.module else []
        if node.level == 0:
            yield Import(parts[0], False, at_top, node.lineno)
        elif node.level == depth + 1:
            for name in parts[:1] or [alias.name for alias in node.names]:
                yield Import(name, True, at_top, node.lineno)
        elif node.level > depth + 1:
            yield Import("a module above the package", False, at_top, node.lineno)

    return walk(ast.parse(path.read_text(encoding="utf-8")), True)


def breaches(path: Path, package: Path) -> list[str]:
    """What a file does against the arrows, a line each."""
    place = path.relative_to(package)
    part = place.parts[0].removesuffix(".py")
    if part not in ARROWS:
        return [f"{place}: give {part} its arrows in tests/test_architecture.py"]
    found = []
    for item in imports_of(path, package):
        where = f"{place}:{item.line}"
        if item.own and item.module != part and item.module not in ARROWS[part] | GROUND:
            found.append(f"{where}: {part} must not import {item.module}")
        if item.own:
            continue
        if item.module in (PACKAGE.name, "a module above the package"):
            found.append(f"{where}: only relative imports inside the package")
        if item.module in BLENDER_MODULES and part != "blender":
            found.append(f"{where}: {item.module} outside blender/")
        if item.module == "librosa" and place != Path("audio.py"):
            found.append(f"{where}: librosa outside audio.py")
        if item.module == "torch" and item.at_top and part not in TORCH_AT_TOP:
            found.append(f"{where}: torch at module top makes Blender start slowly")
        if item.module in NETWORK_MODULES:
            found.append(f"{where}: {item.module} reaches for a network")
    return found


def test_the_package_keeps_its_arrows():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 10
    assert [line for file in files for line in breaches(file, PACKAGE)] == []


def test_the_arrows_have_no_cycle():
    order: list[str] = []
    remaining = {part: (targets | GROUND) - {part} for part, targets in ARROWS.items() if part not in GROUND}
    while remaining:
        free = [part for part, targets in remaining.items() if targets <= GROUND | set(order)]
        assert free, f"a cycle among {sorted(remaining)}"
        order += free
        for part in free:
            del remaining[part]
    assert order.index("audio") < order.index("pipeline") < order.index("blender")


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("speech.py", "from . import fusion", "speech must not import fusion"),
        ("fusion.py", "def f():\n    from .speech import SpeechModel", "fusion must not import speech"),
        ("training/evaluate.py", "from ..blender import animation", "training must not import blender"),
        ("pipeline.py", "from .meshes import read_mesh", "pipeline must not import meshes"),
        ("flame.py", "import bpy", "bpy outside blender/"),
        ("meshes.py", "from mathutils import Matrix", "mathutils outside blender/"),
        ("speech.py", "import librosa.filters", "librosa outside audio.py"),
        ("blender/operators.py", "import torch", "torch at module top"),
        ("pipeline.py", "try:\n    from torch import nn\nexcept ImportError:\n    nn = None", "torch at module top"),
        ("audio.py", "def load():\n    import urllib.request", "urllib reaches for a network"),
        ("training/corpus.py", "import torch.hub", "hub reaches for a network"),
        ("job.py", "from blendshape_talker import errors", "only relative imports"),
        ("blender/panels.py", "from ... import build", "only relative imports"),
        ("surprise.py", "", "give surprise its arrows"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, name: str, source: str, complaint: str):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    assert complaint in "\n".join(breaches(file, tmp_path))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("pipeline.py", "def load():\n    import torch\n    from .speech import SpeechModel"),
        ("blender/operators.py", "import bpy\nfrom . import panels\nfrom .. import pipeline\nfrom ..job import Job"),
        ("audio.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("training/losses.py", "import torch\nfrom ..fusion import FusionModel"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, name: str, source: str):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    assert breaches(file, tmp_path) == []


def test_the_command_line_starts_without_torch_librosa_and_bpy():
    check = (
        "import sys; from blendshape_talker.__main__ import build_parser; build_parser(); "
        "print(*sorted({'torch', 'librosa', 'bpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", check]
    finished = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120)
    assert (finished.returncode, finished.stdout.strip()) == (0, ""), finished.stderr
