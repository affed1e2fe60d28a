"""build.py: its manifest, options and messages, the handling of test runs; nothing here needs a network."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tasks import common, environment, package, testing

import build


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
