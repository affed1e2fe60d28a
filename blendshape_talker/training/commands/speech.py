"""The speech network and what belongs to it: ``train speech`` and ``emotion``, and what ``evaluate`` knows of them."""

import argparse
from dataclasses import replace
from typing import Any

from ...console import Progress
from ...errors import TalkerError
from . import values


def add(networks, subjects) -> None:
    """What ``train`` and ``evaluate`` know of the speech network."""
    _add_train_speech(networks)
    _add_evaluate_speech(subjects)
    _add_evaluate_people(subjects)
    _add_evaluate_motion(subjects)
    _add_evaluate_styles(subjects)
    _add_evaluate_conditions(subjects)
    _add_evaluate_songs(subjects)
    _add_train_emotion(networks)
    _add_evaluate_emotion(subjects)


def _add_train_speech(networks) -> None:
    parser = networks.add_parser("speech", help="train the speech network")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="speech corpus: ours, VOCASET or FaceFormer's")
    parser.add_argument(
        "--out",
        required=True,
        type=values.new_file,
        metavar="F.npz",
        help="the weights; state, losses and plot beside them",
    )
    parser.add_argument(
        "--cache", required=True, type=values.new_folder, metavar="DIR", help="folder for the encoder's features"
    )
    parser.add_argument(
        "--people", type=values.folder, metavar="DIR", help="the folder of `corpus people`: how people move besides"
    )
    parser.add_argument(
        "--hold-out", nargs="*", metavar="NAME", help="people to leave out (those whom the corpus of people holds out)"
    )
    parser.add_argument("--start", metavar="F.npz", help="weights to begin with, such as those of a run without people")
    parser.add_argument(
        "--steps", type=values.at_least(1), metavar="N", help="training steps (the bundled weights' number)"
    )
    parser.add_argument(
        "--copies", type=values.at_least(0), metavar="N", help="augmented copies of each take (the bundled weights')"
    )
    parser.add_argument(
        "--seed", type=values.at_least(0), default=0, help="makes the same weights again on the same machine (0)"
    )
    parser.set_defaults(run=_train_speech)


def _train_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import train as train_speech
    from ..speech.settings import WITH_PEOPLE, TrainingSettings

    given = {name: getattr(arguments, name) for name in ("steps", "copies", "seed")}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if arguments.hold_out is not None:
        if not arguments.people:
            raise TalkerError("--hold-out is for people, whom --people names; add that or leave it out")
        changes["held_out"] = tuple(arguments.hold_out)
    settings = replace(WITH_PEOPLE if arguments.people else TrainingSettings(), **changes)
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
    values.add_json(parser)
    parser.add_argument("--windows", action="store_true", help="only the encoder's windows, and streams, on recordings")
    trained = parser.add_argument_group("networks that are trained here, for a comparison")
    which = trained.add_mutually_exclusive_group()
    which.add_argument("--ablations", action="store_const", dest="variants", const="ablations", help="without a part")
    which.add_argument("--sizes", action="store_const", dest="variants", const="sizes", help="larger and smaller ones")
    trained.add_argument("--cache", type=values.new_folder, metavar="DIR", help="features of `train speech`")
    trained.add_argument(
        "--work", type=values.new_folder, metavar="DIR", help="folder for the networks; finished ones in it are kept"
    )
    trained.add_argument(
        "--variant-steps", type=values.at_least(1), default=250, metavar="N", help="training steps of each (250)"
    )
    trained.add_argument("--whisper", metavar="F.npz", help="Whisper base's encoder: --sizes with more layers of it")
    parser.set_defaults(run=_evaluate_speech)


def _evaluate_speech(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import ablations as speech_ablations
    from ..speech import encoder_windows
    from ..speech import evaluate as evaluate_speech

    if arguments.whisper and arguments.variants != "sizes":
        raise TalkerError("--whisper is for --sizes, which trains with more of its layers; add that or leave it out")
    if arguments.variants and (arguments.windows or arguments.model):
        raise TalkerError("--ablations and --sizes measure what they train; leave out --windows and --model")
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
    parser = subjects.add_parser(
        "people", help="the mouth against people whom a camera saw and the network does not know"
    )
    parser.add_argument("--corpus", required=True, metavar="DIR", help="the folder of `corpus people`")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    values.add_json(parser)
    trained = parser.add_argument_group("networks that are trained here, each without one of the people")
    trained.add_argument(
        "--leave-out", type=values.new_folder, metavar="DIR", help="folder for them; finished ones are kept"
    )
    trained.add_argument("--speech", type=values.folder, metavar="DIR", help="speech corpus, as for `train speech`")
    trained.add_argument("--cache", type=values.new_folder, metavar="DIR", help="features of `train speech`")
    trained.add_argument("--start", metavar="F.npz", help="weights to begin with")
    parser.set_defaults(run=_evaluate_people)


def _evaluate_people(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import evaluate_people

    needs = (arguments.speech, arguments.cache, arguments.start)
    if arguments.leave_out:
        if arguments.model or not all(needs):
            raise TalkerError("--leave-out trains networks: name --speech, --cache and --start, and no --model")
        table = evaluate_people.leave_out(
            arguments.corpus, arguments.speech, arguments.leave_out, arguments.cache, arguments.start,
            json_path=arguments.json, progress=progress,
        )  # fmt: skip
    elif any(needs):
        raise TalkerError("--speech, --cache and --start are for --leave-out; add that or leave them out")
    else:
        table = evaluate_people.run(arguments.corpus, arguments.model, arguments.json, progress)
    progress.close()
    print(table)


def _add_evaluate_motion(subjects) -> None:
    parser = subjects.add_parser("motion", help="head and gaze beside people whom a camera saw saying the same")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="the folder of `corpus people`")
    parser.add_argument("--landmarks", required=True, metavar="DIR", help="the landmark files that it was made from")
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_motion)


