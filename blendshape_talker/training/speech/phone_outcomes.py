"""What the lips do in aligned phones: bilabials that close, labiodentals that narrow, pauses that stay shut.

The curves of the lip gap are those of :mod:`...speech.lip_sync`: mm above neutral, 60 frames a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from ...speech.lip_sync import CLOSED, FPS, TOLERANCE_FRAMES, closures, relative
from ..corpus.phones import BILABIALS, LABIODENTALS, SILENCE, Phone

LABIODENTAL_SHARE = 0.35
LONG_PAUSE_SECONDS = 0.3


@dataclass
class PhoneOutcomes:
    """What became of each aligned phone and of each closure, in their order in time; add them up over takes.

    ``bilabials``: whether they closed; ``labiodentals``: were narrow; ``pauses``: stayed shut; ``closures`` of the
    curve: were a bilabial's. The first three are as many, and in the same order, for every curve of one sound.
    """

    bilabials: list[bool] = field(default_factory=list)
    labiodentals: list[bool] = field(default_factory=list)
    closures: list[bool] = field(default_factory=list)
    pauses: list[bool] = field(default_factory=list)

    def __add__(self, other: "PhoneOutcomes") -> "PhoneOutcomes":
        return PhoneOutcomes(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def judge_phones(gap: np.ndarray, phones: Sequence[Phone]) -> PhoneOutcomes:
    """What the lips did in aligned phones.

    A bilabial (p b m) counts as closed when the gap falls below 15 % anywhere from one frame before its aligned time
    to one frame after; a labiodental (f v) as narrow below 35 %. A closure of the curve is right when it comes within
    50 ms of a bilabial; those in or beside a silence are not judged. A pause longer than 0.3 s is shut when the gap
    stays below 15 % in its middle half.
    """
    curve, outcomes = relative(gap), PhoneOutcomes()

    def span(start: float, end: float, more: int) -> slice:
        return slice(max(0, int(np.floor(start * FPS)) - more), int(np.ceil(end * FPS)) + 1 + more)

    for phone in phones:
        touched = curve[span(phone.start, phone.end, 1)]
        if len(touched) == 0:
            continue
        if phone.name in BILABIALS:
            outcomes.bilabials.append(bool(touched.min() < CLOSED))
        elif phone.name in LABIODENTALS:
            outcomes.labiodentals.append(bool(touched.min() < LABIODENTAL_SHARE))
        elif phone.name == SILENCE and phone.end - phone.start > LONG_PAUSE_SECONDS:
            quarter = (phone.end - phone.start) / 4
            middle = curve[span(phone.start + quarter, phone.end - quarter, 0)]
            outcomes.pauses.append(len(middle) > 0 and bool(middle.max() < CLOSED))
    for start, stop in closures(gap):
        first, last = (start - TOLERANCE_FRAMES) / FPS, (stop - 1 + TOLERANCE_FRAMES) / FPS
        met = {phone.name for phone in phones if phone.start <= last and phone.end >= first}
        if SILENCE in met and not met & BILABIALS:
            continue
        outcomes.closures.append(bool(met & BILABIALS))
    return outcomes


def pause_gap(gap: np.ndarray, phones: Sequence[Phone]) -> np.ndarray:
    """The gap (N,) mm of all frames in the middle halves of long pauses."""
    parts = [np.zeros(0)]
    for phone in phones:
        if phone.name == SILENCE and phone.end - phone.start > LONG_PAUSE_SECONDS:
            quarter = (phone.end - phone.start) / 4
            parts.append(gap[round((phone.start + quarter) * FPS) : round((phone.end - quarter) * FPS)])
    return np.concatenate(parts)
