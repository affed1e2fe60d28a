"""The extension's zip: what is in it, and that it works in a Blender that has nothing but its own numpy."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from tasks import common, contents, environment, package
from tasks.wheels import Target, host_platform

# Runs inside the bare Blender: install, enable, bake the bundled recording through the command line's code, look at it.
SCRIPT = """
import importlib.util, json, socket, sys
import bpy, addon_utils
from pathlib import Path

def refuse(*arguments):
    raise AssertionError("the extension reached for a network")

socket.socket.connect = socket.getaddrinfo = refuse
zipped, blend, module = sys.argv[1:]
foreign = [name for name in ("torch", "librosa", "scipy", "soundfile", "sympy") if importlib.util.find_spec(name)]
bpy.ops.extensions.package_install_files(filepath=zipped, repo="user_default", enable_on_install=True)
enabled = addon_utils.check(module)
heavy = sorted({"torch", "soundfile", "soxr"} & set(sys.modules))
package = importlib.import_module(module)
command = importlib.import_module(module + ".__main__")
recording = str(Path(package.__file__).parent / "assets" / "demo_speech.flac")
status = command.main(["bake", recording, "--emotion", "happy", "--out", blend])
torch = sys.modules.get("torch")
imported = sorted(name for name, item in sys.modules.items() if getattr(item, "__file__", None))
bpy.ops.wm.open_mainfile(filepath=blend)
keyed = [mesh.shape_keys for mesh in bpy.data.meshes if mesh.shape_keys]  # the head and its mouth
values = []
for frame in (bpy.context.scene.frame_start, (bpy.context.scene.frame_start + bpy.context.scene.frame_end) // 2):
    bpy.context.scene.frame_set(frame)
    values.append([block.value for block in keyed[0].key_blocks])
addon_utils.disable(module, default_set=True)
print("RESULT", json.dumps({
    "before": foreign, "enabled": enabled, "heavy": heavy, "status": status, "torch": torch and torch.__file__,
    "numpy": sys.modules["numpy"].__file__, "keyed": len(keyed), "keys": len(keyed[0].key_blocks), "values": values,
    "disabled": addon_utils.check(module)[1], "imported": imported,
    "frames": bpy.context.scene.frame_end - bpy.context.scene.frame_start,
}))
"""


@dataclass(frozen=True)
class Packed:
    """A zip, and what it was built for; ``whole`` unless the machine has no torch for its Python to put in."""

    path: Path
    target: Target
    whole: bool


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Iterator[Callable[[str], Packed]]:
    """The zip for this platform and a Python, built as ``build.py package`` does, once."""
    folder = tmp_path_factory.mktemp("dist")

    @cache
    def build_one(python: str) -> Packed:
        target = Target(host_platform(), python)
        try:
            return Packed(package.build_extension(target, folder), target, True)
        except common.BuildError as problem:
            assert "--torch-wheels" in str(problem)
            return Packed(package.build_extension(target, folder, without=("torch",)), target, False)

    yield build_one
    shutil.rmtree(folder)


def blender_or_skip(version: str) -> environment.Blender:
    try:
        return environment.prepare_blender(version)
    except environment.Unavailable as problem:
        pytest.skip(f"Blender {version}: {problem}")


def bare_blender(blender: environment.Blender, folder: Path) -> environment.Blender:
    """An environment in ``folder`` that sees a Blender and its numpy, and nothing else (Debian's torch in its root)."""
    see_through = ["--system-site-packages"] if blender.root else []
    subprocess.run(blender.command("-m", "venv", "--without-pip", *see_through, folder), check=True)
    source = environment.site_packages(blender.environment, blender.python)
    seen_from_here = blender.root.folder / source.relative_to("/") if blender.root else source
    for name in ("bpy", "numpy", "numpy.libs", "attr", "attrs", "cattrs"):  # the last three are what bpy 5.2 imports
        if (seen_from_here / name).exists():
            place = environment.site_packages(folder, blender.python) / name
            place.symlink_to(source / name, target_is_directory=True)
    return environment.Blender(blender.version, folder, blender.root)


def run_in(blender: environment.Blender, folder: Path, script: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run a script in a bare Blender whose settings and extensions lie in ``folder``, removed afterwards."""
    file, resources = folder / "script.py", folder / "resources"
    file.write_text(script, encoding="utf-8")
    variables = dict(os.environ, BLENDER_USER_RESOURCES=str(resources), PYTHONNOUSERSITE="1")
    variables.pop("PYTHONPATH", None)
    try:
        return subprocess.run(
            blender.command(file, *arguments), cwd=folder, env=variables, capture_output=True, text=True, timeout=1200
        )
    finally:
        shutil.rmtree(resources, ignore_errors=True)  # a gigabyte


def result_of(finished: subprocess.CompletedProcess) -> dict:
    results = [line.removeprefix("RESULT ") for line in finished.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, finished.stdout + finished.stderr
    return json.loads(results[0])


def wheels_in(archive: zipfile.ZipFile, folder: Path) -> list[Path]:
    names = [name for name in archive.namelist() if name.endswith(".whl")]
    return [Path(archive.extract(name, folder)) for name in names]


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_zip_holds_the_product_and_exactly_the_pinned_wheels(packed, python: str):
    extension = packed(python)
    with zipfile.ZipFile(extension.path) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        notice = archive.read("NOTICE").decode()
    assert {"__init__.py", "pipeline.py", "LICENSE", "blender/__init__.py", "assets/README.md"} <= set(names)
    assert not [name for name in names if name.startswith(("training/", "tests/")) or "__pycache__" in name]
    wheels = [name for name in names if name.endswith(".whl")]
    assert sorted(wheels) == sorted(path.removeprefix("./") for path in manifest["wheels"])
    versions = {common.normal(Path(name).name.split("-")[0]): Path(name).name.split("-")[1] for name in wheels}
    pins = dict(pin.split("==") for pin in common.read_pins()["extension"])
    if not extension.whole:
        del pins["torch"]
    assert {name: version.split("+")[0] for name, version in versions.items()} == {
        common.normal(name): version for name, version in pins.items()
    }
    for name, version in pins.items():
        assert re.search(rf"(?m)^{re.escape(name)} {re.escape(version)}(\+cpu)?\nLicence: \S", notice), name
    assert "Copyright (c) 2022 OpenAI" in notice
    assert manifest["platforms"] == [host_platform()]
    platform = host_platform().replace("-", "_")
    assert extension.path.name == f"{manifest['id']}-{manifest['version']}-{platform}-python{python}.zip"
    assert extension.path.stat().st_size < package.LARGEST_MB[host_platform()] * 1e6


def test_the_zip_without_wheels_is_small_and_for_every_platform(tmp_path: Path):
    zipped = package.build_extension(None, tmp_path)
    with zipfile.ZipFile(zipped) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert not [name for name in archive.namelist() if name.endswith(".whl")]
    assert "wheels" not in manifest and "platforms" not in manifest
    assert list(tmp_path.iterdir()) == [zipped]


def test_a_manifest_that_blender_refuses_builds_nothing(tmp_path: Path, monkeypatch):
    broken = tmp_path / "blender_manifest.toml"
    broken.write_text(common.MANIFEST.read_text(encoding="utf-8").replace('type = "add-on"', 'type = "gadget"'))
    monkeypatch.setattr(package, "MANIFEST", broken)
    with pytest.raises(common.BuildError, match="refuses to build"):
        package.build_extension(None, tmp_path / "dist")
    assert list((tmp_path / "dist").iterdir()) == []


@pytest.mark.parametrize("version", common.BLENDERS)
def test_it_installs_and_bakes_in_a_bare_blender(packed, tmp_path: Path, version: str):
    blender = blender_or_skip(version)
    extension = packed(blender.python)
    bare = bare_blender(blender, tmp_path / "bare")
    arguments = (extension.path, tmp_path / "bare.blend", "bl_ext.user_default.blendshape_talker")
    finished = run_in(bare, tmp_path, SCRIPT, *arguments)
    result, output = result_of(finished), finished.stdout + finished.stderr
    brought = {"torch", "sympy"} if blender.root else set()
    assert set(result["before"]) == brought, "the bare Blender was not bare"
    assert extension.whole or blender.root, "this Python has a torch for the zip"
    assert result["enabled"] == [True, True], output
    assert result["heavy"] == []
    assert result["status"] == 0, output
    assert str(tmp_path / "bare") in result["numpy"]
    assert blender.root or str(tmp_path / "resources") in result["torch"]
    assert result["keyed"] == 2 and result["keys"] > 20 and result["frames"] > 60
    assert result["values"][0] != result["values"][1]
    assert not result["disabled"]

    with zipfile.ZipFile(extension.path) as archive:
        wheels = wheels_in(archive, tmp_path)
    imported = set(result["imported"])
    tops = {name.partition(".")[0] for name in imported}
    untouched = [wheel.name for wheel in wheels if not tops & {module.name for module in contents.modules_of(wheel)}]
    assert untouched == [], "no bake imports these wheels; take them out of the zip"
    if extension.whole:
        known = {module.name for wheel in wheels for module in contents.modules_of(wheel)}
        unforeseen = (imported & known) - set(contents.reach(wheels, extension.target).modules)
        assert unforeseen == set(), "a bake imports these; the check of Windows' and macOS' zips does not follow them"


WRONG = """
import json, sys
import bpy, addon_utils
zipped, module = sys.argv[1:]
errors = []
try:
    bpy.ops.extensions.package_install_files(filepath=zipped, repo="user_default", enable_on_install=True)
except RuntimeError as error:
    errors.append(str(error))
print("RESULT", json.dumps({"enabled": addon_utils.check(module)[1], "errors": errors}))
"""


def test_without_libraries_for_its_python_it_says_so_in_one_line(tmp_path: Path):
    version = common.MAIN_BLENDERS[common.PYTHON]
    bare = bare_blender(environment.prepare_blender(version), tmp_path / "bare")
    zipped = package.build_extension(None, tmp_path)
    finished = run_in(bare, tmp_path, WRONG, zipped, "bl_ext.user_default.blendshape_talker")
    result = result_of(finished)
    line = f"Blendshape Talker finds no torch, soundfile, cffi, soxr for Python {common.PYTHON} on {sys.platform}: "
    assert not result["enabled"]
    assert len(result["errors"]) == 1 and line in result["errors"][0], finished.stdout + finished.stderr


REPOSITORY = """
import json, os, sys, tomllib
from pathlib import Path
import bpy, addon_utils
address, = sys.argv[1:]
bpy.context.preferences.system.use_online_access = True
repository = bpy.context.preferences.extensions.repos.new(
    name="Studio", module="studio", remote_url=address, source="USER"
)
repository.use_remote_url = True
bpy.ops.extensions.repo_sync(repo_index=len(bpy.context.preferences.extensions.repos) - 1)
listing = json.loads((Path(repository.directory) / ".blender_ext" / "index.json").read_text())
bpy.ops.extensions.package_install(
    repo_index=len(bpy.context.preferences.extensions.repos) - 1, pkg_id="blendshape_talker", enable_on_install=False
)
manifest = Path(repository.directory) / "blendshape_talker" / "blender_manifest.toml"
print("RESULT", json.dumps({
    "listed": len(listing["data"]), "installed": tomllib.loads(manifest.read_text()) if manifest.is_file() else None,
}))
"""


@pytest.mark.parametrize("version", list(common.MAIN_BLENDERS.values()))
def test_each_blender_picks_its_own_zip_from_a_repository(packed, tmp_path: Path, version: str):
    blender = blender_or_skip(version)
    repository = tmp_path / "repository"
    repository.mkdir()
    zips = [packed(python).path for python in ("3.11", "3.13")]
    for zipped in zips:
        (repository / zipped.name).hardlink_to(zipped)
    (repository / "blendshape_talker-0.0.1-older.zip").write_bytes(zips[0].read_bytes())
    package.write_index(repository, zips)
    listed = json.loads((repository / "index.json").read_text())["data"]
    assert {item["archive_url"].removeprefix("./") for item in listed} == {zipped.name for zipped in zips}
    assert sorted(item["python_versions"] for item in listed) == [["3.11"], ["3.13"]]
    assert (repository / "index.html").is_file()

    bare = bare_blender(blender, tmp_path / "bare")
    finished = run_in(bare, tmp_path, REPOSITORY, (repository / "index.json").as_uri())
    result = result_of(finished)
    assert result["listed"] == 2 and result["installed"], finished.stdout + finished.stderr
    tags = {path.split("-")[-3] for path in result["installed"]["wheels"] if "cffi" in path}
    assert tags == {f"cp{blender.python.replace('.', '')}"}


def wheel_of(folder: Path, files: dict[str, str], tag: str = "cp313-cp313-win_amd64") -> Path:
    """A wheel of package ``torch``, which the product imports, of a few files."""
    wheel = folder / f"torch-1.0-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**files, "torch-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n"}.items():
            archive.writestr(name, content)
    return wheel


WINDOWS = Target("windows-x64", "3.13")
OTHERS = {"soundfile", "soxr", "librosa"}


@pytest.mark.parametrize(
    "file", ["torch/_C.cpython-313-x86_64-linux-gnu.so", "torch/lib/libc10.so", "torch/lib/libgomp-24e2ab19.so.1",
             "torch/lib/libc10.dylib", "torch/_C.cp311-win_amd64.pyd"],
)  # fmt: skip
def test_a_library_for_another_system_or_python_is_foreign(tmp_path: Path, file: str):
    wheel = wheel_of(tmp_path, {"torch/__init__.py": "", file: ""})
    with pytest.raises(common.BuildError, match=f"holds {re.escape(file)}, which is not for windows-x64"):
        contents.check_contents([wheel], WINDOWS, OTHERS)


def test_libraries_of_its_own_system_are_right(tmp_path: Path):
    files = ["torch/_C.cp313-win_amd64.pyd", "torch/lib/c10.dll", "torch/lib/shm.pyd"]
    contents.check_contents([wheel_of(tmp_path, dict.fromkeys(["torch/__init__.py", *files], ""))], WINDOWS, OTHERS)
    files = ["torch/_C.cpython-313-darwin.so", "torch/lib/libc10.dylib"]
    wheel = wheel_of(tmp_path, dict.fromkeys(["torch/__init__.py", *files], ""), "cp313-cp313-macosx_14_0_arm64")
    contents.check_contents([wheel], Target("macos-arm64", "3.13"), OTHERS)


def test_a_wheel_for_another_python_is_refused(tmp_path: Path):
    wheel = wheel_of(tmp_path, {"torch/__init__.py": ""}, "cp311-cp311-win_amd64")
    with pytest.raises(common.BuildError, match="is not for windows-x64 and Python 3.13"):
        contents.check_contents([wheel], WINDOWS, OTHERS)


@pytest.mark.parametrize(
    ("source", "lacking"),
    [
        ("import nowhere", True),
        ("try:\n    import nowhere\nexcept ImportError:\n    pass", False),
        ("if sys.platform == 'win32':\n    import nowhere", True),
        ("if sys.platform == 'linux':\n    import nowhere", False),
        ("if sys.platform.startswith('win'):\n    import nowhere", True),
        ("if not sys.platform.startswith(('linux', 'darwin')):\n    import nowhere", True),
        ("if os.name != 'nt':\n    pass\nelse:\n    import nowhere", True),
        ("if sys.platform in ('linux', 'darwin'):\n    import nowhere", False),
        ("if sys.platform == 'win32' and feature():\n    import nowhere", False),
        ("if sys.platform == 'linux' and feature():\n    import nowhere", False),
        ("if sys.platform == 'win32' or feature():\n    import nowhere", True),
        ("if sys.platform == LINUX:\n    import nowhere", False),
        ("if TYPE_CHECKING:\n    import nowhere", False),
        ("def later():\n    import nowhere", False),
    ],
)
def test_an_import_that_fails_on_the_targets_system_is_found(tmp_path: Path, source: str, lacking: bool):
    wheel = wheel_of(tmp_path, {"torch/__init__.py": source})
    if not lacking:
        contents.check_contents([wheel], WINDOWS, OTHERS)
        return
    with pytest.raises(common.BuildError, match="the zip for windows-x64 and Python 3.13 lacks nowhere"):
        contents.check_contents([wheel], WINDOWS, OTHERS)
