"""What every task stands on: places, versions, one class of error, a command run quietly."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
WHEELS = ROOT / "wheels"
PACKAGE = ROOT / "blendshape_talker"
MANIFEST = ROOT / "blender_manifest.toml"

# Blender as a module, by version, with the Python that it runs; the first Blender of a Python that build.py runs with
# is the one of the main environment.
BLENDERS = {"4.2": "3.11", "4.5": "3.11", "5.0": "3.11", "5.2": "3.13"}
MAIN_BLENDERS = {"3.11": "4.5", "3.13": "5.2"}
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


class BuildError(Exception):
    """One line that says what is wrong and what to do."""


def say(message: str) -> None:
    print(f"build.py: {message}", flush=True)


def project() -> dict:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_pins() -> dict[str, list[str]]:
    """The pinned requirements of pyproject.toml by group."""
    return project()["dependency-groups"]


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run_quietly(command: list) -> subprocess.CompletedProcess:
    """Run a command to its end, its output kept."""
    return subprocess.run(
        [*map(str, command)], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )


def last_line(finished: subprocess.CompletedProcess) -> str:
    """The line of a failed command's output that says most."""
    lines = [line.strip() for line in (finished.stderr + "\n" + finished.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"status {finished.returncode}"])[-1]


def find_python(version: str) -> Path | None:
    """An interpreter of Python ``version`` ("3.13") on this machine that can make environments, if there is one."""
    if version == PYTHON:
        return Path(sys.executable)
    named = shutil.which(f"python{version}")
    candidates: list[list[str | Path]] = [[named]] if named else []
    candidates += [[path] for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))]
    if sys.platform == "win32" and shutil.which("py"):
        candidates.append(["py", f"-{version}"])
    asked = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in candidates:
        words = run_quietly([*candidate, "-c", asked]).stdout.split(maxsplit=1)
        if len(words) == 2 and words[0] == version:
            return Path(words[1].strip())
    return None
