"""The command line: ``python -m blendshape_talker COMMAND``; Blender's is ``blender --command blendshape_talker …``.

Errors are one line on standard error and exit status 1; progress goes to standard error; results are whole or absent.
"""

import argparse
import io
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import devices, pipeline
from .animation import Animation
from .console import STOP_STATUS, STOPPED, Progress, Terminated, stoppable
from .errors import Cancelled, TalkerError
from .expression import cues
from .files import check_apart, check_input, check_outputs, remove_unfinished
from .settings import MODEL_FPS, check_settings, exact_rate
from .speech import style

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_WRITTEN = ("out", "curves", "export", "preview", "head", "mouth", "picture", "json")  # options that name outputs
RECORDING_HELP = "recording: wav, flac, ogg or mp3, 0.2 s to hours"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blendshape_talker", description="Animate a FLAME head from a recording and an emotion."
    )
    parser.add_argument("--verbose", action="store_true", help="log what the program does")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_animate(commands)
    _add_bake(commands)
    _add_flame(commands)
    _add_hear(commands)
    _add_style(commands)
    _add_contact_sheet(commands)
    try:
        from .training.commands.program import add_commands
    except ModuleNotFoundError as error:
        if not (error.name or "").endswith(".training"):
            raise
        # the packaged extension leaves the training side out
    else:
        add_commands(commands)
    return parser


def _add_performance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("audio", metavar="AUDIO", help=RECORDING_HELP)
    emotion_help = f"auto (what the voice sounds like) or one of {', '.join(pipeline.emotions())}"
    parser.add_argument("--emotion", default="neutral", metavar="NAME", help=emotion_help)
    parser.add_argument(
        "--intensity", type=float, default=1.0, metavar="X", help="0 to 1.5 times the emotion, or all cues (1)"
    )
    cues_help = "emotions over time: CSV (start,end,emotion,…) or an SRT or VTT transcript with [angry], (angry 0.7)"
    parser.add_argument("--cues", metavar="F", help=cues_help)
    heard_help = "the voice's own share in the emotion: 0 as chosen (default) to 1 as heard (with auto)"
    parser.add_argument("--heard", type=float, metavar="X", help=heard_help)
    style_help = f"of speaking: {', '.join(style.STYLES)}, a file of `style`, or a recording (average)"
    parser.add_argument("--style", default=style.AVERAGE, metavar="NAME", help=style_help)
    parser.add_argument("--device", choices=devices.DEVICES, default="auto", help="where the networks run (auto)")
    parser.add_argument("--no-blinks", dest="blinks", action="store_false", help="keep the eyes from blinking")
    parser.add_argument("--seed", type=int, default=0, help="of the take: another number, another performance (0)")


def _check_given(arguments: argparse.Namespace) -> None:
    """:class:`TalkerError` for what no command can mean: an option with nothing in it, mostly an unset variable of a
    shell, which would do what happens without; a file to write that is one to read."""
    written: list[str] = []
    read: list[str] = []
    for name, value in vars(arguments).items():
        listed = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
        if "" in listed:
            raise TalkerError(f"nothing was given for {name.replace('_', '-')}; say what, or leave it out")
        (written if name in _WRITTEN else read).extend(listed)
    check_apart(written, [path for path in read if os.path.isfile(path)])


def _rate(text: str) -> float:
    """Frames a second; 23.976 is 24000 / 1001."""
    return exact_rate(float(text))


def _add_animate(commands: "Subparsers") -> None:
    parser = commands.add_parser("animate", help="recording to blendshape weights, without Blender")
    _add_performance(parser)
    parser.add_argument("--out", required=True, metavar="F.npz", help="file to write")
    parser.add_argument("--fps", type=_rate, default=MODEL_FPS, metavar="R", help="frames a second (60)")
    parser.add_argument("--displacements", action="store_true", help="also write every vertex of every frame")
    parser.set_defaults(run=_animate)


