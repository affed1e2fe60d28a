"""Lips that meet, and the lower lip on the upper teeth: how much of either an emotion leaves."""

import numpy as np

from ...expression.library import ExpressionLibrary
from ...face.flame import LOWER_LIP, UPPER_LIP, Head, lip_gaps_of_pair
from ...speech import lip_sync
from ..corpus.expression_corpus import FPS
from ..corpus.phones import LABIODENTALS, SILENCE
from ..speech.phone_outcomes import LABIODENTAL_SHARE, LONG_PAUSE_SECONDS
from .data import LinearCorpus, LinearSequence
from .systems import System

_MM = 1000.0
CONTACT_TOLERANCE_MM = 1.0  # that an emotion may part a labiodental contact by
_OPEN = 0.003  # m from which on an emotion counts as one that opens the mouth
_APEX = np.arange(0.0, 20.0, 0.1)  # s
_JUMP_TAKES = 24


def contacts_kept(
    system: System,
    speech: LinearCorpus,
    takes: list[LinearSequence],
    library: ExpressionLibrary,
    head: Head,
) -> dict[str, dict[str, float]]:
    """Percent of the neutral take's contacts that stay with each emotion at intensity 1: {contact: {emotion: %}}.

    closures: frames outside pauses whose gap is below 15 % of its 95th percentile in the neutral take, kept below that
    same gap. A pause is a silence longer than 0.3 s; there an emotion may open the mouth.
    bitten, teeth: frames of /f v/ with a gap below 35 %, kept when the emotion widens the gap (takes the lower lip off
    the upper teeth) by 1 mm at most. NaN where a corpus has no phone times.
    """
    pair = np.array([UPPER_LIP, LOWER_LIP])
    together = system.deform(np.concatenate([take.curves for take in takes]), speech.basis, "speech", pair)
    spoken = np.split(together, np.cumsum([len(take.curves) for take in takes])[:-1])
    frames, limits, shares = [], [], []
    for take, deltas in zip(takes, spoken, strict=True):
        gap = lip_gaps_of_pair(deltas, head)
        closed_below = lip_sync.closed_below(gap)
        closed = (gap < closed_below) & ~_pauses(take, len(gap))
        bitten = _phone_frames(take, LABIODENTALS, len(gap)) & (gap < LABIODENTAL_SHARE * np.percentile(gap, 95))
        frames.append(np.flatnonzero(closed | bitten))  # no other frame is asked about: half of the work
        limit = np.stack([np.full(len(gap), closed_below), closed, bitten], axis=1)
        limits.append(limit[frames[-1]])
        shares.append([share[frames[-1]] for share in system.shares(take.curves, speech.basis)])
    speaking = np.concatenate([deltas[chosen] for deltas, chosen in zip(spoken, frames, strict=True)])
    threshold, closed, bitten = np.concatenate(limits).T
    closed, bitten = closed > 0, bitten > 0
    spoken_gap = lip_gaps_of_pair(speaking, head)
    left = np.concatenate(shares, axis=1)
    kept: dict[str, dict[str, float]] = {"closures": {}, "bitten": {}, "teeth": {}}
    for emotion in library.names:
        if emotion == "neutral":
            continue
        curves = [
            library.trajectory(emotion, np.arange(len(take.curves)) / FPS, seed=number)[chosen]
            for number, (take, chosen) in enumerate(zip(takes, frames, strict=True))
        ]
        added = system.felt(np.concatenate(curves), library.basis, (left[0], left[1]), pair)
        gap = lip_gaps_of_pair(speaking + added, head)
        kept["closures"][emotion] = percent((gap < threshold)[closed])
        kept["bitten"][emotion] = percent((gap - spoken_gap <= CONTACT_TOLERANCE_MM)[bitten])
        kept["teeth"][emotion] = percent((off_the_teeth(added[:, 1]) <= CONTACT_TOLERANCE_MM)[bitten])
    return kept


def openings_kept(
    system: System, library: ExpressionLibrary, more: dict[str, np.ndarray], basis: np.ndarray
) -> dict[str, float]:
    """Percent of the wanted opening that is there in silence, by emotion that wants 3 mm or more at its apex.

    more: curves (T, K) of further expressions in the basis (K, 5023, 3), such as a laugh; their widest tenth counts.
    """
    pair = np.array([UPPER_LIP, LOWER_LIP])
    asked = {name: (library.living(name, _APEX), library.basis) for name in library.names}
    asked |= {name: (curves, basis) for name, curves in more.items()}
    kept = {}
    for name, (curves, directions) in asked.items():
        wanted = np.tensordot(curves, directions[:, pair], 1)
        wanted = wanted[:, 0, 1] - wanted[:, 1, 1]
        curves, wanted = (part[wanted >= np.percentile(wanted, 90 if name in more else 0)] for part in (curves, wanted))
        if wanted.mean() < _OPEN:
            continue
        made = system.felt(curves, directions, (np.ones(len(curves)), np.zeros(len(curves))), pair)
        kept[name] = float(100.0 * (made[:, 0, 1] - made[:, 1, 1]).sum() / wanted.sum())
    return kept


def jumps(
    system: System, speech: LinearCorpus, takes: list[LinearSequence], library: ExpressionLibrary, head: Head
) -> dict[str, float]:
    """By emotion: second difference of the lip gap with it, as a multiple of that of speech alone.

    Of the mean of its size over all frames and of its 99.9th percentile, the larger multiple.
    """
    pair = np.array([UPPER_LIP, LOWER_LIP])
    chosen = takes[:: max(1, -(-len(takes) // _JUMP_TAKES))]
    result: dict[str, list[np.ndarray]] = {}
    for number, take in enumerate(chosen):
        spoken = system.deform(take.curves, speech.basis, "speech", pair)
        shares = system.shares(take.curves, speech.basis)
        for name in library.names:
            curves = library.trajectory(name, np.arange(len(take.curves)) / FPS, seed=number)
            gap = lip_gaps_of_pair(spoken + system.felt(curves, library.basis, shares, pair), head)
            result.setdefault(name, []).append(np.abs(np.diff(gap, 2)))
    sizes = {name: np.concatenate(parts) for name, parts in result.items()}
    mean, rare = ({name: measure(size) for name, size in sizes.items()} for measure in (np.mean, _rare))
    return {
        name: float(max(mean[name] / mean["neutral"], rare[name] / rare["neutral"]))
        for name in sizes
        if name != "neutral"
    }


def _rare(sizes: np.ndarray) -> float:
    return float(np.percentile(sizes, 99.9))


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


def _pauses(take: LinearSequence, count: int) -> np.ndarray:
    """(count,) true in silences longer than 0.3 s."""
    mask = np.zeros(count, bool)
    for start, end, phone in take.phones or []:
        if phone == SILENCE and end - start > LONG_PAUSE_SECONDS:
            mask[int(round(start * FPS)) : int(round(end * FPS))] = True
    return mask


def percent(kept: np.ndarray) -> float:
    return 100.0 * float(kept.mean()) if len(kept) else float("nan")
