"""Environments: ``.venv/`` with all that is needed, a thin one for each other Blender, and what runs another Python.

A stamp in each environment remembers what was installed there, so that the next run starts at once.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import debian_root
from .common import (
    BLENDERS,
    ENVIRONMENT,
    MAIN_BLENDERS,
    PYTHON,
    ROOT,
    BuildError,
    find_python,
    last_line,
    read_pins,
    run_quietly,
    say,
)

# PyPI's Linux wheels of torch are CUDA builds of several GB; the CPU builds have an index of their own.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Shared libraries that bpy opens and a bare Debian may lack, with the package that holds each.
DEBIAN_PACKAGES = {
    **{"libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libgomp.so.1": "libgomp1", "libICE.so.6": "libice6"},
    **{"libSM.so.6": "libsm6", "libX11.so.6": "libx11-6", "libXext.so.6": "libxext6", "libXfixes.so.3": "libxfixes3"},
    **{"libXi.so.6": "libxi6", "libXrender.so.1": "libxrender1", "libXxf86vm.so.1": "libxxf86vm1"},
    "libxkbcommon.so.0": "libxkbcommon0",
}


class Unavailable(BuildError):
    """This machine cannot run a Blender; the message says why."""


@dataclass(frozen=True)
class Blender:
    """A Blender as a module: ``environment`` as it is seen from where it runs, which is inside ``root`` if given."""

    version: str
    environment: Path
    root: debian_root.DebianRoot | None = None

    @property
    def python(self) -> str:
        """Its Python: "3.11"."""
        return BLENDERS[self.version]

    @property
    def own_torch(self) -> str:
        """Where its torch comes from, in words."""
        return f"Debian {debian_root.SUITE}'s" if self.root else "the pinned one"

    def command(self, *arguments: object, environment: Path | None = None) -> list[str]:
        """The command line that runs its Python, or that of another ``environment`` beside it, with arguments."""
        inner = [str(python_of(environment or self.environment)), *map(str, arguments)]
        return self.root.command(inner) if self.root else inner


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(environment: Path, python: str = PYTHON) -> Path:
    return environment / ("Lib/site-packages" if os.name == "nt" else f"lib/python{python}/site-packages")


def base_of(python: str) -> Path:
    """The environment with everything for one Python and its main Blender."""
    return ENVIRONMENT if python == PYTHON else ENVIRONMENT / f"python-{python}"


def environment_of(version: str) -> Path:
    """The environment with Blender ``version`` ("4.2", …) as a module."""
    python = BLENDERS[version]
    return base_of(python) if version == MAIN_BLENDERS[python] else ENVIRONMENT / f"bpy-{version}"


def prepare_environment(torch: str | None = None) -> None:
    """Make ``.venv`` or bring it up to date; ``torch`` None keeps the build that is there, or takes the CPU's."""
    stamp = ENVIRONMENT / "installed.txt"
    recorded = stamp.read_text().split() if stamp.is_file() else []
    torch = torch or (recorded[0] if recorded else "cpu")
    pins = read_pins()
    blender = MAIN_BLENDERS[PYTHON]
    wanted = [torch, main_fingerprint()]
    python = python_of(ENVIRONMENT)
    if recorded == wanted and python.exists():
        return
    say("preparing .venv/ with torch and Blender as a module: about 1 GB to fetch, several minutes")
    stamp.unlink(missing_ok=True)
    create_environment(ENVIRONMENT)
    if torch == "cuda" or not install_cpu_torch(python, pins["extension"]):
        # Three equals signs: the CPU build, whose version ends in +cpu, does not count.
        pin = torch_pin(pins["extension"]).replace("==", "===")
        install(python, "torch, PyPI's build (on Linux several GB)", [pin])
    # The pins name every package, so that pip has nothing to resolve.
    others = without_torch(pins["extension"]) + pins["testing"] + pins["development"]
    install(python, "soundfile, soxr and the development tools", others, "--no-deps")
    install(python, f"Blender {blender}", pins[f"blender-{blender}"], "--no-deps")
    check_blender(Blender(blender, ENVIRONMENT))
    stamp.write_text(" ".join(wanted) + "\n")
    say(".venv/ is ready")


def main_fingerprint() -> str:
    pins = read_pins()
    names = ("extension", "testing", "development", f"blender-{MAIN_BLENDERS[PYTHON]}")
    return fingerprint([pin for name in names for pin in pins[name]])


