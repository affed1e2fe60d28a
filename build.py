"""The repository's tasks: python3.11 build.py demo | check | test | package | environment; needs only Python 3.11.

Each makes ``.venv/`` first: what the product, its tests and training need, in the versions that pyproject.toml pins,
with Blender 4.5 as a module. ``test`` adds a thin environment for each other Blender, in ``.venv/bpy-X.Y``.
A stamp in each environment remembers what was installed there, so that the next run starts at once.
"""

import argparse
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
WHEELS = ROOT / "wheels"
PACKAGE = ROOT / "blendshape_talker"
MANIFEST = ROOT / "blender_manifest.toml"

MAIN_BLENDER = "4.5"
OTHER_BLENDERS = ("4.2", "5.0")
# PyPI's Linux wheels of torch are CUDA builds of several GB; the CPU builds have an index of their own.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Minutes before a test run counts as hung: a class left registered can keep bpy from exiting.
OTHER_BLENDER_MINUTES = 20
MAIN_MINUTES = 50
CORE_COVERAGE = 85

# Blender's platforms: Python's names of system and machine, the tags that pip takes, how fitting wheels' tags read.
MANYLINUX = [f"manylinux{tag}_x86_64" for tag in ("_2_28", "_2_27", "_2_26", "_2_24", "_2_17", "2014", "_2_12", "_2_5")]
PLATFORMS = {
    "linux-x64": ("linux", "x86_64", MANYLINUX, "linux.*x86_64"),
    "windows-x64": ("win32", "amd64", ["win_amd64"], "win_amd64"),
    "macos-arm64": ("darwin", "arm64", ["macosx_14_0_arm64"], "macosx.*(arm64|universal2)"),
}

# Shared libraries that bpy opens and a bare Debian may lack, with the package that holds each.
DEBIAN_PACKAGES = {
    **{"libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libgomp.so.1": "libgomp1", "libICE.so.6": "libice6"},
    **{"libSM.so.6": "libsm6", "libX11.so.6": "libx11-6", "libXext.so.6": "libxext6", "libXfixes.so.3": "libxfixes3"},
    **{"libXi.so.6": "libxi6", "libXrender.so.1": "libxrender1", "libXxf86vm.so.1": "libxxf86vm1"},
    "libxkbcommon.so.0": "libxkbcommon0",
}


class BuildError(Exception):
    """One line that says what is wrong and what to do."""


