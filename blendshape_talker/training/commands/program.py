"""The training side of the program: ``corpus``, ``train``, ``evaluate`` and ``benchmark``.

Each entry only turns arguments into one call; the modules it calls are imported when it runs, because some of them need
packages that the extension itself does not.
"""

import argparse

from ... import devices
from ...console import Progress
from ...errors import TalkerError
from . import corpora, fusion, speech, values


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
    values.add_json(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--first-use", action="store_true", help="only enabling, the first bake and the next")
    which.add_argument(
        "--long", type=values.between(1, 4 * 3600), nargs="?", const=3600.0, metavar="S",
        help="only a recording of S seconds (an hour) in Blender, beside animate alone: time, memory, the bar",
    )  # fmt: skip
    which.add_argument(
        "--edits", type=values.between(20, 3600), nargs="?", const=60.0, metavar="S",
        help="only what an animator does after a bake of S seconds (60) in Blender: Add Emotion, Swap, sliders",
    )  # fmt: skip
    parser.add_argument("--device", choices=devices.DEVICES, default="cpu", help="where the networks run (cpu)")
    parser.add_argument(
        "--seconds", type=values.between(1, 3600), nargs="+", metavar="S", help="lengths of speech to animate (60)"
    )
    parser.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace, progress: Progress) -> None:
    from .. import benchmark, edits, first_use, long_recording

    apart = arguments.first_use or arguments.long or arguments.edits
    if apart and (arguments.seconds or arguments.device != "cpu"):
        raise TalkerError("--first-use, --long and --edits run on the CPU; leave out --device and --seconds")
    if arguments.first_use:
        table = first_use.run(arguments.json)
    elif arguments.long:
        table = long_recording.run(arguments.json, arguments.long, progress)
    elif arguments.edits:
        table = edits.run(arguments.json, arguments.edits, progress=progress)
    else:
        table = benchmark.run(arguments.json, progress, arguments.device, arguments.seconds or [60.0])
    progress.close()
    print(table)
