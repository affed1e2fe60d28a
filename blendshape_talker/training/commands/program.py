"""The training side of the program: ``corpus``, ``train``, ``evaluate`` and ``benchmark``.

Each entry only turns arguments into one call; the modules it calls are imported when it runs, because some of them need
packages that the extension itself does not.
"""

import argparse

from ... import devices
from ...console import Progress
from ...errors import TalkerError
from . import corpora, fusion, speech


def add_commands(commands) -> None:
    """Add the training side's commands to the program's subparsers."""
    corpus = commands.add_parser("corpus", help="make training data from licensed sources")
    corpora.add(corpus.add_subparsers(dest="corpus", metavar="CORPUS", required=True))

    train = commands.add_parser("train", help="train a network")
    networks = train.add_subparsers(dest="network", metavar="NETWORK", required=True)
    evaluate = commands.add_parser("evaluate", help="measure the bundled or other weights")
    subjects = evaluate.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    speech.add(networks, subjects)
    fusion.add(networks, subjects)

    _add_benchmark(commands)


def _add_benchmark(commands) -> None:
    parser = commands.add_parser("benchmark", help="time loading and the whole path")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.add_argument("--first-use", action="store_true", help="only enabling, the first bake and the next")
    parser.add_argument(
        "--long", type=float, nargs="?", const=3600.0, metavar="S",
        help="only a recording of S seconds (an hour) in Blender, beside animate alone: time, memory, the bar",
    )  # fmt: skip
    parser.add_argument(
        "--edits", type=float, nargs="?", const=60.0, metavar="S",
        help="only what an animator does after a bake of S seconds (60) in Blender: Add Emotion, Swap, sliders",
    )  # fmt: skip
    parser.add_argument("--device", choices=devices.DEVICES, default="cpu", help="where the networks run (cpu)")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[60.0], metavar="S", help="lengths of speech to animate (60)"
    )
    parser.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace, progress: Progress) -> None:
    from .. import benchmark, edits, first_use, long_recording

    if arguments.first_use:
        table = first_use.run(arguments.json)
    elif arguments.long:
        table = long_recording.run(arguments.json, arguments.long, progress)
    elif arguments.edits:
        table = edits.run(arguments.json, arguments.edits, progress=progress)
    else:
        for seconds in arguments.seconds:
            if not 1.0 <= seconds <= 3600.0:  # also refuses NaN
                raise TalkerError(f"{seconds:g} s of speech are out of range; choose 1 to 3600")
        table = benchmark.run(arguments.json, progress, arguments.device, arguments.seconds)
    progress.close()
    print(table)
