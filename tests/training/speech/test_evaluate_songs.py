"""What the table of song says: mouths that stay open through a vowel, that flap, and that an instrument moves."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import VERTEX_COUNT, load_head
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.singing import songs
from blendshape_talker.training.speech import evaluate_songs
from blendshape_talker.training.speech.evaluate import lip_gap
from blendshape_talker.training.speech.evaluate_songs import Row, add_song, sounding, turns

RATE = 16000


def tone(seconds: float) -> np.ndarray:
    """Half a second of silence, a tone, half a second of silence."""
    sung = 0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)
    return np.pad(sung, RATE // 2).astype(np.float32)


def test_sound_is_told_from_silence_frame_by_frame():
    loud = sounding(tone(1.0), 120)
    assert loud[31:89].all() and not loud[:29].any() and not loud[91:].any()
    assert not sounding(np.zeros(RATE), 60).any()


def test_turns_are_counted_from_a_millimetre_on():
    clock = np.arange(120) / 60
    assert turns(4 + 0.4 * np.sin(2 * np.pi * 4 * clock)) == 0
    assert turns(4 + 0.8 * np.sin(2 * np.pi * 4 * clock)) == 14  # of 16: it comes from no millimetre and ends in none
    assert turns(np.linspace(0, 8, 50)) == 0 and turns(np.zeros(0)) == 0


def test_open_steady_vowels_and_flapping_ones():
    phones = [Phone(0, 0.5, SILENCE), Phone(0.5, 2.5, "AA"), Phone(2.5, 3.0, SILENCE)]
    inside = (np.arange(180) >= 28) & (np.arange(180) < 152)
    steady, flapping, shut = Row(), Row(), Row()
    add_song(steady, 6.0 * inside, tone(2.0), phones)
    add_song(flapping, (4 + 3 * np.sin(np.arange(180))) * inside, tone(2.0), phones)
    add_song(shut, 0.1 * inside, tone(2.0), phones)
    good, wild, none = (row.figures() for row in (steady, flapping, shut))
    assert good["vowels_open"] == 1 and good["flaps_per_second"] == 0 and good["shut"] == 0
    assert good["gap_median_mm"] == pytest.approx(6) and good["pauses_shut"] == 1
    assert wild["flaps_per_second"] > 15 and wild["speed"] > 50
    assert none["vowels_open"] == 0 and none["shut"] == 1 and none["openings_per_second"] == 0


def test_the_songs_measured_are_none_that_is_trained_on():
    sung = {speech.samples.tobytes() for _, speech in songs(60, 0)}
    assert not sung & {speech.samples.tobytes() for _, speech in songs(60, evaluate_songs._SEED)}


def test_bundled_lips_sing(tmp_path):
    """Synthesised song, and a recording of a chord from an instrument's harmonics that nobody sings."""
    clock = np.arange(3 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * k * clock) / k**2 for pitch in (220, 277, 330) for k in range(1, 6))
    soundfile.write(tmp_path / "organ.flac", 0.1 * chord, RATE)
    table = evaluate_songs.run(tmp_path, seconds=30, json_path=tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert len(table.splitlines()) == 3 and set(figures["synthesised"]) == set(evaluate_songs.COLUMNS)
    assert figures["synthesised"]["vowels_open"] > 0.8 and figures["synthesised"]["shut"] < 0.2
    assert 0.3 <= figures["synthesised"]["breath_mm"] < 3 and figures["organ.flac"]["breath_mm"] is None
    assert figures["organ.flac"]["shut"] > 0.8 and figures["organ.flac"]["vowels_open"] is None


def test_a_folder_without_sound_is_refused(tmp_path):
    with pytest.raises(TalkerError, match="no sound files"):
        evaluate_songs.run(tmp_path)


def test_weights_that_move_the_lips_to_nowhere_are_one_line():
    basis = np.zeros((1, VERTEX_COUNT, 3), np.float32)
    broken = SimpleNamespace(basis=basis, coefficients=lambda samples: np.full((60, 1), np.nan))
    with pytest.raises(TalkerError, match="nowhere; train it again"):
        lip_gap(broken, np.zeros(RATE, np.float32), load_head())
