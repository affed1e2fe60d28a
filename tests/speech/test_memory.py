"""What was heard is remembered by its samples, and only the last few recordings are."""

import numpy as np

from blendshape_talker.speech.memory import Memory


def test_the_same_samples_are_heard_once():
    memory, calls = Memory(), []

    def hear():
        calls.append(1)
        return np.arange(6.0).reshape(3, 2)

    samples = np.linspace(0, 1, 50, dtype=np.float32)
    first = memory.recall(samples, hear)
    first *= 2  # as a take does
    assert not memory.recalled
    assert memory.recall(samples.copy(), hear).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert len(calls) == 1 and memory.recalled
    memory.recall(samples[:-1], hear)
    assert len(calls) == 2 and not memory.recalled


def test_old_recordings_are_forgotten():
    memory, calls = Memory(), []

    def hear(number):
        calls.append(number)
        return np.full((1, 1), number)

    for number in (*range(5), 4, 0):
        memory.recall(np.full(9, number, np.float32), lambda number=number: hear(number))
    assert calls == [0, 1, 2, 3, 4, 0]
