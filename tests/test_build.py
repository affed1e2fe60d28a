"""build.py: pins, wheels by platform, stamps, messages and the handling of test runs; nothing here needs a network."""

import re
import subprocess
import sys
import tomllib

import pytest

import build

GROUPS = build.read_pins()
PINS = [pin for pins in GROUPS.values() for pin in pins]


@pytest.mark.parametrize("pin", PINS)
def test_every_version_is_pinned(pin: str):
    assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", pin)


def test_no_package_is_pinned_twice_and_numpy_stays_out_of_the_extension():
    main = GROUPS["extension"] + GROUPS["development"] + GROUPS["blender-4.5"]
    names = [build.normal(pin.split("==")[0]) for pin in main]
    assert len(names) == len(set(names))
    assert {"torch", "soundfile", "soxr"} < {pin.split("==")[0] for pin in GROUPS["extension"]}
    assert not any(pin.startswith("numpy==") for pin in GROUPS["extension"])


def test_the_environment_holds_the_pinned_versions():
    from importlib.metadata import version

    pins = dict(pin.split("==") for pin in GROUPS["extension"] + GROUPS["development"])
    assert {name: version(name).split("+")[0] for name in pins} == pins


def test_the_extension_holds_what_its_wheels_require():
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pinned = {build.normal(pin.split("==")[0]) for pin in GROUPS["extension"]}
    missing = {
        (name, build.normal(requirement.name))
        for name in pinned
        for requirement in map(Requirement, requires(name) or [])
        if not requirement.marker or requirement.marker.evaluate({"extra": ""})
    }
    missing = {(name, needed) for name, needed in missing if needed not in pinned | {"numpy"}}
    # None of these is imported by what the product calls; tests/test_package.py bakes without them.
    of_torch = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy")
    assert missing == {("cffi", "pycparser"), *(("torch", needed) for needed in of_torch)}


def test_the_manifest_keeps_blenders_rules():
    manifest = tomllib.loads(build.MANIFEST.read_text(encoding="utf-8"))
    assert manifest["id"] == build.PACKAGE.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert list(manifest["permissions"]) == ["files"]
    for text in (manifest["tagline"], manifest["permissions"]["files"]):
        assert len(text) <= 64 and text[-1].isalnum()


def test_the_version_stands_in_the_manifest_alone():
    version = tomllib.loads(build.MANIFEST.read_text(encoding="utf-8"))["version"]
    assert "version" not in tomllib.loads((build.ROOT / "pyproject.toml").read_text()).get("project", {})
    for file in [build.ROOT / "build.py", *build.PACKAGE.rglob("*.py")]:
        assert f'"{version}"' not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize(
    ("file", "pin", "platform"),
    [
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "torch==2.13.0", "linux-x64"),
        ("torch-2.13.0-cp311-cp311-win_amd64.whl", "torch==2.13.0", "windows-x64"),
        ("scipy-1.15.3-cp311-cp311-macosx_14_0_arm64.whl", "scipy==1.15.3", "macos-arm64"),
        ("lazy_loader-0.6-py3-none-any.whl", "lazy-loader==0.6", "linux-x64"),
        ("Jinja2-3.1.6-py3-none-any.whl", "jinja2==3.1.6", "macos-arm64"),
    ],
)
def test_a_wheel_is_found_for_its_platform_only(tmp_path, monkeypatch, file: str, pin: str, platform: str):
    monkeypatch.setattr(build, "WHEELS", tmp_path)
    assert build.find_wheel(pin, platform) is None
    (tmp_path / file).touch()
    found = {name for name in build.PLATFORMS if build.find_wheel(pin, name) == tmp_path / file}
    assert found == (set(build.PLATFORMS) if file.endswith("-any.whl") else {platform})
    assert build.find_wheel(pin + ".1", platform) is None


def test_pypis_cuda_build_of_torch_is_no_linux_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "WHEELS", tmp_path)
    (tmp_path / "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    assert build.find_wheel("torch==2.13.0", "linux-x64") is None
    assert all("torch==2.13.0+cpu" in source for source in build.torch_cpu_sources("torch==2.13.0", "linux-x64"))
    assert build.torch_cpu_sources("torch==2.13.0", "windows-x64") == [["--no-deps", "torch==2.13.0"]]


def test_missing_wheels_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "WHEELS", tmp_path)
    refusal = subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found\n")
    monkeypatch.setattr(build, "run_quietly", lambda command: refusal)
    with pytest.raises(build.BuildError, match=r"no wheel of .* for macos-arm64: ERROR: No matching"):
        build.gather_wheels("macos-arm64")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", ["library", "import", None])