def _check_files(arguments: argparse.Namespace) -> None:
    """:class:`TalkerError` for an input that cannot be read or an output that cannot be written, before any work."""
    named = vars(arguments)
    inputs = [("audio", "a recording"), ("cues", "a CSV, SRT or VTT file"), ("mesh", "a FLAME mesh")]
    given = [(named[name], what) for name, what in [*inputs, ("model", "FLAME's model file")] if named.get(name)]
    for path, what in given:
        check_input(path, what)
    outputs = [arguments.out, *named.get("export", ()), *([named["preview"]] if named.get("preview") else [])]
    check_outputs(outputs, [path for path, _ in given])


def _checked_cues(arguments: argparse.Namespace) -> list[cues.Cue] | None:
    """The cues of ``--cues``; :class:`TalkerError` for any setting of the performance, or file, that cannot be."""
    _check_files(arguments)
    style.check(arguments.style)
    names = pipeline.emotions()
    listed = cues.read_cues(arguments.cues, names) if arguments.cues else None
    check_settings(arguments.emotion, arguments.intensity, arguments.fps, names, listed, arguments.heard)
    return listed


def _perform(
    arguments: argparse.Namespace, listed: list[cues.Cue] | None, progress: Progress, gaze: bool = False
) -> Animation:
    progress(0.0, "loading the networks")
    talker = pipeline.Talker.load(arguments.device)
    animation = talker.animate(
        arguments.audio, arguments.emotion, arguments.intensity, arguments.fps,
        blinks=arguments.blinks, seed=arguments.seed, progress=progress, cues=listed,
        heard=arguments.heard, style=talker.listener.style(arguments.style), gaze=gaze,
    )  # fmt: skip
    notify = _notifier(progress)
    for warning in animation.warnings:
        notify(f"{arguments.audio}: {warning}")
    return animation


def _animate(arguments: argparse.Namespace, progress: Progress) -> None:
    listed = _checked_cues(arguments)
    animation = _perform(arguments, listed, progress)
    path = animation.save(arguments.out, displacements=arguments.displacements)
    progress.close()
    print(f"{path}: {animation.frame_count} frames at {animation.fps:g} fps, {len(animation.names)} blendshapes")


def _add_hear(commands: "Subparsers") -> None:
    parser = commands.add_parser("hear", help="the emotion in a voice as cues to edit, for --cues; without Blender")
    parser.add_argument("audio", metavar="AUDIO", help=RECORDING_HELP)
    parser.add_argument("--out", required=True, metavar="F.csv", help="cues to write")
    parser.add_argument("--curves", metavar="F.csv", help="also write valence, arousal and every class over time")
    parser.add_argument("--device", choices=devices.DEVICES, default="auto", help="where the networks run (auto)")
    parser.set_defaults(run=_hear)


def _hear(arguments: argparse.Namespace, progress: Progress) -> None:
    check_input(arguments.audio, "a recording")
    outputs = [arguments.out, *([arguments.curves] if arguments.curves else [])]
    check_outputs(outputs, [arguments.audio])
    progress(0.0, "loading the networks")
    heard, found = pipeline.Talker.load(arguments.device).listener.hear(arguments.audio, progress)
    if arguments.curves:
        heard.save(arguments.curves)
    path = cues.write_cues(arguments.out, found)
    progress.close()
    for cue in found:
        print(f"{cue.start:.2f} to {cue.end:.2f} s: {cue.emotion} {cue.intensity:g}")
    print(f"{path}: {len(found)} cue{'s' if len(found) > 1 else ''}")


def _add_style(commands: "Subparsers") -> None:
    parser = commands.add_parser(
        "style", help="a person's way of speaking from sound, or sound and motion, for --style"
    )
    parser.add_argument("audio", metavar="AUDIO", help="the recording, 5 s and longer")
    motion_help = (
        "its motion, where known: a .csv of Live Link Face, an .npz of animate, or an .npy of vertices (T, 15069)"
    )
    parser.add_argument("--motion", metavar="F", help=motion_help)
    parser.add_argument("--fps", type=float, help="frames a second of the motion where its file does not tell (60)")
    parser.add_argument("--out", required=True, metavar="F.style", help="file to write")
    parser.add_argument("--device", choices=devices.DEVICES, default="auto", help="where the networks run (auto)")
    parser.set_defaults(run=_style)


