"""START HERE: a recording and an emotion in, blendshape weights per frame out (design: arXiv 2510.25234, section 3).

``Talker.load().animate("speech.wav", "happy")`` gives an :class:`Animation`: two sets of blendshapes on FLAME's
vertices and their weights over time. Blender, the command line and the tests all go through here. Nothing at the top
of this module imports torch.
"""

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .animation import Animation
from .checkpoint import ASSETS
from .devices import FAILURES, choose_device, reason_of, release_memory
from .errors import Cancelled, TalkerError
from .expression.aperture import lip_layer, opening_only
from .expression.blinks import blink_closure
from .expression.cues import Cue, CueTake, arrange, blink_interval, by_start, fade, rows_of, scaled
from .expression.heard import NEUTRAL, heard_cues
from .expression.library import ExpressionLibrary, emotion_names
from .expression.lids import blink_layer
from .expression.presence import presence
from .face.flame import lip_gap_per_weight
from .settings import AUTO, MODEL_FPS, check_settings, voice_share
from .speech import style as styles
from .speech.audio import SAMPLE_RATE, Recording, load_recording
from .speech.emotion import Heard, VoiceEmotion
from .speech.frames import keep_contacts, resample, take_gain
from .speech.lip_sync import lost_closures
from .speech.memory import Memory
from .speech.prosody import Prosody, read_prosody
from .speech.quality import speech_warning, wordless_warning
from .speech.style import Style, fit
from .speech.style_motion import read_motion

if TYPE_CHECKING:
    import torch

    from .fusion import FusionModel
    from .speech.model import SpeechModel

logger = logging.getLogger(__name__)

_MANNER_SECONDS = 120.0  # of a recording that a manner is heard in: more tells nothing new
_APART_SECONDS = 0.5  # that sound and motion of one take may differ in length

Result = TypeVar("Result")
ProgressCallback = Callable[[float, str], None]
CancelCallback = Callable[[], bool]


def emotions() -> tuple[str, ...]:
    """Names of the bundled emotions, ``neutral`` first."""
    return emotion_names()