def _evaluate_motion(arguments: argparse.Namespace, progress: Progress) -> None:
    from .. import evaluate_motion

    table = evaluate_motion.run(arguments.corpus, arguments.landmarks, arguments.json, progress)
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
    parser.add_argument(
        "--against",
        metavar="DIR",
        help="another folder with speech.npz: where the two differ on the same sounds by more than chance",
    )
    parser.add_argument(
        "--takes", type=values.at_least(1), metavar="N", help="clips in each condition, voices of a language (all)"
    )
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_conditions)


def _evaluate_conditions(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import evaluate_conditions

    table = evaluate_conditions.run(
        arguments.ljspeech, arguments.model, arguments.json, progress, arguments.takes, arguments.against
    )
    progress.close()
    print(table)


def _add_evaluate_songs(subjects) -> None:
    parser = subjects.add_parser(
        "songs", help="the lips in song: open through long vowels, shut where instruments play"
    )
    parser.add_argument("--recordings", type=values.folder, metavar="DIR", help="sound files, a row for each")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    parser.add_argument(
        "--seconds", type=values.between(8, 36000), default=240, metavar="S", help="of song to synthesise (240)"
    )
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_songs)


def _evaluate_songs(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import evaluate_songs

    table = evaluate_songs.run(arguments.recordings, arguments.model, arguments.seconds, arguments.json, progress)
    progress.close()
    print(table)


def _add_voices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--emodb", required=True, metavar="DIR", help="Emo-DB's clips: actors, seven emotions")
    parser.add_argument(
        "--people", required=True, type=values.folder, metavar="DIR", help="folders of people's recordings, as GRID's"
    )
    parser.add_argument(
        "--cache", required=True, type=values.new_folder, metavar="DIR", help="folder for what was heard in each clip"
    )


def _add_train_emotion(networks) -> None:
    parser = networks.add_parser("emotion", help="train what hears emotion in a voice, on the bundled encoder")
    _add_voices(parser)
    parser.add_argument("--out", required=True, type=values.new_file, metavar="F.npz", help="voice_emotion.npz")
    parser.add_argument(
        "--seed", type=values.at_least(0), default=0, help="of the other rooms that clips are heard in (0)"
    )
    parser.set_defaults(run=_train_emotion)


def _train_emotion(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import emotion

    settings = emotion.EmotionTraining(seed=arguments.seed)
    emotion.train(arguments.emodb, arguments.people, arguments.out, arguments.cache, settings, progress)
    progress.close()
    print(arguments.out)


def _add_evaluate_emotion(subjects) -> None:
    parser = subjects.add_parser("emotion", help="emotion heard in voices: actors left out, and people who just speak")
    _add_voices(parser)
    parser.add_argument("--ljspeech", type=values.folder, metavar="DIR", help="clips of one more voice that just reads")
    parser.add_argument("--model", metavar="F.npz", help="another voice_emotion.npz (the bundled one)")
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_emotion)


def _evaluate_emotion(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import evaluate_emotion

    table = evaluate_emotion.run(
        arguments.emodb, arguments.people, arguments.cache, arguments.ljspeech, arguments.model, arguments.json,
        progress,
    )  # fmt: skip
    progress.close()
    print(table)


def _add_evaluate_styles(subjects) -> None:
    parser = subjects.add_parser("styles", help="people's styles from a few sentences, on other sentences of theirs")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="the folder of `corpus people`")
    parser.add_argument("--model", metavar="DIR", help="folder with speech.npz (the bundled one)")
    parser.add_argument(
        "--sentences", type=values.at_least(1), default=5, metavar="N", help="that a style is made from (5, or 15 s)"
    )
    values.add_json(parser)
    parser.set_defaults(run=_evaluate_styles)


def _evaluate_styles(arguments: argparse.Namespace, progress: Progress) -> None:
    from ..speech import evaluate_styles

    table = evaluate_styles.run(arguments.corpus, arguments.model, arguments.sentences, arguments.json, progress)
    progress.close()
    print(table)
