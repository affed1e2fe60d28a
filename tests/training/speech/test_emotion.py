"""Training of the classifier of emotions: on windows made here, it finds emotions behind rooms and voices."""

import numpy as np
import pytest

from blendshape_talker.training.speech.emotion import (
    CLASSES,
    EmotionTraining,
    Windows,
    fit,
    leaving_one_out,
    nuisances,
    temperature,
    together,
)

SIZE = 40  # of a window's statistics
SETTINGS = EmotionTraining(nuisances=6)


def windows(speakers, acted=True, seed=0, label=None, shift=None):
    """Clean and augmented windows of some speakers: emotions in the first seven numbers, the room in the eighth, the
    voice in those that follow."""
    rng = np.random.default_rng(seed)
    rows, told = [], []
    for speaker in speakers:
        voice = np.random.default_rng([9, speaker]).normal(0, 3, SIZE - 8)
        for clip in range(42):
            which = clip % 7 if label is None else label
            for copy in range(2):
                row = rng.normal(0, 0.5, SIZE)
                row[which] += 2.0
                row[7] += 6.0 * copy + (0.0 if shift is None else shift)
                row[8:] += voice
                rows.append(row)
                told.append((which, f"{speaker}", f"{speaker} {clip}", copy, acted, False))
    return Windows(np.array(rows), *(np.array(column) for column in zip(*told, strict=True)))


@pytest.fixture(scope="module")
def known():
    return together(windows(range(5)), windows([7], acted=False, label=0, shift=10.0))


def recall(logits, labels):
    return np.mean([(logits[labels == label].argmax(axis=1) == label).mean() for label in range(len(CLASSES))])


def test_emotions_of_an_actor_never_heard_are_found(known):
    logits = leaving_one_out(known, SETTINGS)
    acted = known.acted
    assert recall(logits[acted], known.labels[acted]) > 0.9
    assert (logits[~acted] == 0).all(), "people who speak plainly are nobody's emotions"


def test_another_room_is_no_emotion(known):
    model = fit(known, SETTINGS)
    here, there = windows([3], seed=5), windows([3], seed=5, shift=12.0)
    moved = np.abs((there.x - here.x) @ model.weight).max()
    assert moved < 0.1 * np.abs(here.x @ model.weight).max()
    assert recall(there.x @ model.weight + model.bias, there.labels) > 0.9


def test_what_is_taken_out_are_rooms_and_voices(known):
    z = (known.x - known.x.mean(axis=0)) / known.x.std(axis=0)
    out = nuisances(z, known, 6)
    assert out.T @ out == pytest.approx(np.eye(6), abs=1e-9)
    taken = (out**2).sum(axis=1)
    assert taken[7] > 0.9 and taken[:7].max() < 0.3


def test_the_temperature_makes_probabilities_say_how_often_it_is_so():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 4000)
    logits = rng.normal(0, 1, (4000, 7))
    logits[np.arange(4000), labels] += 1.0  # the best of logits whose noise has this spread is themselves
    assert temperature(logits, labels) == pytest.approx(1.0, abs=0.15)
    assert temperature(3 * logits, labels) == pytest.approx(1 / 3, abs=0.06)