def _style(arguments: argparse.Namespace, progress: Progress) -> None:
    check_input(arguments.audio, "a recording")
    if arguments.motion:
        check_input(arguments.motion, "a file of motion")
    if not arguments.out.lower().endswith(style.SUFFIX):
        raise TalkerError(f"{arguments.out}: a style ends {style.SUFFIX}; name it so")
    check_outputs([arguments.out], [path for path in (arguments.audio, arguments.motion) if path])
    progress(0.0, "loading the networks")
    listener = pipeline.Talker.load(arguments.device).listener
    name, notify = Path(arguments.out).stem, _notifier(progress)
    made = listener.style_of(name, arguments.audio, arguments.motion, arguments.fps, notify, progress)
    path = made.save(arguments.out)
    progress.close()
    if made.reach is not None:
        print(f"{path}: heard alone; the mouth opens {made.reach[0]:.1f} mm, its corners move {made.reach[1]:.1f} mm")
        return
    opening, width = made.gains
    print(f"{path}: the mouth opens {opening:.2f} times as far as the average, its corners move {width:.2f} times")


def _add_bake(commands: "Subparsers") -> None:
    parser = commands.add_parser("bake", help="recording to an animated head in a .blend, with exports")
    _add_performance(parser)
    parser.add_argument("--out", required=True, metavar="F.blend", help="Blender file to write")
    parser.add_argument("--mesh", metavar="M", help="FLAME head: obj, ply, npz or the model's pkl (the demo head)")
    parser.add_argument("--neutralise", action="store_true", help="take out the expression that the mesh was made with")
    parser.add_argument("--fps", type=_rate, default=30.0, metavar="R", help="the scene's frames a second (30)")
    parser.add_argument("--export", action="append", default=[], metavar="F", help="also export: fbx, abc, glb, usdc")
    parser.add_argument("--preview", metavar="F.mp4", help="also render a preview video with sound")
    moving = parser.add_mutually_exclusive_group()
    moving.add_argument("--joints", action="store_true", help="give the head bones: head and eyes move as it speaks")
    moving.add_argument("--head-motion", action="store_true", help="turn the head as an object, without bones")
    parser.add_argument(
        "--reduce", type=float, metavar="MM", help="few Bézier keys, no vertex off by more (0.1, 0.25, 0.5 …)"
    )
    parser.set_defaults(run=_bake)


def _bake(arguments: argparse.Namespace, progress: Progress) -> None:
    listed = _checked_cues(arguments)
    with _needing_blender("bake"):
        from .blender import batch
    written = batch.bake_to_files(
        arguments.audio, arguments.out, mesh=arguments.mesh, emotion=arguments.emotion, intensity=arguments.intensity,
        fps=arguments.fps, blinks=arguments.blinks, seed=arguments.seed, device=arguments.device,
        exports=arguments.export, preview=arguments.preview, cues=listed, progress=progress, notify=_notifier(progress),
        neutralise=arguments.neutralise, reduce=arguments.reduce, joints=arguments.joints, turn=arguments.head_motion,
        heard=arguments.heard, style=arguments.style,
    )  # fmt: skip
    progress.close()
    for path in written:
        print(path)


