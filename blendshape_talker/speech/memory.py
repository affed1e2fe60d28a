"""What was heard lately: another take, emotion or frame rate of the same recording needs no network for the lips."""

import copy
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

Heard = TypeVar("Heard")

_RECORDINGS = 4  # an hour of coefficients is 16 MB


class Memory(Generic[Heard]):
    """Coefficients of speech of the last few recordings, found again by their samples.

    recalled: whether the last ones were remembered.
    """

    def __init__(self) -> None:
        self.recalled = False
        self._heard: OrderedDict[bytes, Heard] = OrderedDict()

    def recall(self, samples: np.ndarray, hear: Callable[[], Heard]) -> Heard:
        """(T, K) for ``samples`` (N,): remembered, else what ``hear()`` gives, array or tensor; a copy to use."""
        # as they lie there: an hour's copies are half a GB
        key = hashlib.blake2b(np.ascontiguousarray(samples).data, digest_size=16).digest()
        self.recalled = key in self._heard
        if not self.recalled:
            self._heard[key] = hear()
        self._heard.move_to_end(key)
        while len(self._heard) > _RECORDINGS:
            self._heard.popitem(last=False)
        return copy.deepcopy(self._heard[key])
