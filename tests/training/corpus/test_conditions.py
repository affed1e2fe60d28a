"""Conditions keep time and say what they should; the table counts what the lips do in them."""

import json

import numpy as np
import pytest
import soundfile

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, load_head
from blendshape_talker.training.corpus import alignment, conditions, speech_corpus
from blendshape_talker.training.corpus.coarticulation import lip_aperture
from blendshape_talker.training.corpus.demo_speech import DEMO_TEXT
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.synthesis import Speech
from blendshape_talker.training.speech import evaluate_conditions

RATE = 16000


@pytest.fixture(scope="module")
def speech() -> Speech:
    """The first seconds of the bundled recording, with its phones."""
    samples, _ = soundfile.read(ASSETS / "demo_speech.flac", dtype="float32")
    end = int(3.2 * RATE)
    phones = [phone for phone in alignment.align(samples, DEMO_TEXT) if phone.end <= 3.2]
    return Speech(samples[:end], phones + [Phone(phones[-1].end, 3.2, SILENCE)])


def level(samples: np.ndarray) -> np.ndarray:
    return np.sqrt(np.convolve(np.square(samples, dtype=float), np.ones(800) / 800, "same"))[::160]


def delay(one: np.ndarray, two: np.ndarray) -> float:
    """Seconds by which the loudness of ``two`` is later."""
    count = min(len(one), len(two)) // 160
    a, b = level(one)[:count], level(two)[:count]
    shifts = range(-15, 16)
    return 0.01 * max(shifts, key=lambda k: np.corrcoef(a[20:-20], np.roll(b, -k)[20:-20])[0, 1])


def spectrum_share(samples: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())


def test_every_condition_keeps_length_and_time(speech):
    generator = np.random.default_rng(0)
    changed = {
        "telephone": conditions.telephone(speech.samples),
        "room": conditions.in_room(speech.samples, 0.5, generator),
        "whisper": conditions.whispered(speech.samples, generator),
        "shout": conditions.shouted(speech.samples, generator),
        "music": conditions.mixed(speech.samples, conditions.music(1.0, generator), 10),
    }
    for name, samples in changed.items():
        assert samples.shape == speech.samples.shape and samples.dtype == np.float32, name
        assert np.isfinite(samples).all() and np.abs(samples).max() <= 0.91, name
        assert abs(delay(speech.samples, samples)) <= 0.03, name


def test_a_telephone_has_neither_bass_nor_treble():
    noise = np.random.default_rng(0).normal(size=RATE)
    line = conditions.telephone(noise)
    assert spectrum_share(line, 280, 3500) > 0.97 and spectrum_share(noise, 280, 3500) < 0.5


def test_a_whisper_has_no_pitch_and_a_shout_a_higher_one():
    """A buzz of 125 Hz in 50 ms frames."""
    buzz = np.zeros(RATE)
    buzz[::128] = 1.0
    buzz = np.convolve(buzz, np.exp(-np.arange(200) / 5) * np.sin(np.arange(200) * 0.6), "same")

    def pitches(samples: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(samples.astype(float), 800)[1600:-1600:400]
        return conditions._pitch_of(frames)

    generator = np.random.default_rng(0)
    assert np.median(pitches(buzz)) == pytest.approx(125, abs=2)
    assert np.mean(pitches(conditions.revoiced(buzz, None, generator)) > 0) < 0.3
    assert np.median(pitches(conditions.shouted(buzz, generator))) == pytest.approx(200, abs=8)


@pytest.mark.parametrize("factor", [1 / 1.5, 1.5, 1.8])
def test_stretching_moves_words_but_not_pitch(factor):
    clock = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 200 * clock) * (np.abs(clock % 0.5 - 0.25) < 0.08)
    moved = conditions.stretched(tone, factor)
    assert len(moved) == int(len(tone) * factor)
    assert spectrum_share(moved, 180, 220) > 0.85
    middles = np.array([0.25, 0.75, 1.25, 1.75]) * factor
    loud = level(moved)
    times = np.arange(len(loud)) / 100
    for middle in middles:
        near = np.abs(times - middle) < 0.2 * factor
        assert np.average(times[near], weights=loud[near]) == pytest.approx(middle, abs=0.015)
    assert conditions.slower([Phone(0, 1, "M")], factor) == [Phone(0, factor, "M")]


