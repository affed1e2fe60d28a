"""The command line's training side: ``corpus``, ``train``, ``evaluate`` and ``benchmark``.

Each entry only turns arguments into one call; the modules it calls are imported when it runs, because some of them need
packages that the extension itself does not.
"""

import argparse

from ..console import Progress


def add_commands(commands) -> None:
    """Add the training side's commands to the program's subparsers."""
    corpus = commands.add_parser("corpus", help="make training data from licensed sources")
    corpora = corpus.add_subparsers(dest="corpus", metavar="CORPUS", required=True)
    _add_geometry(corpora)

    train = commands.add_parser("train", help="train a network")
    networks = train.add_subparsers(dest="network", metavar="NETWORK", required=True)

    evaluate = commands.add_parser("evaluate", help="measure the bundled or other weights")
    subjects = evaluate.add_subparsers(dest="subject", metavar="SUBJECT", required=True)

    _add_benchmark(commands)
    del networks, subjects


# ---- geometry -----------------------------------------------------------------------------------------------------


def _add_geometry(corpora) -> None:
    parser = corpora.add_parser("geometry", help="carry ICT-FaceKit's shapes over to FLAME's vertices")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with ict_facekit.npz, flame_topology.npz")
    parser.add_argument("--out", required=True, metavar="facs.npz", help="shapes and identities for the other corpora")
    parser.add_argument("--head", metavar="head.npz", help="also write the canonical head and geometry map")
    parser.set_defaults(run=_geometry)


def _geometry(arguments: argparse.Namespace, progress: Progress) -> None:
    from . import geometry

    geometry.make_facs(arguments.data, arguments.out, progress=progress)
    if arguments.head:
        geometry.make_head(arguments.data, arguments.out, arguments.head, progress=progress)


# ---- speech corpus ------------------------------------------------------------------------------------------------
# ---- expression corpus --------------------------------------------------------------------------------------------
# ---- speech network -----------------------------------------------------------------------------------------------
# ---- fusion network -----------------------------------------------------------------------------------------------
# ---- benchmark ----------------------------------------------------------------------------------------------------


def _add_benchmark(commands) -> None:
    parser = commands.add_parser("benchmark", help="time loading and the whole path")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace, progress: Progress) -> None:
    from . import benchmark

    benchmark.run(json_path=arguments.json, progress=progress)
