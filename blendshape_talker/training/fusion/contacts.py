"""Lips that meet, and the lower lip on the upper teeth: how much of either an emotion leaves."""

import numpy as np

from ...expression.library import ExpressionLibrary
from ...face.flame import LOWER_LIP, UPPER_LIP, Head
from ...speech import lip_sync
from ..corpus.expression_corpus import FPS
from ..corpus.phones import LABIODENTALS
from ..speech.phone_counts import LABIODENTAL_SHARE
from .data import LinearCorpus, LinearSequence
from .systems import System

_MM = 1000.0
CONTACT_TOLERANCE_MM = 1.0  # that an emotion may part a labiodental contact by


def contacts_kept(
    system: System,
    speech: LinearCorpus,
    takes: list[LinearSequence],
    library: ExpressionLibrary,
    head: Head,
) -> dict[str, dict[str, float]]:
    """Percent of the neutral take's contacts that stay with each emotion at intensity 1: {contact: {emotion: %}}.

    closures: frames whose gap is below 15 % of its 95th percentile in the neutral take, kept below that same gap.
    bitten, teeth: frames of /f v/ with a gap below 35 %, kept when the emotion widens the gap (takes the lower lip off
    the upper teeth) by 1 mm at most. NaN where a corpus has no phone times.
    """
    pair = np.array([UPPER_LIP, LOWER_LIP])
    together = system.deform(np.concatenate([take.curves for take in takes]), speech.basis, "speech", pair)
    spoken = np.split(together, np.cumsum([len(take.curves) for take in takes])[:-1])
    frames, limits = [], []
    for take, deltas in zip(takes, spoken, strict=True):
        gap = lip_gaps(deltas, head)
        widest = np.percentile(gap, 95)
        closed = gap < lip_sync.CLOSED * widest
        bitten = _phone_frames(take, LABIODENTALS, len(gap)) & (gap < LABIODENTAL_SHARE * widest)
        frames.append(np.flatnonzero(closed | bitten))  # no other frame is asked about: half of the work
        limit = np.stack([np.full(len(gap), lip_sync.CLOSED * widest), closed, bitten], axis=1)
        limits.append(limit[frames[-1]])
    speaking = np.concatenate([deltas[chosen] for deltas, chosen in zip(spoken, frames, strict=True)])
    threshold, closed, bitten = np.concatenate(limits).T
    closed, bitten = closed > 0, bitten > 0
    spoken_gap = lip_gaps(speaking, head)
    kept: dict[str, dict[str, float]] = {"closures": {}, "bitten": {}, "teeth": {}}
    for emotion in library.names:
        if emotion == "neutral":
            continue
        curves = [
            library.trajectory(emotion, np.arange(len(take.curves)) / FPS, seed=number)[chosen]
            for number, (take, chosen) in enumerate(zip(takes, frames, strict=True))
        ]
        added = system.deform(np.concatenate(curves), library.basis, "expression", pair)
        gap = lip_gaps(speaking + added, head)
        kept["closures"][emotion] = percent((gap < threshold)[closed])
        kept["bitten"][emotion] = percent((gap - spoken_gap <= CONTACT_TOLERANCE_MM)[bitten])
        kept["teeth"][emotion] = percent((off_the_teeth(added[:, 1]) <= CONTACT_TOLERANCE_MM)[bitten])
    return kept


def lip_gaps(deltas: np.ndarray, head: Head) -> np.ndarray:
    """(T,) mm from deltas (T, 2, 3) of the upper and lower inner-lip vertex: distance minus the neutral one."""
    neutral = head.vertices[UPPER_LIP] - head.vertices[LOWER_LIP]
    return _MM * (np.linalg.norm(neutral + deltas[:, 0] - deltas[:, 1], axis=1) - np.linalg.norm(neutral))


def off_the_teeth(moved: np.ndarray) -> np.ndarray:
    """(T,) mm that a lower lip which (T, 3) metres were added to has left the upper teeth: downwards or forwards.

    FLAME has no teeth, but they go where the skull goes. Up and back the lip slides along them and stays on.
    """
    return _MM * np.maximum(-moved[:, 1], moved[:, 2])


def _phone_frames(take: LinearSequence, phones: frozenset[str], count: int) -> np.ndarray:
    mask = np.zeros(count, bool)
    for start, end, phone in take.phones or []:
        if phone.rstrip("012") in phones:
            mask[int(round(start * FPS)) : int(round(end * FPS))] = True
    return mask


def percent(kept: np.ndarray) -> float:
    return 100.0 * float(kept.mean()) if len(kept) else float("nan")
