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

# What training, evaluation and tests use; the extension's zip goes without them.
TRAINING_MODULES = {"librosa", "scipy", "numba", "matplotlib", "sklearn", "trimesh", "pocketsphinx"}

# What any module may build on: they know nothing of the product.
GROUND = {"collector", "errors", "files", "npz", "checkpoint", "job", "console", "devices"}
# Each folder of the package, and each file that lies in none, with what it may import besides the ground.
ARROWS: dict[str, set[str]] = {
    "collector": set(),
    "errors": set(),
    "files": {"errors"},
    "npz": set(),
    "checkpoint": {"errors", "files", "npz"},
    "job": {"errors"},
    "console": {"files"},
    "devices": {"collector", "errors"},
    "face": set(),
    "speech": {"face"},
    "expression": {"face"},
    "fusion": {"face"},
    "curves": {"face", "speech", "expression"},
    "animation": {"face", "expression"},
    "settings": {"expression"},
    "networks": {"speech", "expression", "fusion"},
    "listener": {"speech", "expression", "settings", "networks"},
    "pipeline": {
        *("face", "speech", "expression", "fusion", "animation", "settings"),
        *("networks", "listener"),
    },
    "blender/languages": set(),
    "blender/lines": {"face", "expression", "blender/languages"},
    "own_torch": set(),
    "device_test": {"speech", "animation", "pipeline"},
    "blender": {
        *("face", "speech", "expression", "curves", "animation", "settings", "pipeline", "blender/lines"),
        *("device_test", "own_torch", "blender/languages"),
    },
    "training/geometry": {"face"},
    "training/plots": {"face", "training/geometry"},
    "training/corpus": {"face", "expression", "training/geometry"},
    "training/speech": {"face", "speech", "expression", "training/corpus"},
    "training/fusion": {
        *("face", "speech", "expression", "fusion"),
        *("training/geometry", "training/corpus", "training/speech", "training/plots"),
    },
    "training": {
        *("face", "speech", "expression", "fusion", "pipeline"),
        *("training/geometry", "training/corpus", "training/speech", "training/fusion", "training/plots"),
    },
    "training/commands": {
        *("face", "speech", "expression", "fusion", "pipeline", "training"),
        *("training/geometry", "training/corpus", "training/speech", "training/fusion", "training/plots"),
    },
    "__init__": {"blender", "__main__", "own_torch"},
    "__main__": {
        *("animation", "settings", "pipeline", "face", "speech", "expression"),
        *("blender", "training/commands"),
    },
}
# Only these open torch while they are imported: they are imported when a network is loaded, not before.
TORCH_AT_TOP = {"speech/model", "speech/network", "speech/whisper", "speech/stream", "fusion"}


@dataclass(frozen=True)
class Import:
    """One import: ``target`` is a top-level foreign module, or the path of a file or folder of ours when ``own``."""

    target: str
    own: bool
    at_top: bool
    line: int


def imports_of(path: Path, package: Path) -> Iterator[Import]:
    """Every import of a file below ``package``; those under ``if TYPE_CHECKING`` run never and count for nothing."""
    folders = path.relative_to(package).parts[:-1]

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
        parts = tuple(node.module.split(".")) if node.module else ()
        if node.level == 0:
            yield Import(parts[0], False, at_top, node.lineno)
        elif node.level > len(folders) + 1:
            yield Import("a module above the package", False, at_top, node.lineno)
        else:
            base = folders[: len(folders) - node.level + 1] + parts
            for alias in node.names:
                yield Import(module_path("/".join((*base, alias.name))), True, at_top, node.lineno)

    def module_path(name: str) -> str:
        """``fusion/KIND`` is the module ``fusion``; ``blender/panels`` a module of its own."""
        if (package / f"{name}.py").is_file() or (package / name).is_dir():
            return name
        holder = name.rpartition("/")[0]
        return holder if (package / f"{holder}.py").is_file() else name

    return walk(ast.parse(path.read_text(encoding="utf-8")), True)


def room(module: str) -> str:
    """The folder whose arrows count for a module's path: ``training/speech/data`` lies in ``training/speech``."""
    parts = module.split("/")
    deepest = "/".join(parts[:2])
    return deepest if deepest in ARROWS else parts[0]


def breaches(path: Path, package: Path) -> list[str]:
    """What a file does against the arrows, a line each."""
    place = path.relative_to(package)
    module = place.with_suffix("").as_posix()
    part = room(module)
    if part not in ARROWS or (len(place.parts) > 2 and place.parts[0] == "training" and part == "training"):
        return [f"{place}: give {module.rpartition('/')[0] or module} its arrows in tests/test_architecture.py"]
    found = []
    for item in imports_of(path, package):
        where = f"{place}:{item.line}"
        if item.own and room(item.target) != part and room(item.target) not in ARROWS[part] | GROUND:
            found.append(f"{where}: {part} must not import {room(item.target)}")
        if item.own and part in GROUND and room(item.target) not in ARROWS[part]:
            found.append(f"{where}: {part} must not import {room(item.target)}")
        if item.own:
            continue
        if item.target in (PACKAGE.name, "a module above the package"):
            found.append(f"{where}: only relative imports inside the package")
        if item.target in BLENDER_MODULES and place.parts[0] != "blender":
            found.append(f"{where}: {item.target} outside blender/")
        if item.target in TRAINING_MODULES and not part.startswith("training"):
            found.append(f"{where}: {item.target} outside training/; it is not in the zip")
        if item.target == "torch" and item.at_top and not part.startswith("training") and module not in TORCH_AT_TOP:
            found.append(f"{where}: torch at module top makes Blender start slowly")
        if item.target in NETWORK_MODULES:
            found.append(f"{where}: {item.target} reaches for a network")
    return found


