"""Batches for the speech network: stretches of equal length, drawn by sound time and by who speaks."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ...errors import TalkerError
from .data import Example


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
        for subject, share in (shares or {}).items():
            of = np.array([example.subject == subject for example in examples])
            if of.any() and not (of | theirs).all():
                chance[of] *= share / chance[of].sum()
                rest = ~of & ~theirs
                chance[rest] *= (1 - chance[~rest].sum()) / chance[rest].sum()
        self._chance = chance / chance.sum()
        self._steps = round(seconds * 10)
        self._seed = seed

    def batch(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """features (B,A,512) f32, coefficients (B,T,K) f32, style (B,) and before (B,T) of batch ``number``.

        Before: true until a take's first word begins.
        """
        generator = np.random.default_rng([self._seed, number])
        stretches = [self._stretch(generator) for _ in range(size)]
        features, coefficients, style, before = zip(*stretches, strict=True)
        return np.stack(features).astype(np.float32), np.stack(coefficients), np.array(style), np.stack(before)

    def _stretch(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
        """One stretch; a take that is too short is followed by another of the same speaker, from its first word on.

        Every other short take begins somewhere in its midst: what follows its end is then a pause within speech, and
        not the beginning of a recording, before which people breathe in.
        """
        index = int(generator.choice(len(self._examples), p=self._chance))
        style = self._style[index]
        features: list[np.ndarray] = []
        coefficients: list[np.ndarray] = []
        before: list[np.ndarray] = []
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
            before.append(np.arange(6 * start, 6 * (start + taken)) < example.first_word)
            missing -= taken
            index = int(generator.choice(self._by_style[style]))
        return np.concatenate(features), np.concatenate(coefficients), style, np.concatenate(before)
