"""Batches for the speech network: stretches of equal length, drawn by sound time and by who speaks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import TalkerError
from .data import Example


@dataclass(frozen=True)
class Batch:
    """B stretches: features (B,A,512) f32, coefficients (B,T,K) f32, style (B,) and what is said of their frames (B,T).

    ``before``: true until a take's first word begins; ``breath``: true in an audible breath.
    """

    features: np.ndarray
    coefficients: np.ndarray
    style: np.ndarray
    before: np.ndarray
    breath: np.ndarray


class Windows:
    """Batches of stretches of equal length, drawn by sound time; batch n is the same in every run with the seed.

    The speakers ``seen`` by a camera are ``seen_share`` of all, each of them by the root of their time: one man talked
    far more than the others. ``shares``: of all, for subjects whose time says nothing of how much there is to learn.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        styles: Sequence[str],
        seconds: float,
        seed: int,
        seen: Collection[str] = (),
        seen_share: float = 0.5,
        shares: Mapping[str, float] | None = None,
    ):
        if not examples:
            raise TalkerError("the corpus has no training sequences; make it again with more sequences")
        self._examples = list(examples)
        self._style = [styles.index(example.subject) if example.subject in styles else 0 for example in examples]
        self._by_style: dict[int, list[int]] = {}
        for index, style in enumerate(self._style):
            self._by_style.setdefault(style, []).append(index)
        lengths = np.array([example.seconds for example in examples])
        theirs = np.array([example.subject in seen for example in examples])
        chance = lengths / lengths[~theirs].sum() if not theirs.all() else lengths
        if theirs.any():
            total = {who: sum(e.seconds for e in examples if e.subject == who) for who in seen}
            rooted = np.array([e.seconds / np.sqrt(total[e.subject]) if e.subject in seen else 0.0 for e in examples])
            chance = np.where(theirs, seen_share * rooted / rooted.sum(), (1 - seen_share) * chance)
        apart = theirs.copy()
        for subject, share in (shares or {}).items():
            of = np.array([example.subject == subject for example in examples])
            if of.any() and not (of | apart).all():
                chance[of] *= share / chance[of].sum()
                apart |= of
        if not apart.all():
            chance[~apart] *= (1 - chance[apart].sum()) / chance[~apart].sum()
        self._chance = chance / chance.sum()
        self._steps = round(seconds * 10)
        self._seed = seed

    def batch(self, number: int, size: int) -> Batch:
        """``size`` stretches, batch ``number``."""
        generator = np.random.default_rng([self._seed, number])
        stretches = [self._stretch(generator) for _ in range(size)]
        features, coefficients, style, before, breath = zip(*stretches, strict=True)
        stacked = (np.stack(part) for part in (coefficients, style, before, breath))
        return Batch(np.stack(features).astype(np.float32), *stacked)

    def _stretch(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]:
        """One stretch; a take that is too short is followed by another of the same speaker, from its first word on.

        Every other short take begins somewhere in its midst: what follows its end is then a pause within speech, and
        not the beginning of a recording, before which people breathe in.
        """
        index = int(generator.choice(len(self._examples), p=self._chance))
        style = self._style[index]
        features: list[np.ndarray] = []
        coefficients: list[np.ndarray] = []
        before: list[np.ndarray] = []
        breath: list[np.ndarray] = []
        missing = self._steps
        while missing > 0:
            example = self._examples[index]
            steps = min(len(example.features) // 5, len(example.coefficients) // 6)  # tenths of a second
            if missing < self._steps:
                start = max(0, example.first_word - 6) // 6
            elif steps <= missing and generator.random() < 0.5:
                start = int(generator.integers(0, steps))
            else:
                start = int(generator.integers(0, max(1, steps - missing + 1)))
            taken = min(missing, steps - start)
            features.append(example.features[5 * start : 5 * (start + taken)])
            coefficients.append(example.coefficients[6 * start : 6 * (start + taken)])
            frames = np.arange(6 * start, 6 * (start + taken))
            before.append(frames < example.first_word)
            breath.append((frames >= example.breath[0]) & (frames < example.breath[1]))
            missing -= taken
            index = int(generator.choice(self._by_style[style]))
        told = (np.concatenate(part) for part in (before, breath))
        return np.concatenate(features), np.concatenate(coefficients), style, *told