def test_missing_system_libraries_are_named(tmp_path, monkeypatch, problem: str | None):
    module = build.site_packages(tmp_path) / "bpy" / "__init__.cpython-311-x86_64-linux-gnu.so"
    module.parent.mkdir(parents=True)
    module.touch()

    def run(command):
        missing = problem == "library" and command[0] == "ldd"
        listing = "\tlibX11.so.6 => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x0)\n\tlibodd.so.2 => not found\n"
        failed = problem == "import" and command[0] != "ldd"
        return subprocess.CompletedProcess(command, int(failed), listing if missing else "", "ImportError: no luck")

    monkeypatch.setattr(build, "run_quietly", run)
    monkeypatch.setattr(build.sys, "platform", "linux")
    monkeypatch.setattr(build.shutil, "which", lambda name: f"/usr/bin/{name}")
    if problem is None:
        return build.check_blender(tmp_path)
    expected = {"library": "apt-get install libodd.so.2 libx11-6$", "import": r"does not load \(ImportError: no luck\)"}
    with pytest.raises(build.BuildError, match=expected[problem]):
        build.check_blender(tmp_path)


def test_a_venv_without_pip_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(build.BuildError, match="sudo apt-get install python3.11-venv"):
        build.create_environment(tmp_path / "venv")
    assert list(tmp_path.iterdir()) == []


def test_a_stamped_environment_is_left_alone(tmp_path, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise AssertionError("nothing is to be installed")

    environment = tmp_path / "venv"
    python = build.python_of(environment)
    python.parent.mkdir(parents=True)
    python.touch()
    pins = build.fingerprint(GROUPS["extension"] + GROUPS["development"] + GROUPS["blender-4.5"])
    (environment / "installed.txt").write_text(f"cuda {pins}\n")
    monkeypatch.setattr(build, "ENVIRONMENT", environment)
    monkeypatch.setattr(build, "create_environment", refuse)
    build.prepare_environment()
    build.prepare_environment("cuda")
    with pytest.raises(AssertionError, match="nothing is to be installed"):
        build.prepare_environment("cpu")


def test_a_hung_test_run_is_ended(tmp_path, capsys):
    hung = tmp_path / "test_hung.py"
    hung.write_text("import time\n\ndef test_hangs():\n    time.sleep(600)\n")
    assert build.run_pytest("4.5", [str(hung)], minutes=0.05) == 124
    assert "did not end within 0.05 minutes" in capsys.readouterr().out


def test_failures_say_in_which_blender(monkeypatch, capsys):
    runs = []

    def run(version, arguments, minutes):
        runs.append((version, arguments))
        return 1 if version == "4.2" else 0

    monkeypatch.setattr(build, "prepare_environment", lambda torch: None)
    monkeypatch.setattr(build, "prepare_blender", lambda version: None)
    monkeypatch.setattr(build, "run_pytest", run)
    assert build.main(["test"]) == 1
    assert capsys.readouterr().err == "build.py: tests failed with Blender 4.2 (status 1)\n"
    assert [version for version, _ in runs] == ["4.2", "5.0", "4.5"]
    assert "--cov-fail-under=85" in runs[-1][1]

    runs.clear()
    assert build.main(["test", "tests/test_build.py", "-x"]) == 0
    assert runs == [("4.5", ["tests/test_build.py", "-x"])]


def test_check_runs_every_tool_and_names_what_failed(monkeypatch, capsys):
    runs: list[str] = []

    def run(command, cwd):
        runs.append(command[2])
        return subprocess.CompletedProcess(command, int("format" in command or "mypy" in command))

    monkeypatch.setattr(build, "prepare_environment", lambda torch: None)
    monkeypatch.setattr(build.subprocess, "run", run)
    assert build.main(["check"]) == 1
    assert runs == ["ruff", "ruff", "mypy"]
    assert "about format and types\n" in capsys.readouterr().err
    monkeypatch.setattr(build.subprocess, "run", lambda command, cwd: subprocess.CompletedProcess(command, 0))
    assert build.main(["check"]) == 0


@pytest.mark.parametrize("name", ["build.py", ".ci/run", "README.md", "pyproject.toml", "blender_manifest.toml"])
def test_no_path_of_one_machine_is_written_down(name: str):
    text = (build.ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|home|root|Users)/", text)


def test_ruff_finds_no_errors():
    """Syntax, undefined names, comparisons that are always false; `ruff check` says more, about style."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "E9,F63,F7,F82", "."]
    finished = subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr
