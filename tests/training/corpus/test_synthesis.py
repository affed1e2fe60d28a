"""What surrounds the synthesizers; none of them needs to be installed here."""

import ctypes
import os
import sys

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.training.corpus import synthesis
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.synthesis import SAMPLE_RATE


def tone(seconds: float, level: float) -> np.ndarray:
    return level * np.sin(np.arange(int(seconds * SAMPLE_RATE)) * 0.35)


def test_events_of_several_sounds_are_divided_and_seams_closed():
    events = [(0.0, ""), (0.1, "b"), (0.2, "əl"), (0.4, ""), (0.41, "z"), (0.5, "(en)"), (0.5, "")]
    phones = synthesis.phones_of_events(events, 0.7)
    assert [phone.name for phone in phones] == [SILENCE, "B", "AH", "L", "Z", SILENCE]
    assert phones[2] == pytest.approx((0.2, 0.3, "AH"))
    assert phones[3].end == pytest.approx(0.41)  # ten silent milliseconds are a seam
    assert (phones[0].start, phones[-1].end) == (0.0, 0.7)


def test_no_events_are_one_silence():
    assert synthesis.phones_of_events([], 0.5) == [Phone(0.0, 0.5, SILENCE)]


def test_a_voiceless_stop_gets_its_closure_back():
    vowel, closure, burst = tone(0.2, 0.5), tone(0.08, 0.0), tone(0.05, 0.2)
    wave = np.concatenate([vowel, closure, burst, vowel])
    phones = [Phone(0.0, 0.28, "AA"), Phone(0.28, 0.33, "P"), Phone(0.33, 0.53, "AA")]
    mended = synthesis.give_closures_to_stops(wave, phones)
    assert mended[1].start == pytest.approx(0.2, abs=0.006)
    assert mended[0].end == mended[1].start
    assert mended[1].end == 0.33 and mended[2] == phones[2]


def test_a_quiet_voiced_closure_is_found_beneath_breath_noise():
    noise = np.random.default_rng(0).normal(0, 0.008, int(0.06 * SAMPLE_RATE))
    wave = np.concatenate([tone(0.2, 0.5), tone(0.1, 0.03), noise, tone(0.05, 0.08), tone(0.2, 0.5)])
    phones = [Phone(0.0, 0.2, "AH"), Phone(0.2, 0.36, "V"), Phone(0.36, 0.41, "B"), Phone(0.41, 0.61, "AA")]
    mended = synthesis.give_closures_to_stops(wave, phones)
    assert mended[2].start == pytest.approx(0.3, abs=0.01)


def test_a_murmured_stop_stays_where_it_is():
    wave = np.concatenate([tone(0.2, 0.5), tone(0.06, 0.05), tone(0.2, 0.5)])
    phones = [Phone(0.0, 0.2, "AH"), Phone(0.2, 0.26, "B"), Phone(0.26, 0.46, "AA")]
    assert synthesis.give_closures_to_stops(wave, phones) == phones


def test_after_a_pause_a_closure_is_70_ms_at_most():
    wave = np.concatenate([tone(0.5, 0.0), tone(0.05, 0.2), tone(0.2, 0.5)])
    phones = [Phone(0.0, 0.5, SILENCE), Phone(0.5, 0.55, "P"), Phone(0.55, 0.75, "AA")]
    mended = synthesis.give_closures_to_stops(wave, phones)
    assert mended[1].start == pytest.approx(0.43, abs=0.002)


def test_silence_has_no_closures_to_move():
    phones = [Phone(0.0, 0.1, "P")]
    assert synthesis.give_closures_to_stops(np.zeros(0, np.float32), phones) == phones


def test_festival_labels():
    text = "separator ;\nnfields 1\n#\n0.2000 100 pau \n0.2900 100 p \n0.3800 100 iy1 \n"
    assert synthesis.phones_of_labels(text) == [
        Phone(0.0, 0.2, SILENCE),
        Phone(0.2, 0.29, "P"),
        Phone(0.29, 0.38, "IY"),
    ]


