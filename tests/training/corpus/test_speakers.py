"""The people of the corpus: different, plausible, and never in the way of their lips."""

import numpy as np
import pytest
from face_shapes import NAMES, neutral_head, shape_deltas

from blendshape_talker.face.flame import VERTEX_COUNT
from blendshape_talker.training.corpus import speakers
from blendshape_talker.training.corpus.coarticulation import FRAME_RATE, LipGeometry, SpeakingStyle
from blendshape_talker.training.corpus.phones import SILENCE, Phone

LIPS = LipGeometry(NAMES, shape_deltas(), neutral_head())


@pytest.fixture
def take() -> tuple[list[Phone], np.ndarray]:
    """Twenty seconds of ``mama`` with pauses."""
    names = [SILENCE, SILENCE, *("M AA M AA S EH".split() * 6)] * 5
    phones = [Phone(0.1 * i, 0.1 * (i + 1), name) for i, name in enumerate(names)]
    samples = np.random.default_rng(0).normal(0, 0.1, int(1600 * len(names))).astype(np.float32)
    for phone in phones:
        if phone.name == SILENCE:
            samples[int(phone.start * 16000) : int(phone.end * 16000)] = 0
    return phones, samples


def test_styles_are_plausible_and_differ():
    styles = [speakers.random_style(np.random.default_rng(seed)) for seed in range(30)]
    assert len({style.jaw for style in styles}) == 30
    for style in styles:
        assert 0.7 < style.jaw < 1.4 and 0.8 < style.lips < 1.25 and 0.75 < style.precision < 1.3
        assert -0.05 < style.smile < 0.15 and abs(style.asymmetry) < 1


def test_templates_are_heads_of_others():
    identities = np.random.default_rng(1).normal(0, 1e-3, (5, VERTEX_COUNT, 3)).astype(np.float32)
    one, two = (speakers.random_template(neutral_head(), identities, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.dtype == np.float32 and one.shape == (VERTEX_COUNT, 3)
    assert 1e-5 < np.abs(one - two).mean() < 0.01


def test_blinks_come_every_few_seconds_and_shut_the_lids():
    blinks = speakers.blink_curve(120 * FRAME_RATE, 4.0, np.random.default_rng(0))
    shut = np.flatnonzero(np.diff((blinks > 0.8).astype(int)) == 1)
    assert 15 < len(shut) < 50
    assert blinks.min() == 0.0 and 0.9 < blinks.max() <= 1.0
    assert np.diff(shut).min() > 1.5 * FRAME_RATE


def test_brows_rise_now_and_then_and_only_with_speech(take):
    phones, samples = take
    frames = int(len(samples) / 16000 * FRAME_RATE)
    brows = speakers.brow_accents(phones, samples, frames, np.random.default_rng(3))
    assert 0.02 < (brows > 0.3).mean() < 0.7
    silent = [Phone(0.0, 2.0, SILENCE)]
    assert not speakers.brow_accents(silent, np.zeros(32000), 120, np.random.default_rng(3)).any()


def test_small_movements_never_disturb_the_lips(take):
    phones, samples = take
    style = SpeakingStyle(smile=0.1, brows=1.5, asymmetry=0.5)
    weights = speakers.face_curves(phones, samples, LIPS, style, np.random.default_rng(5))
    gap = LIPS.gap(weights)
    opening = np.percentile(gap, 95)
    for phone in phones:
        if phone.name == "M":
            assert gap[int(np.ceil(phone.start * 60)) : int(phone.end * 60) + 1].min() < 0.03 * opening
    assert weights[:, LIPS.index["eyeBlink_L"]].max() > 0.9
    assert weights[:, LIPS.index["browInnerUp_L"]].max() > 0.1
    assert weights.shape == (round(len(samples) / 16000 * 60), len(NAMES))


def test_the_same_seed_is_the_same_person(take):
    phones, samples = take
    twice = [
        speakers.face_curves(phones, samples, LIPS, SpeakingStyle(), np.random.default_rng(seed)) for seed in (5, 5, 6)
    ]
    assert np.array_equal(twice[0], twice[1]) and not np.array_equal(twice[0], twice[2])
