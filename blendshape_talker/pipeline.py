"""START HERE: a recording and an emotion in, blendshape weights per frame out (design: arXiv 2510.25234, section 3).

``Talker.load().animate("speech.wav", "happy")`` gives an :class:`Animation`: two sets of blendshapes on FLAME's
vertices and their weights over time. Blender, the command line and the tests all go through here. What it runs on
stands in networks.py, what a voice tells besides its words in listener.py. Nothing at the top of these imports torch.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .animation import Animation
from .devices import choose_device
from .errors import Cancelled
from .expression.aperture import lip_layer, opening_only
from .expression.blinks import blink_closure
from .expression.cues import Cue, CueTake, arrange, blink_interval, by_start, fade, rows_of, scaled
from .expression.heard import NEUTRAL
from .expression.library import ExpressionLibrary, emotion_names
from .expression.lids import blink_layer
from .expression.presence import presence
from .face.flame import lip_gap_per_weight
from .job import CancelTest, Progress
from .listener import Listener
from .networks import Networks
from .settings import AUTO, MODEL_FPS, check_settings, voice_share
from .speech.audio import load_recording
from .speech.frames import keep_contacts, resample, take_gain
from .speech.lip_sync import lost_closures
from .speech.prosody import Prosody
from .speech.quality import speech_warning, wordless_warning
from .speech.style import Style

if TYPE_CHECKING:
    import torch

    from .fusion import FusionModel


def emotions() -> tuple[str, ...]:
    """Names of the bundled emotions, ``neutral`` first."""
    return emotion_names()


@dataclass(frozen=True)
class Expressions:
    """The part of the networks that hears nothing: an emotion becomes weights."""

    fusion_model: "FusionModel"
    library: ExpressionLibrary

    @classmethod
    def load(cls, device: str = "auto") -> "Expressions":
        """Load the bundled weights onto ``device``; torch is imported here and not before."""
        chosen = choose_device(device)
        from .fusion import FusionModel

        return cls(FusionModel.load(device=chosen), ExpressionLibrary.load())

    @property
    def names(self) -> tuple[str, ...]:
        """Names (K_E,) of the expression's blendshapes."""
        return self.fusion_model.names[self.fusion_model.speech_count :]

    def cue_weights(
        self,
        cue: Cue,
        times: np.ndarray,
        seed: int = 0,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> np.ndarray:
        """(T, K_E) weights of one cue at ``times``, seconds of the recording, as if fully on: its strip's Action.

        The opening of the mouth is the one that the emotion wants; what of it is seen, the lip layer says.
        They depend on nothing but the cue and the take; with the same ``times - cue.start`` they are the same wherever
        the cue lies. An animation's emotion is the sum of these times :func:`expression.cues.fade`.
        """
        coefficients = self.library.living(cue.emotion, np.asarray(times) - cue.start, cue.intensity, seed)
        made = self.fusion_model.slow_weights(coefficients, self.library.basis, progress, cancelled)
        return opening_only(self.fusion_model.blendshapes[self.fusion_model.speech_count :], made)


class Talker:
    """Sound and emotion in, an animation out; :meth:`animate` is the whole path.

    networks: what all of it runs on, and where; listener: what it hears in a voice besides the words.
    """

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self.listener = Listener(networks)

    @classmethod
    def load(cls, device: str = "auto") -> "Talker":
        """With the bundled weights on ``device`` (:meth:`networks.Networks.load`)."""
        return cls(Networks.load(device))

    def warm_up(self) -> None:
        """Half a second of silence through both networks: PyTorch prepares itself in its first calls."""
        cue = Cue(0.0, 1.0, self.networks.library.names[-1])
        self.networks.held(lambda: self.networks.speech_model.move(np.zeros(8000, np.float32)))
        self.cue_weights(cue, np.arange(2) / MODEL_FPS)

    def animate(
        self,
        audio: str | os.PathLike[str],
        emotion: str = "neutral",
        intensity: float = 1.0,
        fps: float = MODEL_FPS,
        blinks: bool = True,
        seed: int = 0,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        cues: Sequence[Cue] | None = None,
        heard: float | None = None,
        style: Style | None = None,
        gaze: bool = False,
    ) -> Animation:
        """Animate a recording (wav, flac, ogg, mp3; any rate; 0.2 s and longer) with an emotion of :func:`emotions`.

        An emotion is one cue over the whole recording; ``cues`` in its place are emotions that come and go; "auto" is
        what the voice sounds like (:meth:`Listener.hear`). intensity: 0 … 1.5 times the emotion, or all cues, of which
        none gets stronger than 1.5; heard: the voice's share in it, 0 … 1: each moment is
        intensity x ((1 - heard) x chosen + heard x the voice's), 0 if not given, and 1 for "auto". fps: of the result;
        blinks: let the eyes blink; seed: the take, another number is another performance; style: how the mouth is used
        (:mod:`speech.style`), the network's average if not given; gaze: the upper lids go with the eyes, for heads
        whose eyes turn by ``eye_rotation``.
        Raises :class:`TalkerError` on bad input, :class:`Cancelled` when ``cancelled()`` turns true.
        """
        networks, library = self.networks, self.networks.library
        check_settings(emotion, intensity, fps, library.names, cues, heard)
        report = progress or (lambda fraction, message: None)
        stop = cancelled or (lambda: False)

        def stage(start: float, end: float, message: str) -> Progress:
            def inner(fraction: float, _detail: str = "") -> None:
                report(start + (end - start) * fraction, message)

            report(start, message)
            return inner

        # shares as measured on recordings of 6 s to 10 min: hearing takes nine tenths of the time
        stage(0.0, 0.01, "reading the recording")
        recording = load_recording(audio)
        share = voice_share(emotion, heard)
        if cues is None:
            cues = [] if emotion == AUTO else [Cue(0.0, recording.seconds, emotion)]
        # the intensity first: what it takes to the limit of a cue is mixed from there
        chosen = [] if share == 1.0 else scaled(scaled(cues, intensity), 1.0 - share)
        strips = arrange(chosen, recording.seconds, library)
        if stop():
            raise Cancelled
        prosody = self.listener.prosody(recording.samples, stop)
        speech, gap_mm = networks.held(lambda: self._spoken(recording.samples, prosody, seed, stage, stop, style))
        if share > 0.0:
            _, listed = self.listener.heard(recording, prosody)
            if not (listed or strips):
                listed = [Cue(0.0, recording.seconds, NEUTRAL)]
            strips = by_start(strips + arrange(scaled(listed, share * intensity), recording.seconds, library))
        doubt = speech_warning(recording.samples, gap_mm) or wordless_warning(recording.samples, gap_mm)
        times = np.arange(max(1, round(recording.seconds * fps))) / fps
        takes = self._cue_takes(strips, fps, seed, stage(0.96, 0.99, "shaping the expression"), stop)
        if stop():
            raise Cancelled
        felt = self._felt(takes, times)
        blendshapes = networks.fusion_model.blendshapes
        gap = speech @ lip_gap_per_weight(blendshapes[: speech.shape[1]])
        sample_times = keep_contacts(times, gap, fps)
        present = presence(times, recording.seconds, prosody.phrases, prosody.accents, seed)
        closure = np.zeros(len(times))
        if blinks:
            pauses = lambda second: blink_interval(strips, library, second)  # noqa: E731
            closure = blink_closure(times, recording.seconds, pauses, seed, present.blinks)
        shown, own, others = resample(speech, sample_times), *np.split(blendshapes, [speech.shape[1]])
        held = lip_layer(own, shown, others, felt, fps)
        pitch = present.eyes[:, 0] if gaze else 0.0
        blink_weights = blink_layer(others, felt + held, closure, pitch=pitch)
        felt = felt + held
        shown_gap = shown @ lip_gap_per_weight(own) + (felt + blink_weights) @ lip_gap_per_weight(others)
        found, lost = lost_closures(gap_mm, times, shown_gap)
        report(1.0, "animated")
        fallback, networks.fallback = networks.fallback, ""
        return Animation(
            fps=float(fps),
            times=times,
            speech_weights=shown,
            expression_weights=felt + blink_weights,
            names=tuple(networks.fusion_model.names),
            blendshapes=blendshapes,
            blink_closure=closure.astype(np.float32),
            blink_weights=blink_weights,
            aperture_weights=held,
            head_rotation=present.head,
            eye_rotation=present.eyes,
            cue_takes=takes,
            warnings=(*recording.warnings, *filter(None, (doubt, fallback))),
            closures_heard=found,
            closures_lost=lost,
            recalled=networks.lips.recalled,
        )

    def cue_weights(
        self,
        cue: Cue,
        times: np.ndarray,
        seed: int = 0,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> np.ndarray:
        """(T, K_E): see :meth:`Expressions.cue_weights`."""

        def made() -> np.ndarray:
            expressions = Expressions(self.networks.fusion_model, self.networks.library)
            return expressions.cue_weights(cue, times, seed, progress, cancelled)

        return self.networks.held(made)

    def _spoken(
        self,
        samples: np.ndarray,
        prosody: Prosody,
        seed: int,
        stage: Callable[[float, float, str], Progress],
        cancelled: CancelTest,
        style: Style | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, K_A) weights of speech at 60 frames a second and (N,) mm of lip gap as heard, without the take's share.

        From samples to weights all is done where the networks are, and these two come back; besides them the features,
        once, in which the voice's emotion is judged on the CPU, and with a style the few coefficients of each frame,
        which go there again.
        """
        import torch

        from .speech.model import HEARD, JUDGED

        networks = self.networks
        basis = networks.speech_model.basis

        def judging(fraction: float, message: str) -> None:
            listening(HEARD + (JUDGED - HEARD) * fraction, message)

        def voice(features: "torch.Tensor") -> None:
            self.listener.judge(samples, lambda: features.cpu().numpy(), prosody, judging, cancelled)

        with torch.inference_mode():
            listening = stage(0.01, 0.92, "listening")
            moved = networks.lips.recall(
                samples,
                lambda: networks.speech_model.move(samples, progress=listening, cancelled=cancelled, heard=voice),
            )
            if style is not None:
                moved = torch.from_numpy(style.apply(moved.cpu().numpy(), basis)).to(moved.device)
            per_mm, gain = (
                torch.from_numpy(values.astype(np.float32)).to(moved.device)
                for values in (1e3 * lip_gap_per_weight(basis), take_gain(len(moved), seed))
            )
            gap_mm = moved @ per_mm
            shaping = stage(0.92, 0.96, "shaping speech")
            speech = networks.fusion_model.weights(moved * gain[:, None], basis, "speech", shaping, cancelled)
            return speech, gap_mm.cpu().numpy()

    def _cue_takes(
        self, cues: Sequence[Cue], fps: float, seed: int, progress: Progress, cancelled: CancelTest
    ) -> tuple[CueTake, ...]:
        """The weights of each cue in the frames that hold it."""
        made = []
        for number, cue in enumerate(cues):

            def report(fraction: float, message: str = "", number: int = number) -> None:
                progress((number + fraction) / len(cues), message)

            rows = rows_of(cue, fps)
            made.append(CueTake(cue, int(rows[0]), self.cue_weights(cue, rows / fps, seed, report, cancelled)))
        return tuple(made)

    def _felt(self, takes: Sequence[CueTake], times: np.ndarray) -> np.ndarray:
        """(T, K_E) the sum of the cues, faded."""
        fusion = self.networks.fusion_model
        result = np.zeros((len(times), len(fusion.names) - fusion.speech_count), np.float32)
        for take in takes:
            rows = slice(take.first, take.first + len(take.weights))
            on = fade(take.cue, times[rows])
            result[rows] += on[:, None] * take.weights[: len(on)]
        return result
