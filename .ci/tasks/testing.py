"""Checks of the code, and the tests in every Blender: a run that hangs is ended, what cannot run here is said."""

import os
import signal
import subprocess
import tempfile

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
    """The Blender tests in each other Blender, then the whole suite; named tests only in the main environment.

    every_blender: fail where this machine cannot run one, instead of leaving it out with a line.
    """
    main = MAIN_BLENDERS[PYTHON]
    failures = []
    named = any((ROOT / argument.split("::")[0]).exists() for argument in arguments)
    for version in () if named else (version for version in BLENDERS if version != main):
        try:
            blender = prepare_blender(version)
        except Unavailable as problem:
            say(f"left out Blender {version}: {problem}")
            if every_blender:
                failures.append(f"Blender {version} (left out)")
            continue
        say(f"tests of the Blender side with Blender {version}, Python {blender.python}, {blender.own_torch} torch")
        status = run_pytest(blender, ["tests/blender", *arguments], OTHER_BLENDER_MINUTES)
        # Status 5: the arguments (-k, -m) leave none of these tests.
        if status and not (arguments and status == 5):
            failures.append(f"Blender {version} (status {status})")
    say(f"the {'named tests' if named else 'whole suite'} with Blender {main}")
    coverage = [] if arguments else ["--cov", "--cov-report=term", f"--cov-fail-under={CORE_COVERAGE}"]
    status = run_pytest(Blender(main, environment_of(main)), [*coverage, *arguments], MAIN_MINUTES)
    if status:
        failures.append(f"Blender {main} (status {status})")
    if failures:
        raise BuildError(f"tests failed with {', '.join(failures)}")
    return 0


def run_pytest(blender: Blender, arguments: list[str], minutes: float) -> int:
    """pytest's exit status in one Blender; a run that hangs is ended, with status 124."""
    with tempfile.TemporaryDirectory(prefix="blender_user_") as resources:
        # Keeps the tests apart from the user's own Blender settings and extensions.
        environment = dict(os.environ, BLENDER_USER_RESOURCES=resources, PYTHONNOUSERSITE="1")
        environment.pop("PYTHONPATH", None)
        command = blender.command("-m", "pytest", *arguments)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            return process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            say(f"pytest with Blender {blender.version} did not end within {minutes:g} minutes; stopping it")
            return 124
        finally:
            if process.poll() is None:
                # Where the system has process groups, with what the tests started.
                process.kill() if os.name == "nt" else os.killpg(process.pid, signal.SIGKILL)
                process.wait()
