"""What a voice tells besides its words: the emotion in it, and the manner of the mouth that speaks."""

import logging
import os
from collections.abc import Callable

import numpy as np

from .errors import TalkerError
from .expression.cues import Cue
from .expression.heard import NEUTRAL, heard_cues
from .job import CancelTest, Progress
from .networks import Networks
from .settings import MODEL_FPS
from .speech import style as styles
from .speech.audio import SAMPLE_RATE, Recording, load_recording
from .speech.emotion import Heard, VoiceEmotion
from .speech.frames import as_shown
from .speech.memory import Memory
from .speech.prosody import Prosody, read_prosody
from .speech.style import Style
from .speech.style_match import in_step, rest_of
from .speech.style_motion import read_motion

logger = logging.getLogger(__name__)

_MANNER_SECONDS = 120.0  # of a recording that a manner is heard in: more tells nothing new
_APART_SECONDS = 0.5  # that sound and motion of one take may differ in length
_UNSAID_FRAMES = 1  # by which motion and sound of people who started together were found apart


class Listener:
    """Hears through the speech network, and remembers what it heard in the last few recordings."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._voices: Memory[Heard] = Memory()
        self._manners: Memory[np.ndarray] = Memory()
        self._prosodies: Memory[Prosody] = Memory()
        self._voice_emotion: VoiceEmotion | None = None

    def prosody(self, samples: np.ndarray, cancelled: CancelTest | None = None) -> Prosody:
        """What :func:`speech.prosody.read_prosody` reads in ``samples`` (N,)."""
        return self._prosodies.recall(samples, lambda: read_prosody(samples, cancelled))

    def hear(
        self,
        audio: str | os.PathLike[str],
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> tuple[Heard, list[Cue]]:
        """The emotion in a recording's voice: what is heard over time, and as cues; the expressions are not made.

        Unsure is neutral, and neutral is no cue, but one where there is no other.
        Raises as :meth:`pipeline.Talker.animate` does.
        """
        recording = load_recording(audio)
        prosody = self.prosody(recording.samples, cancelled)
        voice, cues = self.heard(recording, prosody, progress, cancelled)
        return voice, cues or [Cue(0.0, recording.seconds, NEUTRAL)]

    def heard(
        self,
        recording: Recording,
        prosody: Prosody,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> tuple[Heard, list[Cue]]:
        """As :meth:`hear`, without a cue where all is neutral; remembered from when the words were heard, else they
        are listened to."""
        networks, samples = self._networks, recording.samples

        def features() -> np.ndarray:
            return networks.held(lambda: networks.speech_model.features(samples, progress, cancelled))

        voice = self.judge(samples, features, prosody)
        pauses = list(zip(prosody.phrases[:-1, 1], prosody.phrases[1:, 0], strict=True))
        return voice, heard_cues(voice.classes, voice.times, voice.probabilities, recording.seconds, pauses)

    def judge(
        self,
        samples: np.ndarray,
        features: Callable[[], np.ndarray],
        prosody: Prosody,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> Heard:
        """What the voice in ``samples`` (N,) sounds like: remembered, else by what :meth:`SpeechModel.features` gives,
        which is asked for only then."""

        def judged() -> Heard:
            rows = features()
            self._voice_emotion = self._voice_emotion or VoiceEmotion.load()
            return self._voice_emotion.hear(rows, prosody, progress, cancelled)

        return self._voices.recall(samples, judged)

    def style(self, name: str, progress: Progress | None = None, cancelled: CancelTest | None = None) -> Style | None:
        """What :func:`speech.style.named` gives, or the manner that is heard in the recording ``name``."""
        if not styles.is_sound(name):
            return styles.named(name)
        return self.style_of(os.path.basename(name), name, progress=progress, cancelled=cancelled)

    def style_of(
        self,
        name: str,
        audio: str | os.PathLike[str],
        motion: str | os.PathLike[str] | None = None,
        fps: float | None = None,
        notify: Callable[[str], None] = logger.warning,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
    ) -> Style:
        """The style of somebody heard in a recording, 5 s and longer (:func:`speech.style.heard`), or whose motion in
        it is known besides (:func:`speech.style.fit`).

        motion: a file of :func:`speech.style_motion.read_motion`, with ``fps`` where it does not tell; it is brought in
        step with the sound. notify: is told what had to be assumed. Raises :class:`TalkerError`, and
        :class:`Cancelled` when ``cancelled()`` says so.
        """
        networks = self._networks
        if motion is None:
            samples = load_recording(audio).samples[: round(_MANNER_SECONDS * SAMPLE_RATE)]
            spoken = self._manner(samples, progress, cancelled)
            try:
                return styles.heard(name, spoken, networks.speech_model.basis)
            except TalkerError as error:
                raise TalkerError(f"{audio}: {error}") from None
        facs = dict(zip(networks.library.directions, networks.library.basis, strict=True))
        names, blendshapes = networks.fusion_model.names, networks.fusion_model.blendshapes
        seen, recording = read_motion(motion, names, blendshapes, facs, fps), load_recording(audio)
        for note in seen.notes:
            notify(f"{motion}: {note}")
        seconds = len(seen.mouth) / MODEL_FPS
        if abs(seconds - recording.seconds) > _APART_SECONDS:
            lasts = f"{seconds:.1f} s of motion for {recording.seconds:.1f} s of sound"
            raise TalkerError(f"{motion}: {lasts}; name a recording and its own motion")
        made = self._manner(recording.samples, progress, cancelled)
        gap = (made @ styles.mouth_measures(networks.speech_model.basis))[:, 0]
        try:
            mouth, late = in_step(gap, seen.mouth)
        except TalkerError as error:
            raise TalkerError(f"{motion}: {error}") from None
        if abs(late) * MODEL_FPS > _UNSAID_FRAMES:
            notify(f"{motion}: {abs(late):.2f} s {'behind' if late > 0 else 'ahead of'} the sound; brought in step")
        if not seen.at_rest:
            mouth[:, 0] -= rest_of(gap, mouth[:, 0])
        return styles.fit(name, [made], [mouth], networks.speech_model.basis, late)

    def fit_style(
        self,
        name: str,
        audio: str | os.PathLike[str],
        seen: np.ndarray,
        progress: Progress | None = None,
        cancelled: CancelTest | None = None,
        fps: float = MODEL_FPS,
    ) -> Style:
        """:func:`speech.style.fit` for a mouth seen (T, 2) in mm from the recording's start on, 60 a second.

        fps: of a bake that it was read from; what the network makes is then compared as a bake would show it.
        """
        basis = self._networks.speech_model.basis
        made = self._manner(load_recording(audio).samples, progress, cancelled)
        return styles.fit(name, [as_shown(made, made @ styles.mouth_measures(basis)[:, 0], fps)], [seen], basis)

    def _manner(self, samples: np.ndarray, progress: Progress | None, cancelled: CancelTest | None) -> np.ndarray:
        """(T, K) what the network makes of ``samples`` (N,) in nobody's style; remembered."""
        networks = self._networks

        def made() -> np.ndarray:
            return networks.speech_model.coefficients(samples, progress=progress, cancelled=cancelled)

        return networks.held(lambda: self._manners.recall(samples, made))
