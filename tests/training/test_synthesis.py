"""What surrounds the synthesizers; none of them needs to be installed here."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.training import synthesis
from blendshape_talker.training.phones import SILENCE, Phone
from blendshape_talker.training.synthesis import SAMPLE_RATE


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