def prepare_blender(version: str) -> Blender:
    """Blender ``version``, ready to run, on whichever Python it needs; :class:`Unavailable` where there is no way."""
    python = BLENDERS[version]
    if python != PYTHON:
        try:
            prepare_other_python(python)
        except Unavailable as problem:
            return blender_in_debian(version, str(problem))
    if version != MAIN_BLENDERS[python]:
        prepare_thin(version)
    return Blender(version, environment_of(version))


def prepare_other_python(python: str) -> None:
    """An environment of another Python than this one's with what the tests of the Blender side need."""
    environment = base_of(python)
    blender = MAIN_BLENDERS[python]
    pins = read_pins()
    groups = ("extension", "testing", f"blender-{blender}")
    stamp = environment / "installed.txt"
    wanted = fingerprint([pin for name in groups for pin in pins[name]])
    if stamp.is_file() and stamp.read_text().strip() == wanted and python_of(environment).exists():
        return
    interpreter = find_python(python)
    if interpreter is None:
        raise Unavailable(f"there is no Python {python} here")
    no_torch = f"pip finds no CPU build of torch for Python {python}"
    refused = environment / "refused.txt"
    # asked again after a day: the answer takes a while, and the tests ask several times
    if refused.is_file() and refused.read_text() == wanted and time.time() - refused.stat().st_mtime < 24 * 3600:
        raise Unavailable(no_torch)
    say(f"preparing {environment} with torch and Blender {blender}, for Python {python}")
    stamp.unlink(missing_ok=True)
    create_environment(environment, "--without-pip", interpreter=interpreter)
    if not install_cpu_torch(python_of(environment), pins["extension"]):
        refused.write_text(wanted)
        raise Unavailable(no_torch)
    others = without_torch(pins["extension"]) + pins["testing"] + pins[f"blender-{blender}"]
    install(python_of(environment), f"Blender {blender} and the testing tools", others, "--no-deps")
    check_blender(Blender(blender, environment))
    stamp.write_text(wanted + "\n")


def prepare_thin(version: str) -> None:
    """An environment with its own bpy and numpy, everything else seen through to the one of its Python."""
    python = BLENDERS[version]
    environment = environment_of(version)
    pins = read_pins()[f"blender-{version}"]
    stamp = environment / "installed.txt"
    wanted = fingerprint(pins)
    if stamp.is_file() and stamp.read_text().strip() == wanted and python_of(environment).exists():
        return
    say(f"preparing {environment} with Blender {version} as a module: about 370 MB to fetch")
    stamp.unlink(missing_ok=True)
    create_environment(environment, "--without-pip", interpreter=python_of(base_of(python)))
    own = site_packages(environment, python)
    behind = own / "main_environment.pth"
    behind.unlink(missing_ok=True)
    install(python_of(environment), f"Blender {version}", pins, "--no-deps")
    # Folders named in a .pth file come after the environment's own: its bpy and numpy win.
    behind.write_text(os.path.relpath(site_packages(base_of(python), python), own) + "\n")
    check_blender(Blender(version, environment))
    stamp.write_text(wanted + "\n")


def blender_in_debian(version: str, problem: str) -> Blender:
    """Blender ``version`` in a small Debian of its own, with Debian's torch; ``problem``: why not on this system."""
    against = debian_root.reason_against()
    if BLENDERS[version] != debian_root.PYTHON:
        against = f"Debian {debian_root.SUITE} has Python {debian_root.PYTHON}"
    if against:
        raise Unavailable(f"{problem}, and a root of Debian {debian_root.SUITE} cannot stand in: {against}")
    root = debian_root.DebianRoot()
    root.prepare()
    blender = Blender(version, Path(f"/opt/blender-{version}"), root)
    pins = read_pins()
    wanted_pins = without_torch(pins["extension"]) + pins["testing"] + pins[f"blender-{version}"]
    stamp = root.folder / "opt" / f"blender-{version}" / "installed.txt"
    wanted = fingerprint(wanted_pins)
    if not (stamp.is_file() and stamp.read_text().strip() == wanted):
        say(f"installing Blender {version} in the root of Debian {debian_root.SUITE}")
        steps = [
            ["python3", "-m", "venv", "--clear", "--system-site-packages", "--without-pip", blender.environment],
            ["python3", "-m", "pip", "--python", python_of(blender.environment), "install", "-qq", "--no-deps"],
        ]
        steps[1] += ["--disable-pip-version-check", "--ignore-installed", *wanted_pins]
        for step in steps:
            finished = run_quietly(root.command(step))
            if finished.returncode:
                raise BuildError(f"the root of Debian {debian_root.SUITE}: {last_line(finished)}")
        stamp.write_text(wanted + "\n")
    check_blender(blender)
    return blender


