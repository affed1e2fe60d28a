"""The environments that build.py makes: their Pythons, Blenders and stamps, and what it says where one cannot be."""

import subprocess
import sys

import pytest
from tasks import common, debian_root, environment


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


@pytest.mark.parametrize(
    ("python", "refused"), [("3.10", True), ("3.11", False), ("3.12", True), ("3.13", False), ("3.14", True)]
)
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