@dataclass(frozen=True)
class Expressions:
    """The part of a :class:`Talker` that hears nothing: an emotion becomes weights."""

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
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
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
    """Both networks and the expression library, loaded once; :meth:`animate` is the whole path."""

    def __init__(
        self, speech_model: "SpeechModel", fusion_model: "FusionModel", library: ExpressionLibrary, device: str
    ) -> None:
        self.speech_model = speech_model
        self.fusion_model = fusion_model
        self.library = library
        self.device = device
        self._memory: Memory[torch.Tensor] = Memory()
        self._voices: Memory[Heard] = Memory()
        self._manners: Memory[np.ndarray] = Memory()
        self._voice_emotion: VoiceEmotion | None = None
        self._fallback = ""

    @classmethod
    def load(cls, device: str = "auto") -> "Talker":
        """Load the bundled weights onto ``device`` (auto, cpu, cuda, mps); torch is imported here and not before.

        A GPU that is there and fails, now or in the middle of a recording, hands over to the CPU: the result is the
        same, :attr:`device` says where it is from then on, and the next animation has a warning.
        """
        from .speech import network, whisper

        with ThreadPoolExecutor(1) as reader:
            # importing torch and unpacking the files wait little for each other
            unpacked = reader.submit(whisper.read_weights)
            spoken = reader.submit(network.load_weights, ASSETS / "speech.npz")
            described = reader.submit(ExpressionLibrary.load)
            chosen = choose_device(device)
            from .fusion import FusionModel
            from .speech.model import SpeechModel

            logger.info("loading networks on %s", chosen)
            fallback = ""
            try:
                fusion_model = FusionModel.load(device=chosen)
                encoder = whisper.WhisperEncoder(*unpacked.result(), chosen)
                speech_model = SpeechModel(encoder, *spoken.result(), chosen)
                library = described.result()
            except FAILURES as error:
                if chosen == "cpu":
                    raise
                fallback = _fallback_line(chosen, error)
        if fallback:
            logger.warning(fallback)
            talker = cls.load("cpu")
            talker._fallback = fallback
            return talker
        return cls(speech_model, fusion_model, library, chosen)

    def _held(self, work: Callable[[], Result]) -> Result:
        """``work()``, and once more on the CPU where the device fails in the middle of it."""
        try:
            return work()
        except FAILURES as error:
            if self.device == "cpu":
                raise
            self._fallback = _fallback_line(self.device, error)
        logger.warning(self._fallback)
        # from the files: what lies on a device that failed may be out of reach
        whole = Talker.load("cpu")
        self.speech_model, self.fusion_model, self.device = whole.speech_model, whole.fusion_model, whole.device
        self._memory = Memory()
        release_memory()
        return work()

    def warm_up(self) -> None:
        """Half a second of silence through both networks: PyTorch prepares itself in its first calls."""
        cue = Cue(0.0, 1.0, self.library.names[-1])
        self._held(lambda: self.speech_model.move(np.zeros(8000, np.float32)))
        self.cue_weights(cue, np.arange(2) / MODEL_FPS)

    def animate(
        self,
        audio: str | os.PathLike[str],
        emotion: str = "neutral",
        intensity: float = 1.0,
        fps: float = MODEL_FPS,
        blinks: bool = True,
        seed: int = 0,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
        cues: Sequence[Cue] | None = None,
        heard: float | None = None,
        style: Style | None = None,
    ) -> Animation:
        """Animate a recording (wav, flac, ogg, mp3; any rate; 0.2 s and longer) with an emotion of :func:`emotions`.

        An emotion is one cue over the whole recording; ``cues`` in its place are emotions that come and go; "auto" is
        what the voice sounds like (:meth:`hear`). intensity: 0 … 1.5 times the emotion; heard: the voice's share in it,
        0 … 1: each moment is intensity x ((1 - heard) x chosen + heard x the voice's), 0 if not given, and 1 for
        "auto". fps: of the result; blinks: let the eyes blink; seed: the take, another number is another performance;
        style: how the mouth is used (:mod:`speech.style`), the network's average if not given.
        Raises :class:`TalkerError` on bad input, :class:`Cancelled` when ``cancelled()`` turns true.
        """
        check_settings(emotion, intensity, fps, self.library.names, cues, heard)
        report = progress or (lambda fraction, message: None)
        stop = cancelled or (lambda: False)

        def stage(start: float, end: float, message: str) -> ProgressCallback:
            def inner(fraction: float, _detail: str = "") -> None:
                report(start + (end - start) * fraction, message)

            report(start, message)
            return inner

        # shares as measured on recordings of 6 s to 10 min: hearing takes nine tenths of the time
        stage(0.0, 0.01, "reading the recording")
        recording = load_recording(audio)
        share = voice_share(emotion, heard)
        if cues is None:
            cues = [] if emotion == AUTO else [Cue(0.0, recording.seconds, emotion, intensity)]
        strips = arrange([] if share == 1.0 else scaled(cues, 1.0 - share), recording.seconds, self.library)
        if stop():
            raise Cancelled
        prosody = read_prosody(recording.samples, stop)
        speech, gap_mm = self._held(lambda: self._spoken(recording.samples, prosody, seed, stage, stop, style))
        if share > 0.0:
            listed = self._cues_of(self._voice(recording.samples, prosody), prosody, recording)
            if not (listed or strips):
                listed = [Cue(0.0, recording.seconds, NEUTRAL)]
            strips = by_start(strips + arrange(scaled(listed, share * intensity), recording.seconds, self.library))
        doubt = speech_warning(recording.samples, gap_mm) or wordless_warning(recording.samples, gap_mm)
        times = np.arange(max(1, round(recording.seconds * fps))) / fps
        takes = self._cue_takes(strips, fps, seed, stage(0.96, 0.99, "shaping the expression"), stop)
        if stop():
            raise Cancelled
        felt = self._felt(takes, times)
        blendshapes = self.fusion_model.blendshapes
        gap = speech @ lip_gap_per_weight(blendshapes[: speech.shape[1]])
        sample_times = keep_contacts(times, gap, fps)
        present = presence(times, recording.seconds, prosody.phrases, prosody.accents, seed)
        closure = np.zeros(len(times))
        if blinks:
            pauses = lambda second: blink_interval(strips, self.library, second)  # noqa: E731
            closure = blink_closure(times, recording.seconds, pauses, seed, present.blinks)
        shown, own, others = resample(speech, sample_times), *np.split(blendshapes, [speech.shape[1]])
        held = lip_layer(own, shown, others, felt, fps)
        blink_weights = blink_layer(others, felt + held, closure)
        felt = felt + held
        shown_gap = shown @ lip_gap_per_weight(own) + (felt + blink_weights) @ lip_gap_per_weight(others)
        found, lost = lost_closures(gap_mm, times, shown_gap)
        report(1.0, "animated")
        fallback, self._fallback = self._fallback, ""
        return Animation(
            fps=float(fps),
            times=times,
            speech_weights=shown,
            expression_weights=felt + blink_weights,
            names=tuple(self.fusion_model.names),
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
            recalled=self._memory.recalled,
        )

    def style(self, name: str) -> Style | None:
        """What :func:`speech.style.named` gives, or the manner that is heard in the recording ``name``."""
        return self.style_of(os.path.basename(name), name) if styles.is_sound(name) else styles.named(name)

    def style_of(self, name: str, audio: str | os.PathLike[str], motion: str | os.PathLike[str] | None = None) -> Style:
        """The style of somebody heard in a recording, 5 s and longer (:func:`speech.style.heard`), or whose motion in
        it is known besides (:func:`speech.style.fit`).

        motion: a file of :func:`speech.style_motion.read_motion`. Raises :class:`TalkerError`.
        """
        if motion is None:
            samples = load_recording(audio).samples[: round(_MANNER_SECONDS * SAMPLE_RATE)]
            spoken = self._held(lambda: self._manners.recall(samples, lambda: self.speech_model.coefficients(samples)))
            try:
                return styles.heard(name, spoken, self.speech_model.basis)
            except TalkerError as error:
                raise TalkerError(f"{audio}: {error}") from None
        facs = dict(zip(self.library.directions, self.library.basis, strict=True))
        seen = read_motion(motion, self.fusion_model.names, self.fusion_model.blendshapes, facs)
        recording = load_recording(audio)
        seconds = len(seen) / MODEL_FPS
        if abs(seconds - recording.seconds) > _APART_SECONDS:
            lasts = f"{seconds:.1f} s of motion for {recording.seconds:.1f} s of sound"
            raise TalkerError(f"{motion}: {lasts}; name a recording and its own motion")
        made = self._held(lambda: self.speech_model.coefficients(recording.samples))
        return fit(name, [made], [seen], self.speech_model.basis)

    def hear(
        self,
        audio: str | os.PathLike[str],
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> tuple[Heard, list[Cue]]:
        """The emotion in a recording's voice: what is heard over time, and as cues; the expressions are not made.

        Unsure is neutral, and neutral is no cue, but one where there is no other. Raises as :meth:`animate` does.
        """
        recording = load_recording(audio)
        prosody = read_prosody(recording.samples, cancelled)
        voice = self._voice(recording.samples, prosody, progress, cancelled)
        return voice, self._cues_of(voice, prosody, recording) or [Cue(0.0, recording.seconds, NEUTRAL)]

    def _voice(
        self,
        samples: np.ndarray,
        prosody: Prosody,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> Heard:
        """What the voice sounds like, remembered from when its words were heard; else they are listened to."""
        return self._voices.recall(
            samples,
            lambda: self._sound_of(
                self._held(lambda: self.speech_model.features(samples, progress, cancelled)), prosody
            ),
        )

    def _sound_of(
        self,
        features: np.ndarray,
        prosody: Prosody,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> Heard:
        self._voice_emotion = self._voice_emotion or VoiceEmotion.load()
        return self._voice_emotion.hear(features, prosody, progress, cancelled)

    def _cues_of(self, voice: Heard, prosody: Prosody, recording: Recording) -> list[Cue]:
        pauses = list(zip(prosody.phrases[:-1, 1], prosody.phrases[1:, 0], strict=True))
        return heard_cues(voice.classes, voice.times, voice.probabilities, recording.seconds, pauses)

    def cue_weights(
        self,
        cue: Cue,
        times: np.ndarray,
        seed: int = 0,
        progress: ProgressCallback | None = None,
        cancelled: CancelCallback | None = None,
    ) -> np.ndarray:
        """(T, K_E): see :meth:`Expressions.cue_weights`."""

        def made() -> np.ndarray:
            return Expressions(self.fusion_model, self.library).cue_weights(cue, times, seed, progress, cancelled)

        return self._held(made)

    def _spoken(
        self,
        samples: np.ndarray,
        prosody: Prosody,
        seed: int,
        stage: Callable[[float, float, str], ProgressCallback],
        cancelled: CancelCallback,
        style: Style | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, K_A) weights of speech at 60 frames a second and (N,) mm of lip gap as heard, without the take's share.

        From samples to weights all is done where the networks are; only these two come back.
        """
        import torch

        from .speech.model import HEARD, JUDGED

        basis = self.speech_model.basis

        def judging(fraction: float, message: str) -> None:
            listening(HEARD + (JUDGED - HEARD) * fraction, message)

        def voice(features: "torch.Tensor") -> None:
            self._voices.recall(samples, lambda: self._sound_of(features.cpu().numpy(), prosody, judging, cancelled))

        with torch.inference_mode():
            listening = stage(0.01, 0.92, "listening")
            moved = self._memory.recall(
                samples, lambda: self.speech_model.move(samples, progress=listening, cancelled=cancelled, heard=voice)
            )
            if style is not None:
                moved = torch.from_numpy(style.apply(moved.cpu().numpy(), basis)).to(moved.device)
            per_mm, gain = (
                torch.from_numpy(values.astype(np.float32)).to(moved.device)
                for values in (1e3 * lip_gap_per_weight(basis), take_gain(len(moved), seed))
            )
            gap_mm = moved @ per_mm
            shaping = stage(0.92, 0.96, "shaping speech")
            speech = self.fusion_model.weights(moved * gain[:, None], basis, "speech", shaping, cancelled)
            return speech, gap_mm.cpu().numpy()

    def _cue_takes(
        self, cues: Sequence[Cue], fps: float, seed: int, progress: ProgressCallback, cancelled: CancelCallback
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
        result = np.zeros((len(times), len(self.fusion_model.names) - self.fusion_model.speech_count), np.float32)
        for take in takes:
            rows = slice(take.first, take.first + len(take.weights))
            on = fade(take.cue, times[rows])
            result[rows] += on[:, None] * take.weights[: len(on)]
        return result


def _fallback_line(device: str, error: Exception) -> str:
    return f"{device} failed ({reason_of(error)}), so the CPU took over, with the same result, until the next start"