def test_the_mixture_has_the_ratio_asked_for():
    generator = np.random.default_rng(0)
    speech, other = generator.normal(size=RATE), np.sin(np.arange(RATE) * 1.0)
    both = conditions.mixed(speech, other, 6.0)
    share = np.linalg.lstsq(np.stack([speech, other], 1), both, rcond=None)[0]
    ratio = np.mean((share[0] * speech) ** 2) / np.mean((share[1] * other) ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(6.0, abs=0.3)


@pytest.mark.parametrize("name", conditions.NO_SPEECH)
def test_sounds_without_speech(name):
    one, two = (conditions.NO_SPEECH[name](3.0, np.random.default_rng(4)) for _ in range(2))
    assert len(one) == 3 * RATE and np.isfinite(one).all() and np.array_equal(one, two)
    assert np.abs(one).max() <= 0.81 and (name == "silence") == (np.abs(one).max() == 0)


def test_sound_after_speech_is_a_pause(speech):
    longer = conditions.followed_by(speech, conditions.coughing(2.0, np.random.default_rng(0)))
    assert longer.seconds == pytest.approx(speech.seconds + 2)
    assert longer.phones[-1].name == SILENCE and longer.phones[-1].end == pytest.approx(longer.seconds)
    assert longer.phones[-1].end - longer.phones[-1].start >= 2


def test_enough_languages_and_all_with_sounds_of_the_lips():
    assert len(conditions.LANGUAGES) >= 12 and not any(language.startswith("en") for language in conditions.LANGUAGES)


def test_openings_need_a_whole_millimetre_to_count_again():
    gap = np.array([0, 3, 1.5, 3, 0.5, 1.9, 0, 2.5, 2.5, 0])
    assert evaluate_conditions.openings(gap) == 2
    assert evaluate_conditions.openings(np.zeros(5)) == 0
    assert evaluate_conditions.openings(np.full(5, 4.0)) == 1


class PuppetModel:
    """Stands in for the network: opens the lips by the gaps (T,) mm given, one take after the other."""

    def __init__(self, gaps: list[np.ndarray]):
        head = load_head()
        apart = head.vertices[UPPER_LIP] - head.vertices[LOWER_LIP]
        self.basis = np.zeros((1, VERTEX_COUNT, 3), np.float32)
        self.basis[0, UPPER_LIP] = apart / np.linalg.norm(apart) / 1000
        self._gaps = iter(gaps)

    def coefficients(self, samples: np.ndarray) -> np.ndarray:
        return next(self._gaps)[:, None]


def test_perfect_lips_get_perfect_figures_and_flapping_ones_do_not(speech):
    reference = lip_aperture(speech.phones, speech.samples)
    takes = [evaluate_conditions.Take("clean", speech.samples, speech.phones, reference)]
    takes += [evaluate_conditions.Take("cough", np.zeros(RATE, np.float32))]
    flapping = 4 + 4 * np.sin(np.arange(60) * 2 * np.pi / 12)
    model = PuppetModel([np.maximum(takes[0].reference, 0), flapping])
    rows = evaluate_conditions.measure(model, takes, load_head())
    figures = {condition: row.figures() for condition, row in rows.items()}
    clean, cough = figures["clean"], figures["cough"]
    assert clean["closure_recall"] == clean["labiodental_recall"] == 1 and clean["closure_precision"] > 0.7
    assert clean["gap_correlation"] > 0.999 and clean["lag_ms"] == pytest.approx(0, abs=1)
    assert clean["jitter"] == pytest.approx(1, abs=0.02)
    assert cough["openings_per_second"] == 5 and cough["gap_p95_mm"] > 6
    assert cough["closure_recall"] is None
    lines = evaluate_conditions.table(figures).splitlines()
    assert lines[1].startswith("clean") and lines[2].split()[:2] == ["cough", "1"] and len(set(map(len, lines))) == 1


def test_all_takes_of_speech_have_references_of_their_length(speech):
    takes = list(evaluate_conditions.speech_takes([speech], [speech.samples]))
    assert len({take.condition for take in takes}) == len(takes) > 12
    for take in takes:
        frames = round(len(take.samples) / RATE * 60)
        assert abs(len(take.reference) - frames) <= 1, take.condition
        assert take.phones[-1].end == pytest.approx(len(take.samples) / RATE, abs=0.02), take.condition
        assert np.isfinite(take.samples).all() and np.abs(take.samples).max() <= 1, take.condition


def test_the_command_prints_a_table_and_writes_json(speech, tmp_path, monkeypatch):
    """Two clips, the second held out, as it is, and silence; no synthesizer, and the phones are known already."""
    asked = []
    monkeypatch.setattr(alignment, "align", lambda samples, text, _: asked.append(text) or speech.phones)
    monkeypatch.setattr(speech_corpus, "HELD_OUT_LJSPEECH", 1)
    monkeypatch.setattr(evaluate_conditions, "language_takes", lambda voices: iter(()))
    monkeypatch.setattr(evaluate_conditions, "speech_takes", first_take)
    monkeypatch.setattr(conditions, "NO_SPEECH", {"silence": conditions.silence})
    for name in ("LJ1", "LJ2"):
        soundfile.write(tmp_path / f"{name}.flac", speech.samples, RATE)
    (tmp_path / "transcripts.tsv").write_text("LJ1\tnobody asks\nLJ2\twords of the second\n")
    table = evaluate_conditions.run(tmp_path, json_path=tmp_path / "figures.json")
    assert asked == ["words of the second"]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["clean"]) == set(evaluate_conditions.COLUMNS)
    assert figures["clean"]["closure_recall"] > 0.7
    assert figures["no speech: silence"]["gap_p95_mm"] < 1 and figures["no speech: silence"]["openings_per_second"] == 0
    assert len(table.splitlines()) == 1 + len(figures) == 3


def first_take(clips, others, changed):
    """The clean take of the first clip alone."""
    speech = clips[0]
    reference = lip_aperture(speech.phones, speech.samples)
    yield evaluate_conditions.Take("clean", speech.samples, speech.phones, reference)


def test_recordings_that_do_not_fit_their_text_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(speech_corpus, "HELD_OUT_LJSPEECH", 1)
    for name in ("LJ1", "LJ2"):
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(RATE, np.float32), RATE)
    (tmp_path / "transcripts.tsv").write_text("LJ1\tmy mother\nLJ2\tin 1834\n")
    with pytest.raises(TalkerError, match="held-out"):
        evaluate_conditions.run(tmp_path)
