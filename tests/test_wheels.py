"""The pinned versions, and the wheels for each platform and Python; nothing here needs a network."""

import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from tasks import common, environment, package, wheels

GROUPS = common.read_pins()
TARGETS = [wheels.Target(platform, python) for platform in wheels.PLATFORMS for python in wheels.PYTHONS]
PINS = [pin for pins in GROUPS.values() for pin in pins]


@pytest.mark.parametrize("pin", PINS)
def test_every_version_is_pinned(pin: str):
    assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", pin)


def test_no_package_is_pinned_twice_and_numpy_stays_out_of_the_extension():
    main = GROUPS["extension"] + GROUPS["testing"] + GROUPS["development"] + GROUPS["blender-4.5"]
    names = [common.normal(pin.split("==")[0]) for pin in main]
    assert len(names) == len(set(names))
    assert {"torch", "soundfile", "soxr"} < {pin.split("==")[0] for pin in GROUPS["extension"]}
    assert not any(pin.startswith("numpy==") for pin in GROUPS["extension"])


def test_the_environment_holds_the_pinned_versions():
    from importlib.metadata import version

    pins = dict(pin.split("==") for pin in GROUPS["extension"] + GROUPS["testing"] + GROUPS["development"])
    assert {name: version(name).split("+")[0] for name in pins} == pins


def test_the_extension_holds_what_its_wheels_require():
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pinned = {common.normal(pin.split("==")[0]) for pin in GROUPS["extension"]}
    missing = {
        (name, common.normal(requirement.name))
        for name in pinned
        for requirement in map(Requirement, requires(name) or [])
        if not requirement.marker or requirement.marker.evaluate({"extra": ""})
    }
    missing = {(name, needed) for name, needed in missing if needed not in pinned | {"numpy"}}
    # None of these is imported by what the product calls; tests/test_package.py bakes without them.
    of_torch = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy")
    assert missing == {("cffi", "pycparser"), *(("torch", needed) for needed in of_torch)}


@pytest.mark.parametrize(
    ("file", "fitting"),
    [
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", ["linux-x64 and Python 3.11"]),
        ("torch-2.13.0-cp313-cp313-win_amd64.whl", ["windows-x64 and Python 3.13"]),
        ("torch-2.13.0-cp313-cp313t-win_amd64.whl", []),
        ("torch-2.13.0-cp313-cp313-manylinux_2_28_aarch64.whl", []),
        ("soxr-1.1.0-cp312-abi3-macosx_11_0_arm64.whl", ["macos-arm64 and Python 3.13"]),
        ("soxr-1.1.0-cp311-abi3-win_amd64.whl", ["windows-x64 and Python 3.11", "windows-x64 and Python 3.13"]),
        ("soundfile-0.14.0-py2.py3-none-win_amd64.whl", ["windows-x64 and Python 3.11", "windows-x64 and Python 3.13"]),
        ("lazy_loader-0.6-py3-none-any.whl", list(map(str, TARGETS))),
        ("ancient-1.0-py2-none-any.whl", []),
    ],
)
def test_a_wheel_fits_its_targets_only(file: str, fitting: list[str]):
    assert [str(target) for target in TARGETS if target.fits(file)] == fitting


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_each_target_has_one_pinned_hash_of_each_wheel(target: wheels.Target):
    files = {pin: wheels.pinned_file(pin, target) for pin in GROUPS["extension"]}
    missing = [pin for pin, file in files.items() if file is None]
    assert missing == []
    assert all(re.fullmatch("[0-9a-f]{64}", wheels.known_hashes()[file]) for file in files.values() if file)


def test_every_hash_is_of_a_pinned_wheel():
    used = {wheels.pinned_file(pin, target) for pin in GROUPS["extension"] for target in TARGETS}
    assert set(wheels.known_hashes()) == used - {None}


def test_pypis_cuda_build_of_torch_is_no_linux_wheel():
    assert all("torch==2.13.0+cpu" in source for source in environment.torch_cpu_sources("torch==2.13.0", "linux"))
    assert environment.torch_cpu_sources("torch==2.13.0", "win32") == [["--no-deps", "torch==2.13.0"]]
    assert not [file for file in wheels.known_hashes() if re.match(r"torch-[\d.]+-.*linux", file)]


@pytest.fixture
def small_wheel(tmp_path: Path) -> Path:
    """A wheel as torch's is laid out, of a few bytes."""
    file = tmp_path / "given" / "torch-2.13.0+cpu-cp313-cp313-manylinux_2_28_x86_64.whl"
    file.parent.mkdir()
    about = "torch-2.13.0+cpu.dist-info"
    contents_of = {
        "torch/__init__.py": b"import os\n" * 500,
        "torch/bin/torch_shm_manager": b"needed",
        "torch/bin/protoc": b"not needed",
        "torch/test/test_api": b"not needed",
        "torch/include/ATen/ATen.h": b"not needed",
        f"{about}/METADATA": b"Metadata-Version: 2.4\nName: torch\nVersion: 2.13.0+cpu\nLicense: BSD-3-Clause\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nTag: cp313-cp313-manylinux_2_28_x86_64\n",
    }
    rows = "".join(f"{name},sha256=x,{len(content)}\n" for name, content in contents_of.items())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**contents_of, f"{about}/RECORD": f"{rows}{about}/RECORD,,\n".encode()}.items():
            archive.writestr(name, content)
    return file