def test_resampling_keeps_pitch_and_scale():
    samples = (np.sin(2 * np.pi * 440 * np.arange(22050) / 22050) * 16384).astype(np.int16)
    wave = synthesis.to_16k(samples, 22050)
    assert wave.dtype == np.float32 and len(wave) == 16000
    assert np.abs(np.fft.rfft(wave)).argmax() == 440
    assert np.abs(wave[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_sentences_come_from_wordnet_once_and_plain(tmp_path):
    for part in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{part}").write_text("", encoding="latin-1")
    (tmp_path / "data.noun").write_text(
        '1 n | a thing; "it was full of rackets and balls"; "too short"; "born in 1912 in a small town"\n'
        '2 n | a thing; "it was full of rackets and balls"\n',
        encoding="latin-1",
    )
    assert synthesis.wordnet_sentences(tmp_path) == ["it was full of rackets and balls"]


def test_missing_packages_are_named(tmp_path, monkeypatch):
    with pytest.raises(TalkerError, match="wordnet-base"):
        synthesis.wordnet_sentences(tmp_path)
    with pytest.raises(TalkerError, match="Debian's package flite"):
        synthesis._library("libno-such-thing.so.9", "flite")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TalkerError, match="festival not found"):
        synthesis.festival(["hello"], "kal_diphone")


class EspeakStandIn:
    """Calls back as libespeak-ng does: a block of samples and events, then a block of the rest, then none."""

    def __init__(self):
        self.parameters = {}

    def espeak_Initialize(self, output, buffer_ms, path, options):
        return 22050

    def espeak_SetSynthCallback(self, callback):
        self.callback = callback

    def espeak_SetVoiceByName(self, name):
        return 0 if name == b"en-us+f3" else 1

    def espeak_SetParameter(self, parameter, value, relative):
        self.parameters[parameter] = value

    def espeak_Synth(self, text, size, *rest):
        assert size == len(text) + 1
        blocks = [([(7, 0, b"m"), (7, 100, b"a\xc9\xaa")], 4410), ([(2, 0, b""), (7, 300, b"")], 4410), ([], 0)]
        for listed, count in blocks:
            events = (synthesis._Event * (len(listed) + 1))()
            for event, (kind, milliseconds, name) in zip(events, listed, strict=False):
                event.type, event.audio_position, event.id.string = kind, milliseconds, name
            wave = (ctypes.c_short * max(count, 1))(*[8192] * count)
            self.callback(wave if count else None, count, events)

    def espeak_Synchronize(self):
        pass


def test_espeak_events_and_samples_arrive(monkeypatch):
    library = EspeakStandIn()
    monkeypatch.setattr(synthesis, "_library", lambda name, package: library)
    engine = synthesis.Espeak()
    for _ in range(2):  # nothing is left over from the take before
        speech = engine.say("my", "en-us+f3", words_per_minute=150, pitch=60, pitch_range=40)
        assert speech.seconds == pytest.approx(0.4)
        assert [phone.name for phone in speech.phones] == ["M", "AY", SILENCE]
        assert [phone.end for phone in speech.phones] == pytest.approx([0.1, 0.3, 0.4])
        assert speech.samples[3000] == pytest.approx(0.25, abs=0.01)
    assert library.parameters == {1: 150, 3: 60, 4: 40}
    with pytest.raises(TalkerError, match="no voice xx"):
        engine.say("my", "xx")


class FliteStandIn:
    """An utterance of three segments; every handle is a number."""

    segments = ((b"pau", 0.1), (b"m", 0.2), (b"aa", 0.3))

    def __init__(self):
        samples = (ctypes.c_short * 4800)(*[1000] * 4800)
        self.wave = synthesis._FliteWave(b"wave", 16000, 4800, 1, samples)
        self.voice = synthesis._FliteVoice(b"slt", 77)
        self.settings = []
        self.deleted = 0

    def __getattr__(self, name):
        def function(*arguments):
            return getattr(FliteStandIn, "on_" + name)(self, *arguments)

        self.__dict__[name] = function
        return function

    def on_flite_init(self):
        return 0

    def on_register_cmu_us_slt(self, path):
        return ctypes.addressof(self.voice)

    def on_feat_set_float(self, features, name, value):
        assert features == 77
        self.settings.append((name, value))

    def on_flite_synth_text(self, text, voice):
        assert text == b"ma" and voice == ctypes.addressof(self.voice)
        return 5

    def on_utt_wave(self, utterance):
        return ctypes.pointer(self.wave)

    def on_utt_relation(self, utterance, name):
        assert name == b"Segment"
        return 6

    def on_relation_head(self, relation):
        return 1

    def on_item_next(self, item):
        return item + 1 if item < 3 else None

    def on_item_feat_string(self, item, name):
        return self.segments[item - 1][0]

    def on_item_feat_float(self, item, name):
        return self.segments[item - 1][1]

    def on_delete_utterance(self, utterance):
        self.deleted += 1


def test_flite_segments_and_samples_arrive(monkeypatch):
    library = FliteStandIn()
    monkeypatch.setattr(synthesis, "_library", lambda name, package: library)
    speech = synthesis.Flite().say("ma", "slt", stretch=1.2)
    assert speech.phones == [Phone(0.0, 0.1, SILENCE), Phone(0.1, 0.2, "M"), Phone(0.2, 0.3, "AA")]
    assert speech.seconds == pytest.approx(0.3) and library.deleted == 1
    assert library.settings == [(b"duration_stretch", 1.2)]


_FESTIVAL = """#!{python}
import re, sys, wave
script = open(sys.argv[2], encoding="latin-1").read()
assert "(voice_cmu_us_slt_arctic_hts)" in script and "Duration_Stretch 1.1" in script
for text, base in re.findall(r'\\(say "([^"]*)" "([^"]*)"\\)', script):
    if "silent" in text:
        sys.exit("SIOD ERROR")
    with wave.open(base + ".wav", "wb") as sound:
        sound.setnchannels(1); sound.setsampwidth(2); sound.setframerate(16000)
        sound.writeframes(b"\\0\\1" * 3200)
    open(base + ".lab", "w").write("#\\n0.1 100 pau\\n0.2 100 m\\n")
"""


def test_festival_speaks_a_batch(tmp_path, monkeypatch):
    program = tmp_path / "festival"
    program.write_text(_FESTIVAL.format(python=sys.executable).replace("\\\\", "\\"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    spoken = synthesis.festival(['say "mm"', "mm"], "cmu_us_slt_arctic_hts", 1.1)
    assert [speech.phones for speech in spoken] == [[Phone(0.0, 0.1, SILENCE), Phone(0.1, 0.2, "M")]] * 2
    assert spoken[0].seconds == pytest.approx(0.2)
    with pytest.raises(TalkerError, match="SIOD ERROR"):
        synthesis.festival(["silent"], "cmu_us_slt_arctic_hts", 1.1)
