"""Head, eyes and blinks of performances whose phrases and accents are known."""

import numpy as np
import pytest

from blendshape_talker.expression.blinks import blink_closure, drawn_to
from blendshape_talker.expression.gaze import FARTHEST, plan_fixations
from blendshape_talker.expression.head_motion import head_angles
from blendshape_talker.expression.motion import pass_through
from blendshape_talker.expression.presence import presence

PHRASES = np.array([(start, start + 3.0) for start in np.arange(1.0, 60.0, 5.0)])
ACCENTS = np.array([(start + offset, 1.0) for start in PHRASES[:, 0] for offset in (0.4, 1.2, 2.0, 2.7)])
NOTHING = np.zeros((0, 2))
SECONDS = 62.0


def clock(fps=60.0, seconds=SECONDS):
    return np.arange(round(seconds * fps)) / fps


def speed(angles, fps=60.0):
    return np.degrees(np.linalg.norm(np.diff(angles, axis=0), axis=1)) * fps


def spoken(times):
    return ((times[:, None] >= PHRASES[:, 0]) & (times[:, None] <= PHRASES[:, 1])).any(axis=1)


def test_head_moves_while_it_speaks_and_rests_while_it_listens():
    times = clock()
    head = head_angles(times, SECONDS, PHRASES, ACCENTS)
    moving = speed(head)
    resting = ~spoken(times)[1:] & (np.abs(times[1:, None] - PHRASES.ravel()).min(axis=1) > 0.8)
    assert moving[spoken(times)[1:]].mean() > 4 * moving[resting].mean()
    silent = head_angles(times, SECONDS, NOTHING, NOTHING)
    assert speed(silent).mean() < 0.5
    assert np.abs(head[[0, -1]]).max() == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_nods_lie_on_accents_and_go_down(seed):
    times = clock()
    head = np.degrees(head_angles(times, SECONDS, PHRASES, ACCENTS, seed)[:, 0])
    around = np.stack([head[round(60 * at) - 18 : round(60 * at) + 19] for at in ACCENTS[:, 0]]).mean(axis=0)
    assert around.argmax() == pytest.approx(18, abs=4)  # within 70 ms of the syllable
    assert around.max() - around[[0, -1]].mean() > 0.6


def test_another_frame_rate_samples_the_same_performance():
    fast, slow = clock(60.0), clock(24.0)
    one, other = (presence(times, SECONDS, PHRASES, ACCENTS, 3) for times in (fast, slow))
    for name in ("head", "eyes"):
        dense = getattr(one, name)
        expected = np.stack([np.interp(slow, fast, column) for column in dense.T], axis=1)
        # an eye crosses a few degrees between two frames
        assert np.degrees(np.percentile(np.abs(getattr(other, name) - expected), 98)) < 0.3
    assert (one.blinks == other.blinks).all()


def test_a_seed_is_a_take():
    times = clock()
    first, again, other = (presence(times, SECONDS, PHRASES, ACCENTS, seed) for seed in (1, 1, 2))
    assert (first.head == again.head).all() and (first.eyes == again.eyes).all()
    assert np.degrees(np.abs(first.head - other.head).max()) > 1.0


def test_eyes_hold_what_they_look_at_while_the_head_turns():
    times = clock()
    found = presence(times, SECONDS, PHRASES, ACCENTS, 1)
    gaze = found.head[:, :2] + found.eyes
    still = np.degrees(np.abs(np.diff(gaze, axis=0)).max(axis=1)) < 1e-4
    assert still[60:-60].mean() > 0.85  # what is left are saccades
    assert (np.abs(found.eyes) <= FARTHEST + 1e-6).all()


def test_gaze_is_back_at_the_listener_where_a_phrase_ends():
    at_the_end = away = 0
    for seed in range(20):
        fixations = plan_fixations(SECONDS, PHRASES, seed)
        assert (np.diff(fixations.at) >= 0).all()
        for second in PHRASES[:, 1]:
            at_the_end += fixations.away[np.searchsorted(fixations.at, second, side="right") - 1]
        away += fixations.away.sum()
    assert at_the_end == 0
    assert away > 20 * len(PHRASES) * 0.5


def test_speakers_look_away_more_than_listeners():
    def share(phrases):
        shares = []
        for seed in range(20):
            fixations = plan_fixations(SECONDS, phrases, seed)
            shares.append((np.diff(fixations.at, append=SECONDS) * fixations.away).sum() / SECONDS)
        return np.mean(shares)

    listening, talking = share(NOTHING), share(np.array([[0.0, SECONDS]]))
    assert 0.01 < listening < 0.09  # 0.4 s of 8.3
    assert 0.12 < talking < 0.30  # 0.9 s of 4


def test_blinks_come_at_pauses():
    times, moments = clock(), PHRASES[:, 1]
    ends = []
    for chosen in (moments, ()):
        closure = blink_closure(times, SECONDS, lambda second: (2.0, 5.0), 5, chosen)
        starts = times[1:][(closure[1:] > 0) & (closure[:-1] == 0)]
        assert np.diff(starts).min() > 1.0
        ends.append((np.abs(starts[:, None] - moments).min(axis=0) < 0.1).mean())
    assert ends[0] > 0.75 and ends[1] < 0.3
    assert drawn_to([1.0, 3.0], 2.6, 0.0, 1.0) == 3.0
    assert drawn_to([1.0, 3.0], 2.6, 0.0, 0.3) == 2.6
    assert drawn_to([1.0, 3.0], 1.4, 1.2, 0.5) == 1.4


def test_pass_through_stays_between_moves():
    times = np.array([0.0, 0.9, 1.25, 1.5, 1.9, 2.0, 3.0])
    at, targets = np.array([1.0, 2.0]), np.array([[2.0], [-1.0]])
    moved = pass_through(times, at, targets, np.array([0.5, 5.0]))[:, 0]
    assert moved[:6] == pytest.approx([0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    assert -1.0 < moved[6] < 2.0
