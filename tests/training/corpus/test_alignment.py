"""Forced alignment of the bundled recording with its text."""

import numpy as np
import pytest
import soundfile

from blendshape_talker.checkpoint import ASSETS
from blendshape_talker.training.corpus.alignment import align, carve_pauses, spoken_words
from blendshape_talker.training.corpus.demo_speech import DEMO_TEXT
from blendshape_talker.training.corpus.phones import SILENCE, Phone

# Beginnings of these sounds as the synthesizer that made the recording reports them, in seconds.
KNOWN_STARTS = (
    *(("M", 0.53), ("B", 0.72), ("SH", 1.00), ("V", 2.07)),
    *(("M", 2.14), ("S", 2.69), ("M", 3.12), ("TH", 4.08)),
)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    samples, rate = soundfile.read(ASSETS / "demo_speech.flac", dtype="float32")
    assert rate == 16000
    return samples


def test_words_as_a_dictionary_lists_them():
    assert spoken_words("“Mr. Smith’s dog—it's old,” said the debtors' clerk.") == (
        "mister smith's dog it's old said the debtors clerk".split()
    )
    assert spoken_words("Built in 1823.") == ["built", "in", "1823"]


def test_times_agree_with_the_synthesizer(recording):
    phones = align(recording, DEMO_TEXT)
    assert phones[0].start == 0.0 and phones[-1].end == pytest.approx(len(recording) / 16000)
    assert all(one.end == two.start for one, two in zip(phones, phones[1:], strict=False))
    errors = []
    for name, start in KNOWN_STARTS:
        errors.append(min(abs(phone.start - start) for phone in phones if phone.name == name))
    assert np.median(errors) < 0.02 and max(errors) < 0.05
    assert [phone.name for phone in phones if phone.name in ("P", "B")] == ["B", "P", "P", "P"]


def test_unknown_words_and_numbers_have_no_alignment_unless_pronounced(recording):
    invented = DEMO_TEXT.replace("Welcome", "Welkumm")
    assert align(recording, invented) is None
    phones = align(recording, invented, pronounce=lambda word: "W EH L K AH M".split())
    assert phones is not None and phones[1].name == "W"
    assert align(recording, "12 monkeys", pronounce=lambda word: ["M"]) is None
    assert align(recording, "...") is None


def test_overlooked_pauses_are_cut_out():
    generator = np.random.default_rng(1)
    speech = generator.normal(0, 0.2, 8000)
    samples = np.concatenate([speech, generator.normal(0, 1e-4, 8000), speech])
    phones = [Phone(0.0, 0.45, "AA"), Phone(0.45, 1.05, "DH"), Phone(1.05, 1.5, "AE")]
    carved = carve_pauses(samples, phones)
    assert [phone.name for phone in carved] == ["AA", "DH", SILENCE, "DH", "AE"]
    assert carved[2].start == pytest.approx(0.5, abs=0.03) and carved[2].end == pytest.approx(1.0, abs=0.03)


def test_a_stop_keeps_its_closure():
    generator = np.random.default_rng(1)
    speech = generator.normal(0, 0.2, 8000)
    samples = np.concatenate([speech, generator.normal(0, 1e-4, 8000), speech])
    phones = [Phone(0.0, 0.5, "AA"), Phone(0.5, 1.05, "P"), Phone(1.05, 1.5, "AE")]
    carved = carve_pauses(samples, phones)
    assert [phone.name for phone in carved] == ["AA", SILENCE, "P", "AE"]
    assert carved[2].start == pytest.approx(0.92, abs=0.03)


def test_a_noisy_take_without_pauses_is_left_alone():
    samples = np.random.default_rng(2).normal(0, 0.2, 16000)
    phones = [Phone(0.0, 0.5, "AA"), Phone(0.5, 1.0, "DH")]
    assert carve_pauses(samples, phones) == phones
