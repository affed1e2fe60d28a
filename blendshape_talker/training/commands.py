"""The command line's training side: ``corpus``, ``train``, ``evaluate`` and ``benchmark``.

Each entry only turns arguments into one call; the modules it calls are imported when it runs, because some of them need
packages that the extension itself does not.
"""

import argparse
from dataclasses import replace

from ..console import Progress
from ..errors import TalkerError


def add_commands(commands) -> None:
    """Add the training side's commands to the program's subparsers."""
    corpus = commands.add_parser("corpus", help="make training data from licensed sources")
    corpora = corpus.add_subparsers(dest="corpus", metavar="CORPUS", required=True)
    _add_geometry(corpora)
    _add_speech_corpus(corpora)
    _add_people_corpus(corpora)
    _add_demo_speech(corpora)
    _add_expressions(corpora)
    _add_encoder(corpora)
    _add_mel_filters(corpora)

    train = commands.add_parser("train", help="train a network")
    networks = train.add_subparsers(dest="network", metavar="NETWORK", required=True)

    evaluate = commands.add_parser("evaluate", help="measure the bundled or other weights")
    subjects = evaluate.add_subparsers(dest="subject", metavar="SUBJECT", required=True)

    _add_train_speech(networks)
    _add_evaluate_speech(subjects)
    _add_evaluate_people(subjects)
    _add_evaluate_conditions(subjects)
    _add_train_fusion(networks)
    _add_evaluate_fusion(subjects)

    _add_benchmark(commands)


# ---- geometry -----------------------------------------------------------------------------------------------------


def _add_geometry(corpora) -> None:
    parser = corpora.add_parser("geometry", help="carry ICT-FaceKit's shapes over to FLAME's vertices")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with ict_facekit.npz, flame_topology.npz")
    parser.add_argument("--out", required=True, metavar="facs.npz", help="shapes and identities for the other corpora")
    parser.add_argument("--head", metavar="head.npz", help="also write the canonical head and geometry map")
    parser.add_argument("--mouth", metavar="mouth.npz", help="also write the head's teeth, gums and tongue")
    parser.add_argument("--picture", metavar="F.png", help="also draw the bundled geometry map with a few shapes")
    parser.set_defaults(run=_geometry)


def _geometry(arguments: argparse.Namespace, progress: Progress) -> None:
    from . import plots
    from .geometry import facs, head, mouth

    facs.make_facs(arguments.data, arguments.out, progress=progress)
    if arguments.head:
        head.make_head(arguments.out, arguments.head, progress=progress)
    if arguments.mouth:
        mouth.make_mouth(arguments.out, arguments.data, arguments.mouth, progress=progress)
    if arguments.picture:
        plots.plot_geometry_map(arguments.out, arguments.picture)


# ---- speech corpus ------------------------------------------------------------------------------------------------


def _add_speech_corpus(corpora) -> None:
    parser = corpora.add_parser(
        "speech",
        help="voices with known phone times on moving heads",
        description="Needs Debian's espeak-ng, flite, festival with festvox-kallpc16k, festvox-kdlpc16k and "
        "festvox-us-slt-hts, and wordnet-base. A run that was stopped goes on where it was.",
    )
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="the file of `corpus geometry`")
    parser.add_argument("--ljspeech", metavar="DIR", help="LJ Speech clips (FLAC or WAV) with transcripts.tsv")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--hours", type=float, default=3.0, help="speech to make, recordings included (default 3)")
    parser.add_argument(
        "--layout",
        choices=("curves", "vocaset", "faceformer"),
        default="curves",
        help="curves: FACS weights, compact; the others: vertex files as VOCASET and FaceFormer have them",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same corpus (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="voices made at once (default 2)")
    parser.set_defaults(run=_speech_corpus)


def _speech_corpus(arguments: argparse.Namespace, progress: Progress) -> None:
    from .corpus import speech_corpus

    speech_corpus.make_speech_corpus(
        arguments.geometry,
        arguments.out,
        ljspeech=arguments.ljspeech,
        hours=arguments.hours,
        layout=arguments.layout,
        seed=arguments.seed,
        processes=arguments.processes,
        progress=progress,
    )


def _add_people_corpus(corpora) -> None:
    parser = corpora.add_parser(
        "people", help="people seen while they speak: FACS curves fitted to landmarks of videos"
    )
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="the file of `corpus geometry`")
    parser.add_argument("--landmarks", required=True, metavar="DIR", help="NAME_landmarks.npz beside recordings NAME/")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.set_defaults(run=_people_corpus)


