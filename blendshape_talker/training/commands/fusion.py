"""``train fusion`` and ``evaluate fusion``."""

import argparse

from ...console import Progress
from ...errors import TalkerError
from . import values


def add(networks, subjects) -> None:
    """What ``train`` and ``evaluate`` know of the fusion network."""
    _add_train_fusion(networks)
    _add_evaluate_fusion(subjects)


def _add_fusion_corpora(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speech", required=True, type=values.folder, metavar="DIR", help="speech corpus: ours or VOCASET"
    )
    parser.add_argument(
        "--expressions", required=True, type=values.folder, metavar="DIR", help="expression corpus: ours or Florence4D"
    )
    parser.add_argument("--geometry", metavar="facs.npz", help="where the corpora hold none of their own")


def _target(text: str) -> str:
    """``--out`` of ``train fusion``, which may name the file too."""
    return values.new_file(text) if text.endswith(".npz") else values.new_folder(text)


def _add_train_fusion(networks) -> None:
    parser = networks.add_parser("fusion", help="train the deformation fusion module")
    _add_fusion_corpora(parser)
    parser.add_argument(
        "--out", required=True, type=_target, metavar="DIR", help="folder for fusion.npz and its loss plot"
    )
    lips_help = "do not train: give DIR's fusion.npz its lip shapes anew, all else as it is"
    lids_help = "do not train: mend lids and folds of DIR's fusion.npz, which lacks either, all else as it is"
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--lips-of", metavar="DIR", help=lips_help)
    instead.add_argument("--lids-of", metavar="DIR", help=lids_help)
    parser.add_argument(
        "--steps", type=values.at_least(1), metavar="N", help="training steps (the bundled weights' number)"
    )
    parser.add_argument(
        "--seed", type=values.at_least(0), default=0, help="makes the same weights again on the same machine (0)"
    )
    parser.set_defaults(run=_train_fusion)


def _train_fusion(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..fusion.settings import FusionTraining
    from ..fusion.train import extend, mend, train

    corpora = arguments.speech, arguments.expressions
    option = "--lips-of" if arguments.lips_of else "--lids-of" if arguments.lids_of else ""
    if option and (arguments.steps is not None or arguments.seed):
        raise TalkerError(f"{option} trains nothing; leave out --steps and --seed")
    if arguments.lids_of:
        path = mend(arguments.lids_of, *corpora, arguments.out, arguments.geometry)
    elif arguments.lips_of:
        path = extend(arguments.lips_of, *corpora, arguments.out, arguments.geometry, progress)
    else:
        changes = {"seed": arguments.seed} | ({"steps": arguments.steps} if arguments.steps is not None else {})
        path = train(*corpora, arguments.out, FusionTraining(**changes), arguments.geometry, progress)
    progress.close()
    print(path)


def _add_evaluate_fusion(subjects) -> None:
    parser = subjects.add_parser("fusion", help="closures, expression kept, leakage and errors in one table")
    _add_fusion_corpora(parser)
    parser.add_argument("--model", metavar="DIR", help="folder with fusion.npz (the bundled one)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sizes", action="store_true", help="only the error by number of blendshapes")
    which.add_argument("--ablations", action="store_true", help="train and measure the ablations too")
    parser.add_argument(
        "--ablation-steps", type=values.at_least(1), default=600, metavar="N", help="training steps of each (600)"
    )
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_fusion)


def _evaluate_fusion(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..fusion import evaluate as evaluate_fusion
    from ..fusion.sizes import size_table

    if arguments.sizes:
        if arguments.json or arguments.model:
            raise TalkerError("--sizes measures no model and writes no file; leave out --model and --json")
        progress.close()
        print(size_table(arguments.speech, arguments.expressions, arguments.geometry))
        return
    table = evaluate_fusion.evaluate(
        arguments.speech, arguments.expressions, arguments.model, arguments.ablations, arguments.ablation_steps,
        arguments.geometry, arguments.json, progress,
    )  # fmt: skip
    progress.close()
    print(table)
