"""``corpus``: training data and assets made from the licensed sources."""

import argparse

from ...console import Progress
from . import values


def add(corpora) -> None:
    """Every corpus and every asset made by a command of its own."""
    _add_geometry(corpora)
    _add_speech_corpus(corpora)
    _add_people_corpus(corpora)
    _add_demo_speech(corpora)
    _add_expressions(corpora)
    _add_encoder(corpora)
    _add_mel_filters(corpora)


# ---- geometry -----------------------------------------------------------------------------------------------------


def _add_geometry(corpora) -> None:
    parser = corpora.add_parser("geometry", help="carry ICT-FaceKit's shapes over to FLAME's vertices")
    parser.add_argument("--data", required=True, metavar="DIR", help="folder with ict_facekit.npz, flame_topology.npz")
    parser.add_argument(
        "--out",
        required=True,
        type=values.new_file,
        metavar="facs.npz",
        help="shapes and identities for the other corpora",
    )
    parser.add_argument(
        "--head", type=values.new_file, metavar="head.npz", help="also write the canonical head and geometry map"
    )
    parser.add_argument(
        "--mouth", type=values.new_file, metavar="mouth.npz", help="also write the head's teeth, gums and tongue"
    )
    parser.add_argument(
        "--picture", type=values.output, metavar="F.png", help="also draw the bundled geometry map with a few shapes"
    )
    parser.set_defaults(run=_geometry)


def _geometry(arguments: argparse.Namespace, progress: Progress) -> None:
    from .. import plots
    from ..geometry import facs, head, mouth

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
    parser.add_argument(
        "--ljspeech", type=values.folder, metavar="DIR", help="LJ Speech clips (FLAC or WAV) with transcripts.tsv"
    )
    parser.add_argument("--out", required=True, type=values.new_folder, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--hours", type=values.between(0.01, 1000), default=3.0, help="speech to make, recordings included (default 3)"
    )
    parser.add_argument(
        "--layout",
        choices=("curves", "vocaset", "faceformer"),
        default="curves",
        help="curves: FACS weights, compact; the others: vertex files as VOCASET and FaceFormer have them",
    )
    parser.add_argument(
        "--seed", type=values.at_least(0), default=0, help="the same seed makes the same corpus (default 0)"
    )
    parser.add_argument("--processes", type=values.at_least(1), default=2, help="voices made at once (default 2)")
    parser.set_defaults(run=_speech_corpus)


def _speech_corpus(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..corpus import speech_corpus

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
    parser.add_argument("--out", required=True, type=values.new_folder, metavar="DIR", help="folder to write")
    parser.set_defaults(run=_people_corpus)


def _people_corpus(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..corpus import people

    figures = people.make_people_corpus(arguments.geometry, arguments.landmarks, arguments.out, progress)
    progress.close()
    print(people.table(figures))


def _add_demo_speech(corpora) -> None:
    parser = corpora.add_parser("demo-speech", help="synthesise the bundled demo recording (needs Debian's festival)")
    parser.add_argument("--out", required=True, type=values.output, metavar="F.flac", help="16 kHz mono FLAC to write")
    parser.set_defaults(run=_demo_speech)


def _demo_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..corpus import demo_speech

    progress(0.0, "speaking")
    demo_speech.make_demo_speech(arguments.out)
    progress(1.0, "written")


# ---- expression corpus --------------------------------------------------------------------------------------------


def _add_expressions(corpora) -> None:
    parser = corpora.add_parser("expressions", help="make expression sequences from neutral to apex and back")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, type=values.new_folder, metavar="DIR", help="folder for the sequences")
    parser.add_argument(
        "--identities", type=values.at_least(1), default=24, metavar="N", help="subjects, each with its habits (24)"
    )
    layout_help = "curves: compact FACS weights; florence4d: PLY files as in Florence4D (curves)"
    parser.add_argument("--layout", choices=("curves", "florence4d"), default="curves", help=layout_help)
    parser.add_argument("--seed", type=values.at_least(0), default=0, help="makes the same corpus again (0)")
    parser.set_defaults(run=_expressions)

    parser = corpora.add_parser("expression-library", help="make the emotions that the add-on offers")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, type=values.new_file, metavar="expressions.npz", help="file to write")
    parser.add_argument("--seed", type=values.at_least(0), default=0, help="of the living variation (0)")
    parser.set_defaults(run=_expression_library)
    parser = corpora.add_parser("neutral", help="make the maps that tell a person's face from an expression")
    parser.add_argument("--geometry", required=True, metavar="facs.npz", help="made by 'corpus geometry'")
    parser.add_argument("--out", required=True, type=values.new_file, metavar="neutral.npz", help="file to write")
    parser.set_defaults(run=_neutral)


def _neutral(arguments: argparse.Namespace, progress: Progress) -> None:
    from ...expression.library import ExpressionLibrary
    from ..geometry import neutral

    library = ExpressionLibrary.load()
    print(neutral.make_neutral_model(arguments.geometry, library.directions, arguments.out))
    apexes = [emotion.apex for name, emotion in library.emotions.items() if name != "neutral"]
    print("the bundled model:", neutral.measure(arguments.geometry, library.basis, apexes))


def _expressions(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..corpus import expression_corpus

    expression_corpus.make_corpus(
        arguments.geometry, arguments.out, arguments.identities, arguments.layout, arguments.seed, progress
    )


def _expression_library(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..corpus import expression_corpus

    expression_corpus.make_library(arguments.geometry, arguments.out, arguments.seed)


# ---- what speech is heard through --------------------------------------------------------------------------------


def _add_encoder(corpora) -> None:
    parser = corpora.add_parser("encoder", help="the bundled part of Whisper's encoder, in 8 bits")
    parser.add_argument("--whisper", required=True, metavar="F.npz", help="Whisper base's encoder, PyTorch's names")
    parser.add_argument("--out", required=True, type=values.new_file, metavar="F.npz", help="whisper_encoder.npz")
    parser.add_argument(
        "--layers", type=int, choices=range(1, 7), default=4, metavar="N", help="layers to keep, 1 to 6 (4)"
    )
    parser.set_defaults(run=_encoder)


def _encoder(arguments: argparse.Namespace, progress: Progress) -> None:
    from ...speech import whisper

    whisper.convert(arguments.whisper, arguments.out, arguments.layers)
    progress.close()
    print(arguments.out)


def _add_mel_filters(corpora) -> None:
    parser = corpora.add_parser("mel-filters", help="the mel filters that sound is heard through, from librosa")
    parser.add_argument("--out", required=True, type=values.new_file, metavar="F.npz", help="mel_filters.npz")
    parser.set_defaults(run=_mel_filters)


def _mel_filters(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import mel_filters

    mel_filters.write_mel_filters(arguments.out)
    progress.close()
    print(arguments.out)