@contextmanager
def _needing_blender(command: str) -> Iterator[None]:
    """Around imports from ``blender``: one line where there is no Blender."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("bpy", "mathutils"):
            raise
        raise TalkerError(
            f"{command} needs Blender: pip install bpy==4.5.15 (Python 3.11) or run inside Blender"
        ) from None


def _notifier(progress: Progress) -> Callable[[str], None]:
    def notify(line: str) -> None:
        progress.close()
        print(f"blendshape_talker: {line}", file=sys.stderr)

    return notify


def _add_contact_sheet(commands: "Subparsers") -> None:
    parser = commands.add_parser("contact-sheet", help="a picture of every blendshape, or of every emotion, in one PNG")
    parser.add_argument("--out", required=True, metavar="F.png", help="file to write")
    parser.add_argument("--emotions", action="store_true", help="show the emotions at intensity 1 instead")
    parser.add_argument("--mesh", metavar="M", help="FLAME head: obj, ply, npz or the model's pkl (the demo head)")
    parser.add_argument("--size", type=int, default=176, metavar="N", help="pixels a picture (176)")
    parser.set_defaults(run=_contact_sheet)


def _contact_sheet(arguments: argparse.Namespace, progress: Progress) -> None:
    with _needing_blender("contact-sheet"):
        from .blender import contact_sheet
    path = contact_sheet.write_contact_sheet(
        arguments.out, arguments.mesh, arguments.emotions, arguments.size,
        progress=progress, notify=_notifier(progress),
    )  # fmt: skip
    progress.close()
    print(path)


def _add_flame(commands: "Subparsers") -> None:
    parser = commands.add_parser("flame", help="recording to FLAME's expression and jaw pose, for your model file")
    _add_performance(parser)
    parser.add_argument("--model", required=True, metavar="FLAME.pkl", help="FLAME's generic_model file (.pkl or .npz)")
    parser.add_argument("--out", required=True, metavar="F.npz", help="file to write")
    parser.add_argument("--fps", type=_rate, default=30.0, metavar="R", help="frames a second (30)")
    parser.add_argument("--head-motion", action="store_true", help="write neck_pose and eyes_pose too, else zeros")
    parser.set_defaults(run=_flame)


def _flame(arguments: argparse.Namespace, progress: Progress) -> None:
    from .face import flame, flame_model

    listed = _checked_cues(arguments)
    progress(0.0, "reading the model")
    model = flame_model.load_flame_model(arguments.model)
    animation = _perform(arguments, listed, progress, gaze=arguments.head_motion)
    fitter = flame_model.FlameFitter(model, flame.load_head().face)
    progress(1.0, "fitting FLAME's parameters")
    started = time.perf_counter()
    parameters = fitter.fit(animation.weights, animation.blendshapes)
    seconds = time.perf_counter() - started
    turned = (animation.head_rotation, animation.eye_rotation) if arguments.head_motion else None
    path = flame_model.save_parameters(arguments.out, parameters, animation.fps, turned)
    progress.close()
    print(
        f"{path}: {animation.frame_count} frames at {animation.fps:g} fps; RMS distance over the face "
        f"{parameters.error_mm.mean():.3f} mm, worst frame {parameters.error_mm.max():.3f} mm; "
        f"{animation.frame_count / seconds:.0f} frames fitted a second"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    progress = Progress()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # a path that is no text comes out as it went in
    try:
        arguments = build_parser().parse_args(argv)
        logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING)
        _check_given(arguments)
        with stoppable():
            arguments.run(arguments, progress)
    except TalkerError as error:
        progress.close()
        print(f"blendshape_talker: {' '.join(str(error).splitlines())}", file=sys.stderr)
        return 1
    except (Cancelled, KeyboardInterrupt) as stop:
        progress.close()
        print(STOPPED, file=sys.stderr)
        return STOP_STATUS[signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT]
    except BrokenPipeError:
        return 1
    except OSError as error:  # of a file or folder: a full disk, a missing part of a corpus
        if error.filename is None:
            raise
        logging.getLogger(__name__).info("%s", error, exc_info=True)
        progress.close()
        print(f"blendshape_talker: {error.filename}: {error.strerror}; see to it or name another", file=sys.stderr)
        return 1
    progress.close()
    return 0


if __name__ == "__main__":
    result = main()
    if "bpy" in sys.modules:
        # bpy 4.2 crashes while it shuts down after some exports; all files are whole by now
        sys.stdout.flush()
        sys.stderr.flush()
        remove_unfinished()
        os._exit(result)
    sys.exit(result)