def _people_corpus(arguments: argparse.Namespace, progress: Progress) -> None:
    from .corpus import people

    figures = people.make_people_corpus(arguments.geometry, arguments.landmarks, arguments.out, progress)
    progress.close()
    print(people.table(figures))


def _add_demo_speech(corpora) -> None:
    parser = corpora.add_parser("demo-speech", help="synthesise the bundled demo recording (needs Debian's festival)")
    parser.add_argument("--out", required=True, metavar="F.flac", help="16 kHz mono FLAC to write")
    parser.set_defaults(run=_demo_speech)


def _demo_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from .corpus import demo_speech

    progress(0.0, "speaking")
    demo_speech.make_demo_speech(arguments.out)
    progress(1.0, "written")


# ---- expression corpus --------------------------------------------------------------------------------------------


def _add_expressions(corpora) -> None:
    parser = corpora.add_parser("expressions", help="make expression sequences from neutral to apex and back")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the sequences")
    parser.add_argument("--identities", type=int, default=24, metavar="N", help="subjects, each with its habits (24)")
    layout_help = "curves: compact FACS weights; florence4d: PLY files as in Florence4D (curves)"
    parser.add_argument("--layout", choices=("curves", "florence4d"), default="curves", help=layout_help)
    parser.add_argument("--seed", type=int, default=0, help="makes the same corpus again (0)")
    parser.set_defaults(run=_expressions)

    parser = corpora.add_parser("expression-library", help="make the emotions that the add-on offers")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, metavar="expressions.npz", help="file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the living variation (0)")
    parser.set_defaults(run=_expression_library)
    parser = corpora.add_parser("neutral", help="make the maps that tell a person's face from an expression")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, metavar="neutral.npz", help="file to write")
    parser.set_defaults(run=_neutral)


