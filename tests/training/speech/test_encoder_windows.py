"""`evaluate speech --windows`: takes in one recording, a row for each cut and for the stream."""

import json
from dataclasses import replace

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.speech.whisper import OFFLINE, EncoderWindows
from blendshape_talker.training.corpus.speech_layouts import read_corpus
from blendshape_talker.training.speech import encoder_windows


@pytest.fixture
def recorded(corpus, monkeypatch):
    """The miniature corpus with takes that pass for recordings."""
    sequences = [replace(sequence, source="a recording") for sequence in read_corpus(corpus)]
    monkeypatch.setattr(encoder_windows, "read_corpus", lambda path: sequences)
    return sequences


def test_rows_of_all_windows_and_of_the_stream(recorded, tmp_path):
    cuts = (OFFLINE, EncoderWindows(0.6, 0.4, 0.2))
    text = encoder_windows.run("corpus", json_path=tmp_path / "figures.json", cuts=cuts)
    figures = json.loads((tmp_path / "figures.json").read_text())
    offline, short, stream = figures["windows"].values()
    assert list(figures["windows"])[1] == "0.6 s, 0.4 before, 0.2 after"
    assert offline["look_ahead_s"] > 9 > short["look_ahead_s"] > 0.8 and stream["look_ahead_s"] < 2
    assert offline["difference_mm"] == 0 < short["difference_mm"]
    assert offline["takes"] == 2 and stream["cpu_ms"] > 0
    assert all(set(row) == {"first_mm", "later_mm", "most_mm"} for row in figures["levels"].values())
    assert len(text.splitlines()) == 2 + len(cuts) + 2 + len(figures["levels"])


def test_takes_begin_on_the_grid(recorded):
    takes = [sequence for sequence in recorded if sequence.split == "test"]
    takes = [replace(take, load_samples=lambda take=take: take.samples()[:-700]) for take in takes]
    sound, firsts = encoder_windows._joined(takes)
    assert firsts == [0, 180] and len(sound) == 6 * 16000
    np.testing.assert_array_equal(sound[48000 : 48000 + 1000], takes[1].samples()[:1000])


def test_without_recordings(corpus):
    with pytest.raises(TalkerError, match="--ljspeech"):
        encoder_windows.run(corpus)