def say(message: str) -> None:
    print(f"build.py: {message}", flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="build.py", description="Build, test and package Blendshape Talker.")
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--torch", choices=("cpu", "cuda"), help="build of torch to install (cpu)")
    tasks.add_parser("environment", parents=[shared], help="make or refresh .venv/")
    tasks.add_parser("demo", parents=[shared], help="bake the demo recording into out/")
    tasks.add_parser("check", parents=[shared], help="lint, format and types, in seconds")
    test = tasks.add_parser("test", parents=[shared], help="run the tests in every Blender version")
    test.epilog = "Further arguments go to pytest; naming tests runs only those, with Blender 4.5."
    package = tasks.add_parser("package", parents=[shared], help="build the extension's zip into dist/")
    package.add_argument("--platform", choices=sorted(PLATFORMS), help="(this machine's)")
    package.add_argument("--no-wheels", action="store_true", help="for a Blender whose Python has torch and soundfile")
    fuzz = tasks.add_parser("fuzz", parents=[shared], help="let every reader meet 10,000 damaged and hostile files")
    fuzz.epilog = "Further arguments go to tests/fuzz.py: --count, --seed, --workers."
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.task not in ("test", "fuzz"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if sys.version_info[:2] != (3, 11):
            raise BuildError(f"bpy needs Python 3.11, not {platform.python_version()}; run python3.11 build.py")
        prepare_environment(arguments.torch)
        if arguments.task == "demo":
            return demo()
        if arguments.task == "check":
            return check()
        if arguments.task == "test":
            return run_tests(rest)
        if arguments.task == "fuzz":
            return subprocess.run([python_of(ENVIRONMENT), "tests/fuzz.py", *rest], cwd=ROOT).returncode
        if arguments.task == "package":
            target = None if arguments.no_wheels else arguments.platform or host_platform()
            say(f"the extension is {build_extension(target, ROOT / 'dist')}")
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


# Environments


def read_pins() -> dict[str, list[str]]:
    """The pinned requirements of pyproject.toml by group."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment_of(version: str) -> Path:
    """The environment with Blender ``version`` ("4.2", …) as a module."""
    return ENVIRONMENT if version == MAIN_BLENDER else ENVIRONMENT / f"bpy-{version}"


def site_packages(environment: Path) -> Path:
    return environment / ("Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages")


def prepare_environment(torch: str | None = None) -> None:
    """Make ``.venv`` or bring it up to date; ``torch`` None keeps the build that is there, or takes the CPU's."""
    stamp = ENVIRONMENT / "installed.txt"
    recorded = stamp.read_text().split() if stamp.is_file() else []
    torch = torch or (recorded[0] if recorded else "cpu")
    pins = read_pins()
    wanted = [torch, fingerprint(pins["extension"] + pins["development"] + pins[f"blender-{MAIN_BLENDER}"])]
    python = python_of(ENVIRONMENT)
    if recorded == wanted and python.exists():
        return
    say("preparing .venv/ with torch, librosa and Blender as a module: about 1 GB to fetch, several minutes")
    stamp.unlink(missing_ok=True)
    create_environment(ENVIRONMENT)
    install_torch(torch, pins["extension"])
    # The pins name every package, so that pip has nothing to resolve.
    others = [pin for pin in pins["extension"] if not pin.startswith("torch==")] + pins["development"]
    install(python, "soundfile, soxr and the development tools", others, "--no-deps")
    install(python, f"Blender {MAIN_BLENDER}", pins[f"blender-{MAIN_BLENDER}"], "--no-deps")
    check_blender(ENVIRONMENT)
    stamp.write_text(" ".join(wanted) + "\n")
    say(".venv/ is ready")


def prepare_blender(version: str) -> None:
    """A thin environment: its own bpy and numpy, everything else seen through to ``.venv``."""
    environment = environment_of(version)
    pins = read_pins()[f"blender-{version}"]
    stamp = environment / "installed.txt"
    wanted = fingerprint(pins)
    if stamp.is_file() and stamp.read_text().strip() == wanted and python_of(environment).exists():
        return
    say(f"preparing {environment} with Blender {version} as a module: about 370 MB to fetch")
    stamp.unlink(missing_ok=True)
    create_environment(environment, "--without-pip")
    own = site_packages(environment)
    behind = own / "main_environment.pth"
    behind.unlink(missing_ok=True)
    install(python_of(environment), f"Blender {version}", pins, "--no-deps")
    # Folders named in a .pth file come after the environment's own: its bpy and numpy win.
    behind.write_text(os.path.relpath(site_packages(ENVIRONMENT), own) + "\n")
    check_blender(environment)
    stamp.write_text(wanted + "\n")


def fingerprint(pins: list[str]) -> str:
    return hashlib.sha256("\n".join([*sorted(pins), sys.version]).encode()).hexdigest()


def create_environment(folder: Path, *options: str) -> None:
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise BuildError("Python's venv module is incomplete; on Debian: sudo apt-get install python3.11-venv")
    if python_of(folder).exists() and run_quietly([python_of(folder), "-c", ""]).returncode == 0:
        return
    finished = run_quietly([sys.executable, "-m", "venv", "--clear", *options, folder])
    if finished.returncode:
        raise BuildError(f"cannot make {folder}: {last_line(finished)}")


def pip(*arguments: str) -> list:
    return [python_of(ENVIRONMENT), "-m", "pip", "--disable-pip-version-check", *arguments]


def install(python: Path, name: str, pins: list[str], *options: str) -> None:
    say(f"installing {name}")
    quiet = [] if sys.stdout.isatty() else ["-qq"]
    command = pip("--python", str(python), "install", *quiet, *options, *pins)
    if subprocess.run([*map(str, command)], cwd=ROOT).returncode:
        raise BuildError(f"pip could not install {name}; check the network and the free disk space, then run it again")


def install_torch(build: str, pins: list[str]) -> None:
    pin = next(pin for pin in pins if pin.startswith("torch=="))
    if build == "cpu":
        say("installing torch, the CPU build")
        if any(run_quietly(pip("install", *source)).returncode == 0 for source in torch_cpu_sources(pin)):
            return
        say(f"pip finds no CPU build of {pin}, neither in its own indexes nor at {TORCH_CPU_INDEX}")
    # Three equals signs: the CPU build, whose version ends in +cpu, does not count.
    install(python_of(ENVIRONMENT), "torch, PyPI's build (on Linux several GB)", [pin.replace("==", "===")])


def torch_cpu_sources(pin: str, target: str | None = None) -> list[list[str]]:
    """pip's arguments for the CPU build, in the order to try: what pip is configured for, then PyTorch's own index."""
    if (target or host_platform()) != "linux-x64":
        return [["--no-deps", pin]]
    own_index = ["--retries", "1", "--timeout", "20", "--index-url", TORCH_CPU_INDEX]
    return [["--no-deps", f"{pin}+cpu"], ["--no-deps", f"{pin}+cpu", *own_index]]


def check_blender(environment: Path) -> None:
    """Refuse an environment whose bpy lacks system libraries, naming the Debian packages that hold them."""
    missing: set[str] = set()
    if sys.platform == "linux" and shutil.which("ldd"):
        for module in site_packages(environment).glob("bpy/__init__*.so"):
            missing.update(re.findall(r"(\S+) => not found", run_quietly(["ldd", module]).stdout))
    if missing:
        names = sorted({DEBIAN_PACKAGES.get(library, library) for library in missing})
        raise BuildError(f"Blender's module needs system libraries; on Debian: sudo apt-get install {' '.join(names)}")
    finished = run_quietly([python_of(environment), "-c", "import bpy"])
    if finished.returncode:
        raise BuildError(f"Blender's module does not load ({last_line(finished)})")


# Demo


def demo() -> int:
    """Bake the bundled recording on the bundled head; print where the files are."""
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    blend, fbx, alembic, preview = files = [out / f"demo.{suffix}" for suffix in ("blend", "fbx", "abc", "mp4")]
    command = [python_of(ENVIRONMENT), "-m", "blendshape_talker", "bake", PACKAGE / "assets" / "demo_speech.flac"]
    command += ["--emotion", "happy", "--fps", "24", "--out", blend, "--export", fbx, "--export", alembic]
    command += ["--preview", preview]
    say("baking the demo recording, happy, on the demo head; rendering the preview takes longest")
    start = time.monotonic()
    status = subprocess.run([*map(str, command)], cwd=ROOT, stdout=subprocess.DEVNULL).returncode
    if status:
        raise BuildError(f"the demo was not baked (status {status})")
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BuildError(f"the bake wrote no {', '.join(missing)}")
    say(f"done in {time.monotonic() - start:.0f} s:")
    for file in files:
        print(f"  {file} ({file.stat().st_size / 1e6:.1f} MB)", flush=True)
    return 0


# Checks and tests


def check() -> int:
    """ruff and mypy as pyproject.toml configures them; all of them run, whatever the first one finds."""
    tools = {"lint": ["ruff", "check"], "format": ["ruff", "format", "--check"], "types": ["mypy"]}
    failures = []
    for name, tool in tools.items():
        say(f"checking {name}: {' '.join(tool)}")
        if subprocess.run([str(python_of(ENVIRONMENT)), "-m", *tool], cwd=ROOT).returncode:
            failures.append(name)
    if failures:
        raise BuildError(f"mend what is said above about {' and '.join(failures)}")
    return 0


def run_tests(arguments: list[str]) -> int:
    """The Blender tests in each other Blender, then the whole suite; named tests only in the main environment."""
    failures = []
    named = any((ROOT / argument.split("::")[0]).exists() for argument in arguments)
    for version in () if named else OTHER_BLENDERS:
        prepare_blender(version)
        say(f"tests of the Blender side with Blender {version}")
        status = run_pytest(version, ["tests/blender", *arguments], OTHER_BLENDER_MINUTES)
        # Status 5: the arguments (-k, -m) leave none of these tests.
        if status and not (arguments and status == 5):
            failures.append(f"Blender {version} (status {status})")
    say(f"the {'named tests' if named else 'whole suite'} with Blender {MAIN_BLENDER}")
    coverage = [] if arguments else ["--cov", "--cov-report=term", f"--cov-fail-under={CORE_COVERAGE}"]
    status = run_pytest(MAIN_BLENDER, [*coverage, *arguments], MAIN_MINUTES)
    if status:
        failures.append(f"Blender {MAIN_BLENDER} (status {status})")
    if failures:
        raise BuildError(f"tests failed with {', '.join(failures)}")
    return 0


def run_pytest(version: str, arguments: list[str], minutes: float) -> int:
    """pytest's exit status in one environment; a run that hangs is ended, with status 124."""
    with tempfile.TemporaryDirectory(prefix="blender_user_") as resources:
        # Keeps the tests apart from the user's own Blender settings and extensions.
        environment = dict(os.environ, BLENDER_USER_RESOURCES=resources, PYTHONNOUSERSITE="1")
        environment.pop("PYTHONPATH", None)
        command = [str(python_of(environment_of(version))), "-m", "pytest", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            return process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            say(f"pytest with Blender {version} did not end within {minutes:g} minutes; stopping it")
            return 124
        finally:
            if process.poll() is None:
                # Where the system has process groups, with what the tests started.
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
                process.wait()


# Package


def host_platform() -> str:
    for name, (system, machine, *_) in PLATFORMS.items():
        if (sys.platform, platform.machine().lower()) == (system, machine):
            return name
    raise BuildError(f"no wheels for {sys.platform} on {platform.machine()}; the choice is {', '.join(PLATFORMS)}")


def build_extension(target: str | None, folder: Path) -> Path:
    """Build and validate the extension's zip in ``folder``; ``target`` None leaves out the wheels, for any platform."""
    import tomllib

    manifest = MANIFEST.read_text(encoding="utf-8")
    values = tomllib.loads(manifest)
    suffix = target.replace("-", "_") if target else "no_wheels"
    zipped = folder / f"{values['id']}-{values['version']}-{suffix}.zip"
    wheels = gather_wheels(target) if target else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"building {zipped.name}")
    with tempfile.TemporaryDirectory(prefix="stage_", dir=folder) as stage_name:
        stage = Path(stage_name) / values["id"]
        shutil.copytree(PACKAGE, stage, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp", "training"))
        shutil.copy(ROOT / "LICENSE", stage)
        (stage / "wheels").mkdir()
        for wheel in wheels:
            shutil.copy(wheel, stage / "wheels")
        if target:
            # The wheels are CPython 3.11's; Blender 5.1 came with 3.13.
            head = f'platforms = ["{target}"]\nblender_version_max = "5.1.0"\nwheels = [\n'
            manifest = head + "".join(f'    "./wheels/{wheel.name}",\n' for wheel in wheels) + "]\n" + manifest
        (stage / MANIFEST.name).write_text(manifest, encoding="utf-8")
        built = Path(stage_name) / zipped.name
        blender_extension_tool("build", "--source-dir", str(stage), "--output-filepath", str(built))
        blender_extension_tool("validate", str(built))
        os.replace(built, zipped)
    return zipped


def blender_extension_tool(*arguments: str) -> None:
    """Blender's own command for extensions, which every bpy carries."""
    scripts = site_packages(ENVIRONMENT) / "bpy" / MAIN_BLENDER / "scripts"
    tool = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    finished = run_quietly([python_of(ENVIRONMENT), tool, *arguments])
    if finished.returncode:
        raise BuildError(f"Blender's tool refuses to {arguments[0]} the extension: {last_line(finished)}")


def gather_wheels(target: str) -> list[Path]:
    """The extension's wheels for ``target``, fetched into ``wheels/`` where they are not there yet."""
    pins = read_pins()["extension"]
    missing = [pin for pin in pins if find_wheel(pin, target) is None]
    for number, pin in enumerate(missing, 1):
        say(f"fetching {pin} for {target} into wheels/ ({number} of {len(missing)})")
        fetch_wheel(pin, target)
    return [wheel for pin in pins if (wheel := find_wheel(pin, target))]


def find_wheel(pin: str, target: str) -> Path | None:
    """The file in ``wheels/`` that is ``pin`` built for ``target``, if any."""
    name, version = pin.split("==")
    if name == "torch" and target == "linux-x64":
        version += "+cpu"
    for file in sorted(WHEELS.glob("*.whl")):
        file_name, file_version, *_, tags = file.stem.split("-")
        same = [normal(name), version] == [normal(file_name), file_version]
        if same and (tags == "any" or re.search(PLATFORMS[target][3], tags)):
            return file
    return None


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch_wheel(pin: str, target: str) -> None:
    options = ["download", "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
    for tag in PLATFORMS[target][2]:
        options += ["--platform", tag]
    sources = torch_cpu_sources(pin, target) if pin.startswith("torch==") else [["--no-deps", pin]]
    WHEELS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch_", dir=WHEELS) as folder:
        for source in sources:
            finished = run_quietly(pip(*options, "--dest", folder, *source))
            if finished.returncode == 0:
                break
        else:
            raise BuildError(f"pip finds no wheel of {pin} for {target}: {last_line(finished)}")
        for wheel in Path(folder).glob("*.whl"):
            os.replace(wheel, WHEELS / wheel.name)
    if find_wheel(pin, target) is None:
        raise BuildError(f"pip fetched a wheel of {pin} that does not fit {target}")


def run_quietly(command: list) -> subprocess.CompletedProcess:
    """Run a command to its end, its output kept."""
    return subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, errors="replace")


def last_line(finished: subprocess.CompletedProcess) -> str:
    lines = [line.strip() for line in (finished.stderr + "\n" + finished.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"status {finished.returncode}"])[-1]


if __name__ == "__main__":
    sys.exit(main())