def _neutral(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..expression.library import ExpressionLibrary
    from .geometry import neutral

    library = ExpressionLibrary.load()
    print(neutral.make_neutral_model(arguments.geometry, library.directions, arguments.out))
    apexes = [emotion.apex for name, emotion in library.emotions.items() if name != "neutral"]
    print("the bundled model:", neutral.measure(arguments.geometry, library.basis, apexes))


def _expressions(arguments: argparse.Namespace, progress: Progress) -> None:
    from .corpus import expression_corpus

    expression_corpus.make_corpus(
        arguments.geometry, arguments.out, arguments.identities, arguments.layout, arguments.seed, progress
    )


def _expression_library(arguments: argparse.Namespace, progress: Progress) -> None:
    from .corpus import expression_corpus

    expression_corpus.make_library(arguments.geometry, arguments.out, arguments.seed)


# ---- speech network -----------------------------------------------------------------------------------------------


def _add_encoder(corpora) -> None:
    parser = corpora.add_parser("encoder", help="the bundled part of Whisper's encoder, in 8 bits")
    parser.add_argument("--whisper", required=True, metavar="F.npz", help="Whisper base's encoder, PyTorch's names")
    parser.add_argument("--out", required=True, metavar="F.npz", help="whisper_encoder.npz")
    parser.add_argument("--layers", type=int, default=4, metavar="N", help="layers to keep, 1 to 6 (4)")
    parser.set_defaults(run=_encoder)


def _encoder(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import whisper

    whisper.convert(arguments.whisper, arguments.out, arguments.layers)
    progress.close()
    print(arguments.out)


def _add_mel_filters(corpora) -> None:
    parser = corpora.add_parser("mel-filters", help="the mel filters that sound is heard through, from librosa")
    parser.add_argument("--out", required=True, metavar="F.npz", help="mel_filters.npz")
    parser.set_defaults(run=_mel_filters)


def _mel_filters(arguments: argparse.Namespace, progress: Progress) -> None:
    from .speech import mel_filters

    mel_filters.write_mel_filters(arguments.out)
    progress.close()
    print(arguments.out)


def _add_train_speech(networks) -> None:
    parser = networks.add_parser("speech", help="train the speech network")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="speech corpus: ours, VOCASET or FaceFormer's")
    parser.add_argument("--out", required=True, metavar="F.npz", help="the weights; state, losses and plot beside them")
    parser.add_argument("--cache", required=True, metavar="DIR", help="folder for the encoder's features")
    parser.add_argument("--people", metavar="DIR", help="the folder of `corpus people`: how people move besides")
    parser.add_argument("--start", metavar="F.npz", help="weights to begin with, such as those of a run without people")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (the bundled weights' number)")
    parser.add_argument("--copies", type=int, metavar="N", help="augmented copies of each take (the bundled weights')")
    parser.add_argument("--seed", type=int, default=0, help="makes the same weights again on the same machine (0)")
    parser.set_defaults(run=_train_speech)


def _train_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from .speech import train as train_speech

    given = {name: getattr(arguments, name) for name in ("steps", "copies", "seed")}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = replace(train_speech.WITH_PEOPLE if arguments.people else train_speech.TrainingSettings(), **changes)
    path = train_speech.train(
        arguments.corpus, arguments.out, arguments.cache, settings, progress,
        people=arguments.people, start=arguments.start,
    )  # fmt: skip
    progress.close()
    print(path)


def _add_evaluate_speech(subjects) -> None:
    parser = subjects.add_parser("speech", help="lip sync on speech that was never trained on, in one table")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="speech corpus: ours, VOCASET or FaceFormer's")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="sequences to measure (test)")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.add_argument("--windows", action="store_true", help="only the encoder's windows, and streams, on recordings")
    trained = parser.add_argument_group("networks that are trained here, for a comparison")
    which = trained.add_mutually_exclusive_group()
    which.add_argument("--ablations", action="store_const", dest="variants", const="ablations", help="without a part")
    which.add_argument("--sizes", action="store_const", dest="variants", const="sizes", help="larger and smaller ones")
    trained.add_argument("--cache", metavar="DIR", help="features of `train speech`")
    trained.add_argument("--work", metavar="DIR", help="folder for the networks; finished ones in it are kept")
    trained.add_argument("--variant-steps", type=int, default=250, metavar="N", help="training steps of each (250)")
    trained.add_argument("--whisper", metavar="F.npz", help="Whisper base's encoder: --sizes with more layers of it")
    parser.set_defaults(run=_evaluate_speech)


def _evaluate_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from .speech import ablations as speech_ablations
    from .speech import encoder_windows
    from .speech import evaluate as evaluate_speech

    if arguments.windows:
        table = encoder_windows.run(arguments.corpus, arguments.model, arguments.split, arguments.json, progress)
    elif arguments.variants:
        if not (arguments.cache and arguments.work):
            raise TalkerError("--ablations and --sizes train networks: name --cache and --work for their files")
        table = speech_ablations.run(
            arguments.corpus, arguments.work, arguments.cache, arguments.variant_steps, arguments.variants,
            arguments.whisper, arguments.json, progress,
        )  # fmt: skip
    else:
        table = evaluate_speech.run(arguments.corpus, arguments.model, arguments.split, arguments.json, progress)
    progress.close()
    print(table)


