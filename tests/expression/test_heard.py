"""Cues from probabilities over time: few, steady, cut in pauses, neutral where nothing is sure."""

import numpy as np
import pytest

from blendshape_talker.expression.cues import arrange, check_cues
from blendshape_talker.expression.heard import SURE, heard_cues
from blendshape_talker.expression.library import ExpressionLibrary

CLASSES = ("neutral", "angry", "sad")


def voice(*stretches: tuple[str, int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Times and probabilities of windows every half second: (class, windows, how sure) after each other."""
    rows = []
    for name, count, sure in stretches:
        row = np.full(len(CLASSES), (1 - sure) / (len(CLASSES) - 1))
        row[CLASSES.index(name)] = sure
        rows += [row] * count
    return 1.0 + 0.5 * np.arange(len(rows)), np.array(rows)


def test_equal_neighbours_are_one_cue_and_neutral_is_none():
    cues = heard_cues(CLASSES, *voice(("angry", 6, 0.9), ("neutral", 8, 0.9), ("sad", 6, 0.8)), seconds=11.0)
    assert [cue.emotion for cue in cues] == ["angry", "sad"]
    assert cues[0].start == 0.0 and cues[1].end == 11.0
    assert cues[0].end == pytest.approx(3.75, abs=0.01) and cues[1].start == pytest.approx(7.75, abs=0.01)


def test_who_is_unsure_hears_nothing():
    assert heard_cues(CLASSES, *voice(("angry", 20, SURE - 0.02)), seconds=11.0) == []
    assert len(heard_cues(CLASSES, *voice(("angry", 20, SURE + 0.1)), seconds=11.0)) == 1


def test_a_moment_s_doubt_makes_no_cue():
    flicker = [stretch for _ in range(6) for stretch in (("angry", 4, 0.85), ("sad", 1, 0.6))]
    cues = heard_cues(CLASSES, *voice(*flicker), seconds=16.0)
    assert [cue.emotion for cue in cues] == ["angry"]
    calm = [stretch for _ in range(6) for stretch in (("neutral", 4, 0.7), ("angry", 1, 0.6))]
    assert heard_cues(CLASSES, *voice(*calm), seconds=16.0) == []


def test_a_change_lies_in_the_pause_that_is_near():
    windows = voice(("angry", 8, 0.9), ("sad", 8, 0.9))
    (before, after) = heard_cues(CLASSES, *windows, seconds=9.0, pauses=[(1.0, 1.4), (5.0, 5.4)])
    assert before.end == after.start == 5.2
    (before, after) = heard_cues(CLASSES, *windows, seconds=9.0, pauses=[(1.0, 1.4), (7.0, 7.4)])
    assert before.end == after.start == pytest.approx(4.75)


def test_the_surer_the_stronger():
    faint, plain = (heard_cues(CLASSES, *voice(("sad", 10, sure)), seconds=6.0)[0] for sure in (0.55, 0.97))
    assert 0.4 <= faint.intensity < 0.55 and plain.intensity == 1.0


def test_cues_can_be_played_and_cross_fade():
    library = ExpressionLibrary.load()
    cues = heard_cues(CLASSES, *voice(("angry", 8, 0.9), ("sad", 8, 0.9), ("angry", 5, 0.9)), seconds=11.5)
    check_cues(cues, library.names)
    strips = arrange(cues, 11.5, library)
    assert len(strips) == 3 and strips[1].start < strips[0].end and strips[0].blend_out == strips[1].blend_in


def test_nothing_heard_is_no_cue():
    assert heard_cues(CLASSES, np.zeros(0), np.zeros((0, 3)), seconds=3.0) == []
