"""Where two models differ on the same sounds, and where only chance does."""

import pytest

from blendshape_talker.training.speech.differences import chance_of, difference_table
from blendshape_talker.training.speech.phone_outcomes import PhoneOutcomes


def test_only_sounds_that_one_model_alone_gets_count():
    old = [True] * 50 + [False] * 10
    assert chance_of(old, old) == 1
    assert chance_of([False] + old[1:], old) == 1  # one sound alone decides nothing
    assert chance_of([False] * 6 + old[6:], old) == pytest.approx(2 / 2**6)
    assert chance_of([False] * 6 + old[6:54] + [True] * 6, old) == 1  # six lost, six won


def test_closures_are_compared_as_shares():
    assert chance_of([True] * 9 + [False], [True] * 18 + [False] * 2, paired=False) == 1
    assert chance_of([True] * 10 + [False] * 30, [True] * 30 + [False] * 10, paired=False) < 1e-4


def test_the_table_marks_what_chance_does_not_make():
    some = [True] * 60
    old = {"clean": PhoneOutcomes(some, [True], some, some), "telephone": PhoneOutcomes(some, [], some, some)}
    old["no speech"] = PhoneOutcomes()
    worse = [False] * 20 + [True] * 40
    new = {"clean": PhoneOutcomes(some, [False], some, some), "telephone": PhoneOutcomes(worse, [], some[:9], some)}
    new["no speech"] = PhoneOutcomes()
    lines = difference_table(new, old).splitlines()
    assert "60 -> 40 of 60 -" in lines[2] and "60 of 60 -> 9 of 9  " in lines[2] and len(lines) == 6
    assert "1 -> 0 of 1" in lines[1]
    assert "worse at p < 0.05: 1, better: 0" in lines[3]
    assert lines[4].endswith("p/b/m closed, telephone") and lines[5].endswith("none")
    assert "none" in difference_table(old, old).splitlines()[-2]