def test_a_wheel_is_made_slim_and_stays_whole(small_wheel: Path, tmp_path: Path):
    slimmed = wheels.slim(small_wheel, tmp_path, {"torch/__pycache__/__init__.cpython-313.pyc": b"compiled"})
    with zipfile.ZipFile(slimmed) as archive, zipfile.ZipFile(small_wheel) as source:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert not [name for name in names if "protoc" in name or "/test/" in name or "/include/" in name]
        assert archive.read("torch/__init__.py") == source.read("torch/__init__.py")
        assert archive.read("torch/bin/torch_shm_manager") == b"needed"
        record = archive.read("torch-2.13.0+cpu.dist-info/RECORD").decode()
    assert {row.split(",")[0] for row in record.splitlines()} == names


def test_torch_wheels_are_taken_from_a_folder(small_wheel: Path, tmp_path: Path, capsys):
    target = wheels.Target("linux-x64", "3.13")
    with pytest.raises(common.BuildError, match="its SHA-256 is not the one in pyproject.toml"):
        wheels.given_wheel("torch==2.13.0", target, small_wheel.parent)
    own = small_wheel.rename(small_wheel.with_name(small_wheel.name.replace("+cpu", "+cu126")))
    assert wheels.given_wheel("torch==2.13.0", target, own.parent) == own
    assert wheels.sha256(own) in capsys.readouterr().out
    assert wheels.given_wheel("torch==2.13.0", wheels.Target("linux-x64", "3.11"), own.parent) is None
    assert "no wheel of torch==2.13.0 for linux-x64 and Python 3.11: the pinned one is taken" in capsys.readouterr().out
    shutil.copy(own, own.with_name(own.name.replace("+cu126", "+cu128")))
    with pytest.raises(common.BuildError, match="exactly one wheel of torch==2.13.0 for linux-x64 and Python 3.13"):
        wheels.given_wheel("torch==2.13.0", target, own.parent)
    with pytest.raises(common.BuildError, match="no such folder"):
        wheels.given_wheel("torch==2.13.0", target, tmp_path / "nowhere")


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, monkeypatch):
    target = wheels.Target("windows-x64", "3.13")
    monkeypatch.setattr(wheels, "WHEELS", tmp_path)
    file = tmp_path / str(wheels.pinned_file("torch==2.13.0", target))
    file.write_bytes(b"not what PyPI has")
    with pytest.raises(common.BuildError, match=r"its SHA-256 is not the one in pyproject.toml .* delete the file"):
        wheels.gather_wheels(target)


@pytest.mark.parametrize(
    ("platform", "python", "words"),
    [
        (
            "linux-x64",
            "3.11",
            "torch's CPU build 2.13.0 for linux-x64 and Python 3.11 cannot be had here; .*--torch-wheels",
        ),
        (
            "linux-x64",
            "3.13",
            "torch's CPU build 2.13.0 for linux-x64 and Python 3.13 cannot be had here; .*--torch-wheels",
        ),
        ("macos-arm64", "3.13", "torch 2.13.0 for macos-arm64 and Python 3.13 cannot be had here; .*--torch-wheels"),
    ],
)
def test_a_torch_that_cannot_be_had_gets_one_line(tmp_path, monkeypatch, platform: str, python: str, words: str):
    monkeypatch.setattr(wheels, "WHEELS", tmp_path)
    refusal = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found\n")
    monkeypatch.setattr(wheels, "run_quietly", lambda command: refusal)
    with pytest.raises(common.BuildError, match=words) as caught:
        wheels.gather_wheels(wheels.Target(platform, python))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_of_each_python_names_its_blenders():
    manifest = common.MANIFEST.read_text(encoding="utf-8")
    older = tomllib.loads(package.manifest_for(manifest, wheels.Target("linux-x64", "3.11"), ["a.whl"]))
    newer = tomllib.loads(package.manifest_for(manifest, wheels.Target("windows-x64", "3.13"), ["b.whl"]))
    assert (older["blender_version_min"], older["blender_version_max"]) == ("4.2.0", "5.1.0")
    assert newer["blender_version_min"] == "5.1.0" and "blender_version_max" not in newer
    assert (older["platforms"], newer["platforms"]) == (["linux-x64"], ["windows-x64"])
    assert (older["wheels"], newer["wheels"]) == (["./wheels/a.whl"], ["./wheels/b.whl"])
