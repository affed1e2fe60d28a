"""The extension's zips: one for each platform and Python, one without wheels, and a repository of them all."""

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

from . import contents, notice
from .common import (
    ENVIRONMENT,
    MAIN_BLENDERS,
    MANIFEST,
    PACKAGE,
    PYTHON,
    ROOT,
    BuildError,
    find_python,
    last_line,
    run_quietly,
    say,
)
from .environment import python_of, site_packages
from .wheels import PLATFORMS, PYTHONS, Target, gather_wheels, host_platform, slim

# The Blenders of each Python: 5.1 came with 3.13. The upper bound is Blender's first version that is too new.
FIRST_BLENDER = {"3.11": "4.2.0", "3.13": "5.1.0"}
TOO_NEW_BLENDER = {"3.11": "5.1.0"}
LARGEST_MB = {"linux-x64": 210, "windows-x64": 140, "macos-arm64": 130}  # a zip may have

# Runs in the zip's Python: compiled modules of a wheel. Unchecked, because the installer gives files new times.
COMPILE = """
import importlib._bootstrap_external as bootstrap, importlib.util, sys, zipfile
wheel, out = sys.argv[1:]
names = sys.stdin.read().split()
with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w") as target:
    for name in names:
        text = source.read(name)
        code = compile(text, name, "exec", dont_inherit=True)
        compiled = bootstrap._code_to_hash_pyc(code, importlib.util.source_hash(text), checked=False)
        target.writestr(importlib.util.cache_from_source(name), compiled)
"""


def package(
    folder: Path,
    platform: str | None = None,
    python: str | None = None,
    torch_wheels: Path | None = None,
) -> list[Path]:
    """The zips for a platform (this machine's) and a Python (all); what cannot be had of several is said, not fatal."""
    wanted = [Target(platform or host_platform(), version) for version in ([python] if python else PYTHONS)]
    return build_all(wanted, folder, torch_wheels)


def build_all(wanted: list[Target], folder: Path, torch_wheels: Path | None = None) -> list[Path]:
    """A zip for each target; one that lacks a wheel is left out with a line, unless nothing is left."""
    zips = []
    problems = []
    for target in wanted:
        try:
            zips.append(build_extension(target, folder, torch_wheels))
        except BuildError as error:
            problems.append(str(error))
    if not zips:
        raise BuildError(problems[0])
    for problem in problems:
        say(f"left out: {problem}")
    return zips


def build_extension(
    target: Target | None, folder: Path, torch_wheels: Path | None = None, without: tuple[str, ...] = ()
) -> Path:
    """Build and validate the extension's zip in ``folder``; ``target`` None leaves out the wheels, for any platform.

    without: names of wheels to leave out, for a Blender whose Python has them.
    """
    manifest = MANIFEST.read_text(encoding="utf-8")
    values = tomllib.loads(manifest)
    zipped = folder / f"{values['id']}-{values['version']}-{target.suffix if target else 'no_wheels'}.zip"
    wheels = gather_wheels(target, torch_wheels, without) if target else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"building {zipped.name}")
    with tempfile.TemporaryDirectory(prefix="stage_", dir=folder) as stage_name:
        stage = Path(stage_name) / values["id"]
        shutil.copytree(PACKAGE, stage, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp", "training"))
        shutil.copy(ROOT / "LICENSE", stage)
        (stage / "wheels").mkdir()
        if target:
            reached = contents.check_contents(wheels, target, set(without))
            for wheel in wheels:
                slim(wheel, stage / "wheels", compiled_modules(wheel, reached, target))
            manifest = manifest_for(manifest, target, [wheel.name for wheel in wheels])
        (stage / "NOTICE").write_text(notice.text(wheels), encoding="utf-8")
        (stage / MANIFEST.name).write_text(manifest, encoding="utf-8")
        built = Path(stage_name) / zipped.name
        blender_extension_tool("build", "--source-dir", str(stage), "--output-filepath", str(built))
        blender_extension_tool("validate", str(built))
        size = built.stat().st_size / 1e6
        if target and size > LARGEST_MB[target.platform]:
            say(f"{zipped.name} has {size:.0f} MB, over the {LARGEST_MB[target.platform]} that it should keep below")
        os.replace(built, zipped)
    return zipped


def manifest_for(manifest: str, target: Target, wheels: list[str]) -> str:
    """The manifest with the platform, the Blenders and the wheels of a target."""
    manifest = re.sub(
        r'(?m)^blender_version_min = ".*"$', f'blender_version_min = "{FIRST_BLENDER[target.python]}"', manifest
    )
    head = f'platforms = ["{target.platform}"]\n'
    if target.python in TOO_NEW_BLENDER:
        head += f'blender_version_max = "{TOO_NEW_BLENDER[target.python]}"\n'
    return head + "wheels = [\n" + "".join(f'    "./wheels/{wheel}",\n' for wheel in wheels) + "]\n" + manifest


def compiled_modules(wheel: Path, reached: contents.Reach, target: Target) -> dict[str, bytes]:
    """The modules of a wheel that a bake loads, compiled, so that the first bake need not do it.

    Nothing where the target's Python is not on this machine: then Blender compiles them in the first bake.
    """
    sources = sorted(module.file for module in reached.modules.values() if module.wheel == wheel.name and module.source)
    interpreter = find_python(target.python)
    if not sources or any(".data/" in file for file in sources):
        return {}
    if interpreter is None:
        say(f"no Python {target.python} here to compile {wheel.name}: its first bake will take seconds longer")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compiled.zip"
        command = [*map(str, (interpreter, "-W", "ignore", "-c", COMPILE, wheel, out))]
        finished = subprocess.run(command, input="\n".join(sources), capture_output=True, text=True, cwd=folder)
        if finished.returncode:
            raise BuildError(f"{wheel.name} cannot be compiled for Python {target.python}: {last_line(finished)}")
        with zipfile.ZipFile(out) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def make_index(folder: Path, torch_wheels: Path | None = None) -> list[Path]:
    """Every zip that can be built and Blender's ``index.json`` beside them: a repository to serve as it lies there."""
    wanted = [Target(platform, python) for platform in PLATFORMS for python in PYTHONS]
    zips = build_all(wanted, folder, torch_wheels)
    write_index(folder, zips)
    return zips


def write_index(folder: Path, zips: list[Path]) -> None:
    """Blender's own list of ``zips`` in a folder, for programs (``index.json``) and for people (``index.html``).

    Other zips that lie there, of older versions or without wheels, are not listed.
    """
    with tempfile.TemporaryDirectory(prefix="index_", dir=folder) as stage:
        for file in zips:
            try:
                os.link(file, Path(stage) / file.name)
            except OSError:  # a file system without hard links
                shutil.copy(file, stage)
        blender_extension_tool("server-generate", "--repo-dir", stage, "--html")
        for name in ("index.json", "index.html"):
            os.replace(Path(stage) / name, folder / name)


def blender_extension_tool(*arguments: str) -> None:
    """Blender's own command for extensions, which every bpy carries."""
    scripts = site_packages(ENVIRONMENT) / "bpy" / MAIN_BLENDERS[PYTHON] / "scripts"
    tool = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    finished = run_quietly([python_of(ENVIRONMENT), tool, *arguments])
    if finished.returncode:
        raise BuildError(f"Blender's tool refuses to {arguments[0]} the extension: {last_line(finished)}")
