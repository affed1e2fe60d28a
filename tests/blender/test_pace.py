"""The bar: it never falls, never stands where work goes on unseen, and knows what takes long."""

import time

import pytest

from blendshape_talker.blender import pace


def test_the_first_bake_of_a_short_recording_is_mostly_loading_and_a_long_one_is_not():
    bar = pace.Pace()
    loading, heard = bar.shares(6.0)
    assert 0.5 < loading < heard < 1.0
    assert bar.shares(600.0)[0] < 0.1
    bar.learn(30.0, 3.0)
    assert bar.shares(6.0)[0] == 0.0 and bar.unit_seconds == pytest.approx(0.1)


def test_what_lies_behind_is_left_out():
    seen = []
    report = pace.rising(lambda fraction, message: seen.append((fraction, message)))
    for fraction in (0.1, 0.3, 0.2, 0.3, 0.5):
        report(fraction, "listening")
    assert [fraction for fraction, _ in seen] == [0.1, 0.3, 0.3, 0.5]


def test_the_clock_moves_the_bar_within_its_share_while_the_work_says_nothing():
    seen = []
    with pace.by_the_clock(lambda fraction, message: seen.append(fraction), 0.2, 0.6, 0.5, "loading"):
        time.sleep(1.5)
    assert len(seen) >= 3 and seen == sorted(seen)
    assert seen[0] == 0.2 and 0.3 < seen[-1] < 0.6
    count = len(seen)
    time.sleep(0.5)
    assert len(seen) == count, "the clock goes on after the work"


def test_a_recording_s_length_is_what_its_header_says(recording, tmp_path):
    assert pace.recording_seconds(str(recording)) == pytest.approx(1.5)
    (tmp_path / "notes.wav").write_text("no sound")
    assert pace.recording_seconds(str(tmp_path / "notes.wav")) == 10.0


def test_loading_goes_by_the_modules_and_then_by_the_time_they_took():
    second, seen = [0], []
    loading = pace.Loading(lambda: float(second[0]), lambda: 100 + 80 * min(second[0], 10))
    for second[0] in range(1, 31):
        seen.append(loading.share())
    assert seen == sorted(seen) and 0.05 < seen[0] < 0.1 and 0.5 < seen[9] < 0.65
    assert 0.8 < seen[19] < seen[29] < 1.0
