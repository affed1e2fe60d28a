"""Speech whose phone times are known: espeak-ng, flite and festival, and the sentences they say.

The three synthesizers are Debian packages, needed only to make a corpus: ``espeak-ng`` (libespeak-ng.so.1), ``flite``
(libflite*.so.1) and ``festival`` with ``festvox-kallpc16k``, ``festvox-kdlpc16k``, ``festvox-us-slt-hts``. espeak-ng
and flite are called through ctypes, festival in one batch run per voice. Their licences allow shipping what is trained
on their speech.
"""

import ctypes
import functools
import logging
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from ...errors import TalkerError
from .phones import SILENCE, STOPS, Phone, fill_gaps, from_ipa, from_radio, merge_silences

log = logging.getLogger(__name__)

SAMPLE_RATE = 16000
WORDNET = Path("/usr/share/wordnet")
FLITE_VOICES = ("kal", "kal16", "awb", "rms", "slt")
FESTIVAL_VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")


@dataclass(frozen=True)
class Speech:
    """``samples`` (N,) float32 in −1 … 1 at :data:`SAMPLE_RATE`, and the phones that cover them from 0 to the end."""

    samples: np.ndarray
    phones: list[Phone]

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def to_16k(samples: np.ndarray, rate: int) -> np.ndarray:
    """Mono samples at ``rate`` Hz (int16 or float) as float32 at 16 kHz."""
    wave = samples.astype(np.float64) / 32768.0 if samples.dtype == np.int16 else samples.astype(np.float64)
    if rate != SAMPLE_RATE:
        divisor = np.gcd(rate, SAMPLE_RATE)
        wave = resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor)
    return wave.astype(np.float32)