def fingerprint(pins: list[str]) -> str:
    return hashlib.sha256("\n".join([*sorted(pins), sys.version]).encode()).hexdigest()


def create_environment(folder: Path, *options: str, interpreter: Path | None = None) -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise BuildError(f"Python's venv module is incomplete; on Debian: sudo apt-get install python{PYTHON}-venv")
    maker = interpreter or sys.executable
    if python_of(folder).exists() and version_of(python_of(folder)) == version_of(maker):
        return  # one of another Python, or one that does not run, is made anew
    finished = run_quietly([maker, "-m", "venv", "--clear", *options, folder])
    if finished.returncode:
        raise BuildError(f"cannot make {folder}: {last_line(finished)}")


def version_of(interpreter: str | Path) -> str:
    """What Python this is ("3.11"), asked of itself; empty where it does not run."""
    finished = run_quietly([interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    return finished.stdout.strip() if finished.returncode == 0 else ""


def pip(*arguments: str) -> list:
    return [python_of(ENVIRONMENT), "-m", "pip", "--disable-pip-version-check", *arguments]


def install(python: Path, name: str, pins: list[str], *options: str) -> None:
    say(f"installing {name}")
    quiet = [] if sys.stdout.isatty() else ["-qq"]
    command = pip("--python", str(python), "install", *quiet, *options, *pins)
    if subprocess.run([*map(str, command)], cwd=ROOT).returncode:
        raise BuildError(f"pip could not install {name}; check the network and the free disk space, then run it again")


def torch_pin(pins: list[str]) -> str:
    return next(pin for pin in pins if pin.startswith("torch=="))


def without_torch(pins: list[str]) -> list[str]:
    return [pin for pin in pins if not pin.startswith("torch==")]


def install_cpu_torch(python: Path, pins: list[str]) -> bool:
    """Install torch's CPU build; False where pip finds none."""
    pin = torch_pin(pins)
    say("installing torch, the CPU build")
    for source in torch_cpu_sources(pin):
        if run_quietly(pip("--python", str(python), "install", *source)).returncode == 0:
            return True
    say(f"pip finds no CPU build of {pin} for {python}, neither in its own indexes nor at {TORCH_CPU_INDEX}")
    return False


def torch_cpu_sources(pin: str, system: str = sys.platform) -> list[list[str]]:
    """pip's arguments for the CPU build, in the order to try: what pip is configured for, then PyTorch's own index."""
    if system != "linux":
        return [["--no-deps", pin]]
    own_index = ["--retries", "1", "--timeout", "20", "--index-url", TORCH_CPU_INDEX]
    return [["--no-deps", f"{pin}+cpu"], ["--no-deps", f"{pin}+cpu", *own_index]]


def check_blender(blender: Blender) -> None:
    """Refuse an environment whose bpy lacks system libraries, naming the Debian packages that hold them."""
    missing: set[str] = set()
    if sys.platform == "linux" and shutil.which("ldd") and not blender.root:
        for module in site_packages(blender.environment, blender.python).glob("bpy/__init__*.so"):
            missing.update(re.findall(r"(\S+) => not found", run_quietly(["ldd", module]).stdout))
    if missing:
        names = sorted({DEBIAN_PACKAGES.get(library, library) for library in missing})
        raise BuildError(f"Blender's module needs system libraries; on Debian: sudo apt-get install {' '.join(names)}")
    finished = run_quietly(blender.command("-c", "import bpy"))
    if finished.returncode:
        raise BuildError(f"Blender's module does not load ({last_line(finished)})")


def check_python() -> None:
    """Refuse a Python that no Blender runs, in one line."""
    if PYTHON not in MAIN_BLENDERS:
        wanted = " or ".join(MAIN_BLENDERS)
        raise BuildError(f"bpy needs Python {wanted}, not {platform.python_version()}; run python3.11 build.py")