def _add_evaluate_people(subjects) -> None:
    parser = subjects.add_parser("people", help="the mouth against people whom a camera saw and no network knows")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="the folder of `corpus people`")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.set_defaults(run=_evaluate_people)


def _evaluate_people(arguments: argparse.Namespace, progress: Progress) -> None:
    from .speech import evaluate_people

    table = evaluate_people.run(arguments.corpus, arguments.model, arguments.json, progress)
    progress.close()
    print(table)


def _add_evaluate_conditions(subjects) -> None:
    parser = subjects.add_parser(
        "conditions",
        help="lip sync over telephones and music, whispered, sung, in other languages, and where nobody speaks",
        description="Needs Debian's espeak-ng for the languages.",
    )
    parser.add_argument("--ljspeech", required=True, metavar="DIR", help="LJ Speech clips with transcripts.tsv")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.set_defaults(run=_evaluate_conditions)


def _evaluate_conditions(arguments: argparse.Namespace, progress: Progress) -> None:
    from .speech import evaluate_conditions

    table = evaluate_conditions.run(arguments.ljspeech, arguments.model, arguments.json, progress)
    progress.close()
    print(table)


# ---- fusion network -----------------------------------------------------------------------------------------------


def _add_fusion_corpora(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speech", required=True, metavar="DIR", help="speech corpus: ours or VOCASET")
    parser.add_argument("--expressions", required=True, metavar="DIR", help="expression corpus: ours or Florence4D")
    parser.add_argument("--geometry", metavar="facs.npz", help="where the corpora hold none of their own")


def _add_train_fusion(networks) -> None:
    parser = networks.add_parser("fusion", help="train the deformation fusion module")
    _add_fusion_corpora(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for fusion.npz and its loss plot")
    lips_help = "do not train: give DIR's fusion.npz its lip shapes anew, all else as it is"
    parser.add_argument("--lips-of", metavar="DIR", help=lips_help)
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (the bundled weights' number)")
    parser.add_argument("--seed", type=int, default=0, help="makes the same weights again on the same machine (0)")
    parser.set_defaults(run=_train_fusion)


def _train_fusion(arguments: argparse.Namespace, progress: Progress) -> None:
    from .fusion.settings import FusionTraining
    from .fusion.train import extend, train

    corpora = arguments.speech, arguments.expressions
    if arguments.lips_of:
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
    parser.add_argument("--sizes", action="store_true", help="only the error by number of blendshapes")
    parser.add_argument("--ablations", action="store_true", help="train and measure the ablations too")
    parser.add_argument("--ablation-steps", type=int, default=600, metavar="N", help="training steps of each (600)")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.set_defaults(run=_evaluate_fusion)


def _evaluate_fusion(arguments: argparse.Namespace, progress: Progress) -> None:
    from .fusion import evaluate as evaluate_fusion
    from .fusion.sizes import size_table

    if arguments.sizes:
        progress.close()
        print(size_table(arguments.speech, arguments.expressions, arguments.geometry))
        return
    table = evaluate_fusion.evaluate(
        arguments.speech, arguments.expressions, arguments.model, arguments.ablations, arguments.ablation_steps,
        arguments.geometry, arguments.json, progress,
    )  # fmt: skip
    progress.close()
    print(table)


# ---- benchmark ----------------------------------------------------------------------------------------------------


def _add_benchmark(commands) -> None:
    parser = commands.add_parser("benchmark", help="time loading and the whole path")
    parser.add_argument("--json", metavar="F", help="also write the figures as JSON")
    parser.add_argument("--first-use", action="store_true", help="only enabling, the first bake and the next")
    parser.set_defaults(run=_benchmark)


def _benchmark(arguments: argparse.Namespace, progress: Progress) -> None:
    from . import benchmark, first_use

    if arguments.first_use:
        table = first_use.run(arguments.json)
    else:
        table = benchmark.run(json_path=arguments.json, progress=progress)
    progress.close()
    print(table)