def module_graph(package: Path) -> dict[str, set[str]]:
    """Each module's path with the modules of ours that it imports, also inside functions."""
    graph = {}
    for path in package.rglob("*.py"):
        module = path.relative_to(package).with_suffix("").as_posix()
        graph[module] = {item.target for item in imports_of(path, package) if item.own} - {module}
    return graph


def circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules that import each other, directly or in a circle."""
    remaining = {module: {target for target in targets if target in graph} for module, targets in graph.items()}
    while True:
        free = {module for module, targets in remaining.items() if not targets}
        if not free:
            return sorted(remaining)
        remaining = {module: targets - free for module, targets in remaining.items() if module not in free}


def test_the_package_keeps_its_arrows():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 10
    assert [line for file in files for line in breaches(file, PACKAGE)] == []


def test_the_arrows_have_no_cycle():
    assert circles({part: targets - {part} for part, targets in ARROWS.items()}) == []


def test_no_files_import_each_other():
    # the entry points: the package registers Blender's side, which calls the command line, which calls Blender's side
    graph = {module: targets for module, targets in module_graph(PACKAGE).items() if module != "__init__"}
    assert len(graph) > 60
    assert circles(graph) == []


def test_a_circle_is_found(tmp_path: Path):
    for name, source in {
        "a": "from . import b",
        "b": "def f():\n    from .c import g",
        "c": "from .a import f",
        "d": "from . import a",
    }.items():
        (tmp_path / f"{name}.py").write_text(source)
    assert circles(module_graph(tmp_path)) == ["a", "b", "c", "d"]
    (tmp_path / "b.py").write_text("")
    assert circles(module_graph(tmp_path)) == []


def test_each_folder_says_what_lives_there():
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent == PACKAGE:
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1 and ast.get_docstring(ast.Module(body, [])), f"{path}: one sentence, nothing else"
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert all((folder / "__init__.py").is_file() for folder in folders)


def test_tests_mirror_the_folders():
    tests = Path(__file__).parent
    for path in tests.rglob("test_*.py"):
        folder = path.parent.relative_to(tests)
        assert (PACKAGE / folder).is_dir(), f"{path}: no folder {folder} in the package"
    for folder in ARROWS:
        if (PACKAGE / folder).is_dir():
            assert list((tests / folder).glob("test_*.py")), f"tests/{folder}: the tests of {folder} belong there"


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("speech/network.py", "from .. import fusion", "speech must not import fusion"),
        ("fusion.py", "def f():\n    from .speech.model import SpeechModel", "fusion must not import speech"),
        ("training/evaluate.py", "from ..blender import animation", "training must not import blender"),
        (
            "training/corpus/people.py",
            "from ..speech.data import prepare",
            "training/corpus must not import training/speech",
        ),
        (
            "training/speech/data.py",
            "from ..fusion.train import fit",
            "training/speech must not import training/fusion",
        ),
        ("errors.py", "from .files import whole_file", "errors must not import files"),
        ("face/ply.py", "from ..pipeline import Talker", "face must not import pipeline"),
        ("blender/lines/write.py", "from ..panels import TalkerPanel", "blender/lines must not import blender"),
        ("pipeline.py", "from .blender import bake", "pipeline must not import blender"),
        ("face/flame.py", "import bpy", "bpy outside blender/"),
        ("face/meshes.py", "from mathutils import Matrix", "mathutils outside blender/"),
        ("speech/network.py", "import librosa.filters", "librosa outside training/"),
        ("face/fit.py", "def fit():\n    from scipy.spatial import KDTree", "scipy outside training/"),
        ("blender/operators.py", "import torch", "torch at module top"),
        ("pipeline.py", "try:\n    from torch import nn\nexcept ImportError:\n    nn = None", "torch at module top"),
        ("speech/audio.py", "def load():\n    import urllib.request", "urllib reaches for a network"),
        ("training/corpus/hub.py", "import torch.hub", "hub reaches for a network"),
        ("job.py", "from blendshape_talker import errors", "only relative imports"),
        ("blender/panels.py", "from ... import build", "only relative imports"),
        ("surprise.py", "", "give surprise its arrows"),
        ("training/surprise/new.py", "", "give training/surprise its arrows"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, name: str, source: str, complaint: str):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    assert complaint in "\n".join(breaches(file, tmp_path))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("pipeline.py", "def load():\n    import torch\n    from .speech.model import SpeechModel"),
        ("blender/operators.py", "import bpy\nfrom . import panels\nfrom .. import pipeline\nfrom ..job import Job"),
        ("blender/lines/write.py", "import bpy\nfrom . import actions\nfrom ...face.flame import load_head"),
        ("blender/bake.py", "from .lines import write"),
        ("speech/audio.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch"),
        ("training/fusion/losses.py", "import torch\nfrom ...fusion import FusionModel"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, name: str, source: str):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
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
