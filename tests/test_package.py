"""The extension's zip: what is in it, and that it works in a Blender that has nothing but its own numpy."""

import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import build

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
imported = sorted({name.partition(".")[0] for name in sys.modules})
bpy.ops.wm.open_mainfile(filepath=blend)
keyed = [mesh.shape_keys for mesh in bpy.data.meshes if mesh.shape_keys]
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


def modules_of(wheel: bytes) -> set[str]:
    """The top-level modules that a wheel installs."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    return {top.partition(".")[0] for top in tops if not top.endswith((".dist-info", ".data", ".libs", ".pth"))}


@pytest.fixture(scope="module")
def extension(tmp_path_factory) -> Iterator[Path]:
    """The zip for this platform, built as ``build.py package`` does."""
    folder = tmp_path_factory.mktemp("dist")
    yield build.build_extension(build.host_platform(), folder)
    shutil.rmtree(folder)


def bare_blender(version: str, folder: Path) -> Path:
    """The Python of an environment in ``folder`` that sees Blender ``version`` and its numpy, and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    source = build.site_packages(build.environment_of(version))
    for name in ("bpy", "numpy", "numpy.libs"):
        if (source / name).exists():
            (build.site_packages(folder) / name).symlink_to(source / name, target_is_directory=True)
    return build.python_of(folder)


def test_the_zip_holds_the_product_and_exactly_the_pinned_wheels(extension: Path):
    with zipfile.ZipFile(extension) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert {"__init__.py", "pipeline.py", "LICENSE", "blender/__init__.py", "assets/README.md"} <= set(names)
    assert not [name for name in names if name.startswith(("training/", "tests/")) or "__pycache__" in name]
    packed = [name for name in names if name.endswith(".whl")]
    assert sorted(packed) == sorted(path.removeprefix("./") for path in manifest["wheels"])
    versions = {build.normal(Path(name).name.split("-")[0]): Path(name).name.split("-")[1] for name in packed}
    pins = dict(pin.split("==") for pin in build.read_pins()["extension"])
    assert {name: version.split("+")[0] for name, version in versions.items()} == {
        build.normal(name): version for name, version in pins.items()
    }
    assert manifest["platforms"] == [build.host_platform()]
    assert extension.name == f"{manifest['id']}-{manifest['version']}-{build.host_platform().replace('-', '_')}.zip"


def test_the_zip_without_wheels_is_small_and_for_every_platform(tmp_path: Path):
    zipped = build.build_extension(None, tmp_path)
    with zipfile.ZipFile(zipped) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        assert not [name for name in archive.namelist() if name.endswith(".whl")]
    assert "wheels" not in manifest and "platforms" not in manifest
    assert list(tmp_path.iterdir()) == [zipped]


def test_a_manifest_that_blender_refuses_builds_nothing(tmp_path: Path, monkeypatch):
    broken = tmp_path / "blender_manifest.toml"
    broken.write_text(build.MANIFEST.read_text(encoding="utf-8").replace('type = "add-on"', 'type = "gadget"'))
    monkeypatch.setattr(build, "MANIFEST", broken)
    with pytest.raises(build.BuildError, match="refuses to build"):
        build.build_extension(None, tmp_path / "dist")
    assert list((tmp_path / "dist").iterdir()) == []


@pytest.mark.parametrize("version", [*build.OTHER_BLENDERS, build.MAIN_BLENDER])
def test_it_installs_and_bakes_in_a_bare_blender(extension: Path, tmp_path: Path, version: str):
    if version != build.MAIN_BLENDER:
        build.prepare_blender(version)
    python = bare_blender(version, tmp_path / "bare")
    resources = tmp_path / "resources"
    script = tmp_path / "bake.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = dict(os.environ, BLENDER_USER_RESOURCES=str(resources), PYTHONNOUSERSITE="1")
    environment.pop("PYTHONPATH", None)
    command = [python, script, extension, tmp_path / "bare.blend", "bl_ext.user_default.blendshape_talker"]
    try:
        finished = subprocess.run(
            [*map(str, command)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
        )
    finally:
        shutil.rmtree(resources, ignore_errors=True)  # a gigabyte
    output = finished.stdout + finished.stderr
    results = [line.removeprefix("RESULT ") for line in finished.stdout.splitlines() if line.startswith("RESULT ")]
    assert results, output
    result = json.loads(results[0])
    assert result["before"] == [], "the bare Blender was not bare"
    assert result["enabled"] == [True, True], output
    assert result["heavy"] == []
    assert result["status"] == 0, output
    assert str(resources) in result["torch"] and str(tmp_path / "bare") in result["numpy"]
    assert result["keyed"] == 1 and result["keys"] > 20 and result["frames"] > 60
    assert result["values"][0] != result["values"][1]
    assert not result["disabled"]
    with zipfile.ZipFile(extension) as archive:
        packed = [name for name in archive.namelist() if name.endswith(".whl")]
        wheels = {name: modules_of(archive.read(name)) for name in packed}
    untouched = [name for name, modules in wheels.items() if not modules & set(result["imported"])]
    assert untouched == [], "no bake imports these wheels; take them out of the zip"
