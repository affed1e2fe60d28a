"""Checks of the code, and the tests in every Blender: a run that hangs is ended, what cannot run here is said."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from .common import BLENDERS, ENVIRONMENT, MAIN_BLENDERS, PYTHON, ROOT, BuildError, say
from .environment import Blender, Unavailable, environment_of, prepare_blender, python_of

# Minutes before a test run counts as hung: a class left registered can keep bpy from exiting.
OTHER_BLENDER_MINUTES = 20
MAIN_MINUTES = 50
CORE_COVERAGE = 85


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


def fuzz(arguments: list[str]) -> int:
    """tests/fuzz.py in the main environment; its exit status."""
    return subprocess.run([str(python_of(ENVIRONMENT)), "tests/fuzz.py", *arguments], cwd=ROOT).returncode


def run_tests(arguments: list[str], every_blender: bool = False) -> int:
    """The whole suite, and the Blender tests in each other Blender; named tests only in the main environment.

    Where there are two cores the suite runs beside the others, which are shown as they run; what it has said meanwhile
    comes after them, and its closing line last. every_blender: fail where this machine cannot run one, instead of
    leaving it out with a line.
    """
    version = MAIN_BLENDERS[PYTHON]
    main = Blender(version, environment_of(version))
    named = any((ROOT / argument.split("::")[0]).exists() for argument in arguments)
    blenders, failures = [], []
    for other in () if named else (other for other in BLENDERS if other != version):
        try:
            blenders.append(prepare_blender(other))
        except Unavailable as problem:
            say(f"left out Blender {other}: {problem}")
            if every_blender:
                failures.append(f"Blender {other} (left out)")
    coverage = [] if arguments else ["--cov", "--cov-report=term", f"--cov-fail-under={CORE_COVERAGE}"]
    suite = f"the {'named tests' if named else 'whole suite'} with Blender {version}"
    beside = bool(blenders) and (os.cpu_count() or 1) > 1
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(Tests(main, [*coverage, *arguments], beside)) if beside else None
        if running:
            say(f"{suite}, beside what follows")
        for blender in blenders:
            named_so = f"Blender {blender.version}, Python {blender.python}, {blender.own_torch} torch"
            say(f"tests of the Blender side with {named_so}")
            with Tests(blender, ["tests/blender", *arguments], beside, shown=True) as others:
                status = others.wait(OTHER_BLENDER_MINUTES)
            # Status 5: the arguments (-k, -m) leave none of these tests.
            if status and not (arguments and status == 5):
                failures.append(f"Blender {blender.version} (status {status})")
        say(suite)
        running = running or stack.enter_context(Tests(main, [*coverage, *arguments], shown=True))
        status = running.wait(MAIN_MINUTES)
    if status:
        failures.append(f"Blender {version} (status {status})")
    if failures:
        raise BuildError(f"tests failed with {', '.join(failures)}")
    return 0


def run_pytest(blender: Blender, arguments: list[str], minutes: float) -> int:
    """pytest's exit status in one Blender; a run that hangs is ended, with status 124."""
    with Tests(blender, arguments, shown=True) as tests:
        return tests.wait(minutes)


class Tests:
    """pytest in one Blender; what still runs when it is left is ended, with all that it started.

    beside: another run uses the machine as well, so that PyTorch takes half of the cores; shown: output goes where
    build.py's goes, else it is kept until :meth:`wait`.
    """

    def __init__(self, blender: Blender, arguments: list[str], beside: bool = False, shown: bool = False) -> None:
        self._blender = blender
        self._command = blender.command("-m", "pytest", *arguments)
        self._beside = beside
        self._shown = shown

    def __enter__(self) -> "Tests":
        self._folder = tempfile.TemporaryDirectory(prefix="blender_user_")
        # Keeps the tests apart from the user's own Blender settings and extensions.
        environment = dict(os.environ, BLENDER_USER_RESOURCES=self._folder.name, PYTHONNOUSERSITE="1")
        environment.pop("PYTHONPATH", None)
        if self._beside:
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // 2))
        said = Path(self._folder.name) / "said.txt"
        with contextlib.nullcontext() if self._shown else open(said, "wb") as output:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=environment, start_new_session=True,
                stdout=output, stderr=subprocess.STDOUT if output else None,
            )  # fmt: skip
        self._said = None if self._shown else open(said, encoding="utf-8", errors="replace")
        self._began = time.monotonic()
        return self

    def wait(self, minutes: float) -> int:
        """pytest's exit status; a run that hangs, ``minutes`` after its start, has status 124."""
        while self._process.poll() is None:
            self._tell()
            if time.monotonic() - self._began > 60 * minutes:
                say(f"pytest with Blender {self._blender.version} did not end within {minutes:g} minutes; stopping it")
                return 124
            time.sleep(0.2)
        self._tell()
        return self._process.returncode

    def _tell(self) -> None:
        """What was said since the last time."""
        if self._said:
            print(self._said.read(), end="", flush=True)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            # Where the system has process groups, with what the tests started.
            self._process.kill() if os.name == "nt" else os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._said:
            self._said.close()
        self._folder.cleanup()
