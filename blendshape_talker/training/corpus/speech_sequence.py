"""One take of speech with moving vertices, as all readers of speech corpora give it; and the files they share."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ...errors import TalkerError
from ...files import whole_file
from .coarticulation import FRAME_RATE
from .phones import SILENCE, Phone
from .synthesis import SAMPLE_RATE, to_16k


@dataclass(frozen=True)
class SpeechSequence:
    """One take: what is heard and how the face moves. Sound and vertices are read when asked for."""

    name: str
    subject: str
    split: str  # train, val or test
    frames: int
    template: np.ndarray  # (5023,3) m, the subject at rest
    load_samples: Callable[[], np.ndarray] = field(repr=False)
    load_deltas: Callable[[int, int], np.ndarray] = field(repr=False)
    load_curves: Callable[[], np.ndarray] | None = field(default=None, repr=False)
    shapes: np.ndarray | None = field(default=None, repr=False)  # (57,5023,3) m, what the curves weigh
    phones: list[Phone] | None = field(default=None, repr=False)
    voice: str = ""
    text: str = ""
    source: str = ""
    fps: int = FRAME_RATE

    @property
    def first_word(self) -> float:
        """Seconds at which the first phone begins that is no silence; 0 where no phones are known."""
        return next((phone.start for phone in self.phones or () if phone.name != SILENCE), 0.0)

    def samples(self) -> np.ndarray:
        """(N,) float32 mono at 16 kHz, as long as the frames to within one of them."""
        return self.load_samples()

    def deltas(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """(T,5023,3) float32 m from the template, of frames ``start`` … ``stop``."""
        first, last, _ = slice(start, stop).indices(self.frames)
        return self.load_deltas(first, max(first, last))

    def curves(self) -> np.ndarray | None:
        """(frames, 57) float32 FACS weights behind the vertices, or None where only vertices are known."""
        return None if self.load_curves is None else self.load_curves()


def load_sound(path: Path) -> np.ndarray:
    """A recording (N,) as float32 mono at 16 kHz; :class:`TalkerError` when it cannot be read."""
    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise TalkerError(f"{path}: not a readable recording ({error}); make it or copy it again") from error
    return to_16k(samples.mean(axis=1), rate)


def save_sound(path: Path, samples: np.ndarray) -> None:
    """Write (N,) samples at 16 kHz as FLAC. By bytes, as above: soundfile takes a name that is no text for none."""
    soundfile.write(os.fsencode(path), samples, SAMPLE_RATE, "PCM_16", format="FLAC")


def load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TalkerError(f"{path}: not readable ({error}); make the corpus again") from error


def write_json(path: Path, content: Any) -> None:
    """``content`` as JSON, one list entry a line, in one step."""
    lines = ",\n".join(json.dumps(entry) for entry in content) if isinstance(content, list) else None
    with whole_file(path) as stream:
        stream.write((f"[\n{lines}\n]\n" if lines is not None else json.dumps(content)).encode())
