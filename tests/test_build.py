"""build.py: pins, wheels by platform, stamps, messages and the handling of test runs; nothing here needs a network."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from tasks import common, debian_root, environment, package, testing, wheels

import build

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


def test_the_manifest_keeps_blenders_rules():
    manifest = tomllib.loads(common.MANIFEST.read_text(encoding="utf-8"))
    assert manifest["id"] == common.PACKAGE.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert list(manifest["permissions"]) == ["files"]
    for text in (manifest["tagline"], manifest["permissions"]["files"]):
        assert len(text) <= 64 and text[-1].isalnum()


def test_the_version_stands_in_the_manifest_alone():
    version = tomllib.loads(common.MANIFEST.read_text(encoding="utf-8"))["version"]
    assert "version" not in tomllib.loads((common.ROOT / "pyproject.toml").read_text()).get("project", {})
    for file in [common.ROOT / "build.py", *common.ROOT.glob(".ci/tasks/*.py"), *common.PACKAGE.rglob("*.py")]:
        assert f'"{version}"' not in file.read_text(encoding="utf-8"), file


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
    # PyTorch's own index, which alone has this build, was not reachable when the hashes were read
    assert missing == (["torch==2.13.0"] if str(target) == "linux-x64 and Python 3.13" else [])
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
    assert wheels.given_wheel("torch==2.13.0", target, small_wheel.parent) == small_wheel
    assert wheels.sha256(small_wheel) in capsys.readouterr().out
    with pytest.raises(common.BuildError, match="exactly one wheel of torch==2.13.0 for linux-x64 and Python 3.11"):
        wheels.given_wheel("torch==2.13.0", wheels.Target("linux-x64", "3.11"), small_wheel.parent)
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


@pytest.mark.parametrize("problem", ["library", "import", None])
def test_missing_system_libraries_are_named(tmp_path, monkeypatch, problem: str | None):
    module = environment.site_packages(tmp_path) / "bpy" / "__init__.cpython-x86_64-linux-gnu.so"
    module.parent.mkdir(parents=True)
    module.touch()

    def run(command):
        missing = problem == "library" and command[0] == "ldd"
        listing = "\tlibX11.so.6 => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x0)\n\tlibodd.so.2 => not found\n"
        failed = problem == "import" and command[0] != "ldd"
        return subprocess.CompletedProcess(command, int(failed), listing if missing else "", "ImportError: no luck")

    monkeypatch.setattr(environment, "run_quietly", run)
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    blender = environment.Blender(common.MAIN_BLENDERS[common.PYTHON], tmp_path)
    if problem is None:
        return environment.check_blender(blender)
    expected = {"library": "apt-get install libodd.so.2 libx11-6$", "import": r"does not load \(ImportError: no luck\)"}
    with pytest.raises(common.BuildError, match=expected[problem]):
        environment.check_blender(blender)


def test_a_venv_without_pip_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(common.BuildError, match=f"sudo apt-get install python{common.PYTHON}-venv"):
        environment.create_environment(tmp_path / "venv")
    assert list(tmp_path.iterdir()) == []


def test_an_environment_of_another_python_is_made_anew(tmp_path):
    python = environment.python_of(tmp_path)
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho 3.9\n")
    python.chmod(0o755)
    environment.create_environment(tmp_path, "--without-pip")
    assert environment.version_of(python) == f"{sys.version_info[0]}.{sys.version_info[1]}"
    (tmp_path / "kept").touch()
    environment.create_environment(tmp_path, "--without-pip")
    assert (tmp_path / "kept").exists()


def test_a_stamped_environment_is_left_alone(tmp_path, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise AssertionError("nothing is to be installed")

    folder = tmp_path / "venv"
    python = environment.python_of(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "installed.txt").write_text(f"cuda {environment.main_fingerprint()}\n")
    monkeypatch.setattr(environment, "ENVIRONMENT", folder)
    monkeypatch.setattr(environment, "create_environment", refuse)
    environment.prepare_environment()
    environment.prepare_environment("cuda")
    with pytest.raises(AssertionError, match="nothing is to be installed"):
        environment.prepare_environment("cpu")


@pytest.mark.parametrize(("python", "refused"), [("3.10", True), ("3.11", False), ("3.12", True), ("3.13", False)])
def test_other_pythons_get_one_line(monkeypatch, python: str, refused: bool):
    monkeypatch.setattr(environment, "PYTHON", python)
    if not refused:
        return environment.check_python()
    with pytest.raises(common.BuildError, match=r"^bpy needs Python 3.11 or 3.13, not .*; run python3.11 build.py$"):
        environment.check_python()


def test_each_blender_has_an_environment_of_its_own_python():
    places = {version: environment.environment_of(version) for version in common.BLENDERS}
    assert len(set(places.values())) == len(places)
    assert places[common.MAIN_BLENDERS[common.PYTHON]] == common.ENVIRONMENT
    for python, version in common.MAIN_BLENDERS.items():
        assert common.BLENDERS[version] == python and environment.base_of(python) == places[version]


def fake_tests(monkeypatch, status):
    """Runs of pytest that end at once with ``status(blender)``; what was started, in order: Blender, arguments."""
    started = []

    class Ended:
        def __init__(self, blender, arguments, beside=False, shown=False):
            started.append((blender.version, arguments))
            self.wait = lambda minutes: status(blender)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(testing, "Tests", Ended)
    return started


def test_a_blender_that_cannot_run_here_is_named(monkeypatch, capsys):
    def refuse(version):
        raise environment.Unavailable("there is no Python 3.13 here, and nothing stands in")

    monkeypatch.setattr(testing, "prepare_blender", refuse)
    fake_tests(monkeypatch, lambda blender: 0)
    assert testing.run_tests([]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "left out Blender" in line]
    assert len(lines) == len(common.BLENDERS) - 1
    assert "build.py: left out Blender 4.2: there is no Python 3.13 here, and nothing stands in" in lines
    with pytest.raises(common.BuildError, match=r"tests failed with Blender 4.2 \(left out\)"):
        testing.run_tests([], every_blender=True)


def test_a_command_in_the_debian_root_mounts_in_a_namespace_of_its_own(tmp_path):
    root = debian_root.DebianRoot(tmp_path / "it's here")
    command = root.command(["python3", "-c", "pass"])
    assert command[:4] == ["unshare", "--mount", "--propagation", "private"] and command[-3:] == [
        "python3",
        "-c",
        "pass",
    ]
    assert subprocess.run(["sh", "-n", "-c", command[6]], check=False).returncode == 0
    assert str(common.ROOT) in command[6]


def test_a_hung_test_run_is_ended(tmp_path, capsys):
    hung = tmp_path / "test_hung.py"
    hung.write_text("import time\n\ndef test_hangs():\n    time.sleep(600)\n")
    main = environment.Blender(common.MAIN_BLENDERS[common.PYTHON], common.ENVIRONMENT)
    assert testing.run_pytest(main, [str(hung)], minutes=0.05) == 124
    assert "did not end within 0.05 minutes" in capsys.readouterr().out


def test_what_runs_beside_is_told_at_the_end(tmp_path, capsys):
    quick = tmp_path / "test_quick.py"
    quick.write_text("import os\n\ndef test_cores():\n    assert os.environ['OMP_NUM_THREADS'] >= '1'\n")
    main = environment.Blender(common.MAIN_BLENDERS[common.PYTHON], common.ENVIRONMENT)
    with testing.Tests(main, [str(quick), "-v"], beside=True) as run:
        assert capsys.readouterr().out == ""
        assert run.wait(5) == 0
    assert "1 passed" in capsys.readouterr().out


@pytest.mark.parametrize("cores", [1, 2])
def test_failures_say_in_which_blender(monkeypatch, capsys, cores):
    runs = fake_tests(monkeypatch, lambda blender: 1 if blender.version == "4.2" else 0)
    main = common.MAIN_BLENDERS[common.PYTHON]
    monkeypatch.setattr(environment, "prepare_environment", lambda torch: None)
    monkeypatch.setattr(testing, "prepare_blender", lambda version: environment.Blender(version, Path(version)))
    monkeypatch.setattr(testing.os, "cpu_count", lambda: cores)
    assert build.main(["test"]) == 1
    assert capsys.readouterr().err == "build.py: tests failed with Blender 4.2 (status 1)\n"
    others = [version for version in common.BLENDERS if version != main]
    assert [version for version, _ in runs] == ([*others, main] if cores == 1 else [main, *others])
    assert "--cov-fail-under=85" in dict(runs)[main]

    runs.clear()
    assert build.main(["test", "tests/test_build.py", "-x"]) == 0
    assert runs == [(main, ["tests/test_build.py", "-x"])]


def test_check_runs_every_tool_and_names_what_failed(monkeypatch, capsys):
    runs: list[str] = []

    def run(command, cwd):
        runs.append(command[2])
        return subprocess.CompletedProcess(command, int("format" in command or "mypy" in command))

    monkeypatch.setattr(environment, "prepare_environment", lambda torch: None)
    monkeypatch.setattr(testing.subprocess, "run", run)
    assert build.main(["check"]) == 1
    assert runs == ["ruff", "ruff", "mypy"]
    assert "about format and types\n" in capsys.readouterr().err
    monkeypatch.setattr(testing.subprocess, "run", lambda command, cwd: subprocess.CompletedProcess(command, 0))
    assert build.main(["check"]) == 0


@pytest.mark.parametrize("name", ["build.py", ".ci/run", "README.md", "pyproject.toml", "blender_manifest.toml"])
def test_no_path_of_one_machine_is_written_down(name: str):
    text = (common.ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|home|root|Users)/", text)


def test_ruff_finds_no_errors():
    """Syntax, undefined names, comparisons that are always false; `ruff check` says more, about style."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "E9,F63,F7,F82", "."]
    finished = subprocess.run(command, cwd=common.ROOT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--index", "out", "--python", "3.11"],
        ["--index", "out", "--no-wheels"],
        ["--no-wheels", "--platform", "linux-x64"],
        ["--no-wheels", "--torch-wheels", "out"],
    ],
)
def test_options_that_would_do_nothing_are_refused(options: list[str], capsys):
    with pytest.raises(SystemExit) as stopped:
        build.parse(["package", *options])
    assert stopped.value.code == 2 and "makes" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("hello")
    monkeypatch.setattr(environment, "prepare_environment", lambda torch: None)
    monkeypatch.setattr(package, "gather_wheels", lambda *arguments: [])
    assert build.main(["package", "--index", str(tmp_path / "file")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("build.py: ") and "file" in line
