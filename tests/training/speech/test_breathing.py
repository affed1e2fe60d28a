"""Examples of breath: words, a breath that parts the lips, words, all in step."""

import numpy as np
import pytest

from blendshape_talker.errors import TalkerError
from blendshape_talker.face.flame import LOWER_LIP, UPPER_LIP, VERTEX_COUNT, lip_gaps_of_pair, load_head
from blendshape_talker.training.corpus.coarticulation import LipGeometry
from blendshape_talker.training.corpus.phones import SILENCE, Phone
from blendshape_talker.training.corpus.speech_sequence import SpeechSequence
from blendshape_talker.training.speech.breathing import around_breath, breathed
from blendshape_talker.training.speech.data import Basis, vertex_weights

RATE = 16000


@pytest.fixture(scope="module")
def jaw() -> np.ndarray:
    """(1,5023,3) m: the lower lip 10 mm down."""
    shape = np.zeros((1, VERTEX_COUNT, 3), np.float32)
    shape[0, LOWER_LIP, 1] = -0.01
    return shape


@pytest.fixture(scope="module")
def take(jaw) -> SpeechSequence:
    """Three seconds: a loud vowel with an open mouth from second 0.5 to 2.5."""
    spoken = (np.arange(180) >= 30) & (np.arange(180) < 150)
    sound = 0.3 * spoken[np.arange(3 * RATE) * 60 // RATE] * np.sin(2 * np.pi * 200 * np.arange(3 * RATE) / RATE)
    return SpeechSequence(
        "take", "anna", "train", 180, load_head().vertices, lambda: sound.astype(np.float32),
        lambda start, stop: spoken[start:stop, None, None] * jaw, lambda: spoken[:, None].astype(np.float32), jaw,
        [Phone(0, 0.5, SILENCE), Phone(0.5, 2.5, "AA"), Phone(2.5, 3.0, SILENCE)], "tone",
    )  # fmt: skip


def test_lips_part_between_words_and_not_in_silence(jaw, take):
    head = load_head()
    weights = vertex_weights(head)
    basis = Basis(jaw / (10 * np.sqrt(weights[LOWER_LIP])), weights)
    names = ["jawOpen", "mouthClose", "mouthLowerDown_L", "mouthLowerDown_R", "mouthUpperUp_L", "mouthUpperUp_R"]
    lips = LipGeometry(names, np.concatenate([jaw, -jaw, jaw / 2, jaw / 2, -jaw / 2, -jaw / 2]), head.vertices)
    widest = []
    for seed in range(12):
        samples, curves, coefficients = around_breath(take, take, basis, lips, np.random.default_rng(seed))
        assert abs(len(samples) / RATE * 60 - len(curves)) < 1 and len(curves) == len(coefficients)
        gap = lip_gaps_of_pair(np.tensordot(coefficients, basis.shapes[:, [UPPER_LIP, LOWER_LIP]], 1), head)
        level = np.sqrt(np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1))
        loud = np.interp(np.arange(len(gap)) / 60, np.arange(len(level)) / 100, level) > 0.1
        assert np.mean(loud == (gap > 1)) > 0.95  # words and faces in step
        assert gap[:60].max() > 9 and gap[-60:].max() > 9
        breath = lips.gap(curves)
        assert breath[gap > 1].max() < 0.6 and breath.max() < 1.001
        widest.append(breath.max())
    assert min(widest) < 0.3 and max(widest) > 0.7


def test_a_corpus_without_words_is_refused(corpus, jaw):
    with pytest.raises(TalkerError, match="no words"):
        breathed([], corpus, Basis(jaw, vertex_weights(load_head())), None, "unused", 1.0)
