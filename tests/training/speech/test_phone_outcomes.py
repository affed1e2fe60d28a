"""What the lips do in aligned phones."""

import numpy as np

from blendshape_talker.training.corpus.phones import Phone
from blendshape_talker.training.speech.phone_outcomes import judge_phones, pause_gap


def syllables(count: int = 8, period: int = 24) -> np.ndarray:
    """A gap in mm that opens to 10 and touches zero for a few frames between syllables."""
    curve = np.maximum(0, 12 * np.sin(np.pi * np.arange(count * period) / period) ** 2 - 2)
    return np.concatenate([np.zeros(30), curve, np.zeros(30)])


def test_counts_over_phones():
    curve = syllables()
    opens, shuts = (30 + 12) / 60, (30 + 24) / 60
    phones = [
        Phone(0.0, 0.5, "SIL"),
        Phone(opens - 0.05, opens + 0.05, "P"),
        Phone(shuts - 0.03, shuts + 0.03, "M"),
        Phone(shuts - 0.03, shuts + 0.03, "F"),
        Phone(len(curve) / 60 - 0.5, len(curve) / 60, "SIL"),
    ]
    outcomes = judge_phones(curve, phones)
    assert outcomes.bilabials == [False, True] and outcomes.labiodentals == [True] and outcomes.pauses == [True, True]
    assert len(outcomes.closures) == 7 and sum(outcomes.closures) == 1
    double = outcomes + outcomes
    assert len(double.closures) == 14 and double.bilabials == [False, True, False, True]
    assert pause_gap(curve, phones).max() == 0
    assert judge_phones(curve + 5, phones).pauses == [False, False]