def _library(name: str, package: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        raise TalkerError(f"{name} not found; install Debian's package {package} to make a speech corpus") from None


# ---- espeak-ng (speak_lib.h: espeak_EVENT, espeak_Initialize, espeak_Synth) ----------------------------------------


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_EspeakCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_SYNCHRONOUS_OUTPUT, _PHONEME_EVENTS_IN_IPA = 2, 0x0003
_EVENT_LIST_END, _EVENT_PHONEME = 0, 7
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_UTF8 = 1


class Espeak:
    """The one espeak-ng of this process; get it from :func:`espeak`."""

    def __init__(self) -> None:
        self._library = _library("libespeak-ng.so.1", "espeak-ng")
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS_OUTPUT, 0, None, _PHONEME_EVENTS_IN_IPA)
        if self.rate <= 0:
            raise TalkerError("espeak-ng does not start; reinstall Debian's packages espeak-ng and espeak-ng-data")
        self._pieces: list[np.ndarray] = []
        self._events: list[tuple[float, str]] = []
        self._callback = _EspeakCallback(self._receive)  # kept: ctypes frees what nobody holds
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave, count: int, events) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_LIST_END:
            if events[index].type == _EVENT_PHONEME:
                symbol = bytes(events[index].id.string).decode("utf-8", "ignore")
                self._events.append((events[index].audio_position / 1000, symbol))
            index += 1
        return 0

    def say(self, text: str, voice: str, words_per_minute: int = 175, pitch: int = 50, pitch_range: int = 50) -> Speech:
        """``text`` in ``voice``, a language with or without a variant: ``"en-us"``, ``"en-gb-scotland+f3"``.

        ``words_per_minute`` 80 … 450, ``pitch`` and ``pitch_range`` 0 … 100.

        :raises TalkerError: when espeak-ng has no such voice.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise TalkerError(f"espeak-ng has no voice {voice}; see the list of `espeak-ng --voices`")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_PITCH_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pieces.clear()
        self._events.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        wave = to_16k(samples, self.rate)
        return Speech(wave, give_closures_to_stops(wave, phones_of_events(self._events, len(wave) / SAMPLE_RATE)))


@functools.cache
def espeak() -> Espeak:
    return Espeak()


def phones_of_events(events: Sequence[tuple[float, str]], duration: float) -> list[Phone]:
    """espeak-ng's phoneme events, (second, IPA name) each, as phones that cover 0 … ``duration``.

    An event of several sounds ("əl", "ʊɹ") is divided evenly. A pause shorter than 20 ms is a seam of espeak's and goes
    to the phone before it.
    """
    phones: list[Phone] = []
    ends = [*(start for start, _ in events), duration][1:]
    for (start, symbol), end in zip(events, ends, strict=True):
        names = from_ipa(symbol) or (SILENCE,)
        step = (end - start) / len(names)
        phones.extend(Phone(start + i * step, start + (i + 1) * step, name) for i, name in enumerate(names))
    return fill_gaps(merge_silences(phones, shortest=0.02), duration)


def give_closures_to_stops(wave: np.ndarray, phones: Sequence[Phone], longest: float = 0.12) -> list[Phone]:
    """Moves the start of every stop back over the silence of its closure.

    espeak-ng reports a stop at its burst, so that the closure before it, in which the lips of a [p] already touch, is
    counted to the phone before. A voiced stop between vowels is reported at its closure, where its murmur begins: what
    comes before is louder than the stop, and nothing is moved. ``wave`` (N,) at 16 kHz; ``longest`` closure in seconds
    (70 ms after a pause).
    """
    width = int(0.003 * SAMPLE_RATE)
    power = np.square(wave, dtype=np.float64)
    envelope = np.sqrt(np.convolve(power, np.full(width, 1 / width), "same")) if len(wave) else power
    floor = max(1e-3, 0.015 * float(np.percentile(np.abs(wave), 99.5))) if len(wave) else 0.0
    mended = list(phones)
    for index in range(1, len(mended)):
        stop, previous = mended[index], mended[index - 1]
        if stop.name not in STOPS:
            continue
        after_pause = previous.name == SILENCE
        reach = min(0.07 if after_pause else longest, (previous.end - previous.start) - (0.0 if after_pause else 0.01))
        burst = min(int(stop.start * SAMPLE_RATE), len(wave))
        earliest = max(0, burst - int(max(reach, 0.0) * SAMPLE_RATE))
        loudness = float(np.sqrt(power[burst : burst + int(0.015 * SAMPLE_RATE)].mean())) if burst < len(wave) else 0.0
        threshold = max(floor, 0.22 * loudness)
        first = burst - width  # the envelope looks half its width ahead, into the burst
        while first > earliest and envelope[first - 1] < threshold:
            first -= 1
        if burst - first > width + int(0.004 * SAMPLE_RATE):
            moment = first / SAMPLE_RATE
            mended[index - 1] = previous._replace(end=moment)
            mended[index] = stop._replace(start=moment)
    return merge_silences(mended)


# ---- flite (cst_wave.h, cst_utterance.h, cst_item.h) ---------------------------------------------------------------


class _FliteWave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("sample_count", ctypes.c_int),
        ("channel_count", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _FliteVoice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class Flite:
    """The one flite of this process; get it from :func:`flite`."""

    def __init__(self) -> None:
        self._library = _library("libflite.so.1", "flite")
        for part in ("usenglish", "cmulex"):
            _library(f"libflite_{part}.so.1", "flite")
        self._library.flite_init()
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("flite_synth_text", pointer, (text, pointer)),
            ("utt_relation", pointer, (pointer, text)),
            ("relation_head", pointer, (pointer,)),
            ("item_next", pointer, (pointer,)),
            ("item_feat_string", text, (pointer, text)),
            ("item_feat_float", ctypes.c_float, (pointer, text)),
            ("utt_wave", ctypes.POINTER(_FliteWave), (pointer,)),
            ("delete_utterance", None, (pointer,)),
            ("feat_set_float", None, (pointer, text, ctypes.c_float)),
        ):
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._voices: dict[str, int] = {}

    def _voice(self, name: str) -> int:
        if name not in self._voices:
            register = getattr(_library(f"libflite_cmu_us_{name}.so.1", "flite"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
            self._voices[name] = register(None)
        return self._voices[name]

    def say(self, text: str, voice: str, stretch: float = 1.0) -> Speech:
        """``text`` in one of :data:`FLITE_VOICES`; ``stretch`` above 1 speaks slower."""
        handle = self._voice(voice)
        features = ctypes.cast(handle, ctypes.POINTER(_FliteVoice)).contents.features
        self._library.feat_set_float(features, b"duration_stretch", stretch)
        utterance = self._library.flite_synth_text(text.encode("ascii", "ignore"), handle)
        try:
            wave = self._library.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.sample_count,)).copy()
            phones, clock = [], 0.0
            item = self._library.relation_head(self._library.utt_relation(utterance, b"Segment"))
            while item:
                end = self._library.item_feat_float(item, b"end")
                phones.append(Phone(clock, end, from_radio(self._library.item_feat_string(item, b"name").decode())))
                clock, item = end, self._library.item_next(item)
            rate = wave.sample_rate
        finally:
            self._library.delete_utterance(utterance)
        return Speech(to_16k(samples, rate), fill_gaps(phones, len(samples) / rate))


@functools.cache
def flite() -> Flite:
    return Flite()


# ---- festival ------------------------------------------------------------------------------------------------------

_FESTIVAL_SCRIPT = """
(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch})
(define (say words base)
  (let ((utterance (eval (list 'Utterance 'Text words))))
    (utt.synth utterance)
    (utt.save.wave utterance (string-append base ".wav") 'riff)
    (utt.save.segs utterance (string-append base ".lab"))))
"""


def festival(texts: Sequence[str], voice: str, stretch: float = 1.0) -> list[Speech]:
    """Every text in one of :data:`FESTIVAL_VOICES`, in one run of festival.

    :raises TalkerError: when festival or the voice is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = _FESTIVAL_SCRIPT.format(voice=voice, stretch=stretch)
        for number, text in enumerate(texts):
            quoted = text.replace("\\", "").replace('"', "")
            script += f'(say "{quoted}" "{folder}/{number}")\n'
        Path(folder, "batch.scm").write_text(script, encoding="latin-1", errors="ignore")
        try:
            run = subprocess.run(["festival", "-b", f"{folder}/batch.scm"], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise TalkerError("festival not found; install Debian's packages festival and festvox-us-slt-hts") from None
        made = [Path(folder, f"{number}.wav") for number in range(len(texts))]
        if not all(path.exists() for path in made):
            cause = run.stderr.strip().splitlines()[:1]
            raise TalkerError(f"festival cannot speak with {voice} ({' '.join(cause)}); install its festvox package")
        results = []
        for path in made:
            samples, rate = soundfile.read(path, dtype="int16")
            phones = phones_of_labels(path.with_suffix(".lab").read_text(encoding="latin-1"))
            results.append(Speech(to_16k(samples, rate), fill_gaps(phones, len(samples) / rate)))
        return results


def phones_of_labels(labels: str) -> list[Phone]:
    """Phones of a label file as ``utt.save.segs`` writes it: after a line ``#``, lines of end time, colour, name."""
    phones, clock = [], 0.0
    for line in labels.split("#", 1)[-1].splitlines():
        fields = line.split()
        if len(fields) >= 3:
            end = float(fields[0])
            phones.append(Phone(clock, end, from_radio(fields[2])))
            clock = end
    return phones


# ---- sentences -----------------------------------------------------------------------------------------------------


def wordnet_sentences(folder: Path = WORDNET) -> list[str]:
    """The example sentences of 5 to 16 plain words in WordNet's data files (Debian's package ``wordnet-base``)."""
    found: dict[str, None] = {}
    for part in ("noun", "verb", "adj", "adv"):
        path = folder / f"data.{part}"
        if not path.exists():
            raise TalkerError(f"{path} not found; install Debian's package wordnet-base, the corpus's sentences")
        for line in path.read_text(encoding="latin-1").splitlines():
            for sentence in re.findall(r'"([^"]+)"', line.partition("|")[2]):
                if 5 <= len(sentence.split()) <= 16 and re.fullmatch(r"[A-Za-z' ,;-]+", sentence):
                    found[sentence] = None
    return list(found)
