"""The repository's tasks: python3.11 build.py demo | check | test | fuzz | package | environment.

Needs nothing but Python 3.11 or 3.13.

Each makes ``.venv/`` first: what the product, its tests and training need, in the versions that pyproject.toml pins,
with Blender 4.5 as a module under Python 3.11 and Blender 5.2 under 3.13. The work itself is in ``.ci/tasks/``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / ".ci"))

PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64")
PYTHONS = ("3.11", "3.13")


def parse(argv: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The task with its options, and the further arguments that go to pytest."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build, test and package Blendshape Talker.")
    tasks = parser.add_subparsers(dest="task", metavar="TASK", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--torch", choices=("cpu", "cuda"), help="build of torch to install (cpu)")
    tasks.add_parser("environment", parents=[shared], help="make or refresh .venv/")
    tasks.add_parser("demo", parents=[shared], help="bake the demo recording into out/")
    tasks.add_parser("check", parents=[shared], help="lint, format and types, in seconds")
    test = tasks.add_parser("test", parents=[shared], help="run the tests in every Blender version")
    test.epilog = "Further arguments go to pytest; naming tests runs only those, with the main Blender."
    test.add_argument("--every-blender", action="store_true", help="fail where one cannot run here; else it is named")
    package = tasks.add_parser("package", parents=[shared], help="build the extension's zips into dist/")
    package.add_argument("--platform", choices=PLATFORMS, help="(this machine's)")
    package.add_argument("--python", choices=PYTHONS, help="3.11: Blender 4.2 to 5.0; 3.13: from 5.1 on (both)")
    package.add_argument("--no-wheels", action="store_true", help="for a Blender whose Python has torch and soundfile")
    package.add_argument(
        "--torch-wheels", type=Path, metavar="DIR", help="folder with torch's wheel, where pip has none"
    )
    package.add_argument("--index", type=Path, metavar="DIR", help="all zips and index.json into DIR: a repository")
    fuzz = tasks.add_parser("fuzz", parents=[shared], help="let every reader meet 10,000 damaged and hostile files")
    fuzz.epilog = "Further arguments go to tests/fuzz.py: --count, --seed, --workers."
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.task not in ("test", "fuzz"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.task == "package":
        for_one = arguments.platform or arguments.python
        if arguments.index and (for_one or arguments.no_wheels):
            parser.error("--index makes the zips of all platforms and Pythons, with their wheels")
        if arguments.no_wheels and (for_one or arguments.torch_wheels):
            parser.error("--no-wheels makes one zip for all platforms and Pythons, without torch")
    return arguments, rest


def main(argv: list[str] | None = None) -> int:
    try:
        from tasks import demo, environment, package, testing
        from tasks.common import ROOT, BuildError, say
    except ModuleNotFoundError as error:
        if error.name != "tomllib":  # which Pythons before 3.11 lack
            raise
        print(f"build.py: needs Python 3.11 or 3.13, not {sys.version.split()[0]}", file=sys.stderr)
        return 1

    arguments, rest = parse(argv)
    try:
        environment.check_python()
        environment.prepare_environment(arguments.torch)
        if arguments.task == "demo":
            return demo.demo()
        if arguments.task == "check":
            return testing.check()
        if arguments.task == "fuzz":
            return testing.fuzz(rest)
        if arguments.task == "test":
            return testing.run_tests(rest, arguments.every_blender)
        if arguments.task == "package":
            if arguments.index:
                zips = package.make_index(arguments.index, arguments.torch_wheels)
                say(f"the repository is {arguments.index / 'index.json'}")
            elif arguments.no_wheels:
                zips = [package.build_extension(None, ROOT / "dist")]
            else:
                zips = package.package(ROOT / "dist", arguments.platform, arguments.python, arguments.torch_wheels)
            for file in zips:
                say(f"the extension is {file} ({file.stat().st_size / 1e6:.1f} MB)")
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"build.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
