"""Head and gaze as the product moves them, beside people whom a camera saw saying the same: `evaluate motion`.

Both sides are looked at alike: 60 frames a second, smoothed over 80 ms, because a camera of 25 pictures a second sees
no saccade and its landmarks tremble. GRID's people read short commands in a booth, so this is the lower end of what
people do. numpy alone.
"""

import json
import os
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from ..expression.presence import presence
from ..files import write_figures
from ..job import Progress
from ..speech.prosody import read_prosody, smoothed
from .corpus.coarticulation import FRAME_RATE
from .corpus.landmarks import read_landmarks
from .corpus.speech_sequence import load_sound

COLUMNS = (
    *("clips", "nod sd", "turn sd", "tilt sd", "speaking °/s", "silent °/s"),
    *("pose sd", "gaze down sd", "gaze aside sd"),
)
OURS = "ours"
# MediaPipe: the iris' middle, and the outer and inner corner of each eye, the person's right and left
_EYES = ((468, 33, 133), (473, 263, 362))
_CORNERS_MM, _RADIUS_MM = 30.0, 10.5  # between an eye's corners; from the eyeball's middle to the iris
_SMOOTHING = 0.08 * FRAME_RATE  # frames


def run(
    corpus: str | os.PathLike[str],
    landmarks: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> str:
    """The table as text, degrees; ``corpus``: the folder of `corpus people`; ``landmarks``: of the files that it was
    made from; ``out``: also write it as JSON there."""
    folder = Path(corpus)
    try:
        entries = [(entry["name"], entry["subject"]) for entry in json.loads((folder / "sequences.json").read_text())]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TalkerError(f"{folder}: no corpus of people ({error}); make it with `corpus people`") from None
    if not entries:
        raise TalkerError(f"{folder}: nobody is in it; make it with `corpus people`")
    looked: dict[str, np.ndarray] = {}
    for path in sorted(Path(landmarks).glob("*_landmarks.npz")):
        numbers, clips = read_landmarks(path)
        if not set(np.ravel(_EYES)) <= set(numbers.tolist()):
            raise TalkerError(f"{path}: lacks the irises; measure the faces with MediaPipe's 478 landmarks")
        looked |= {clip.name: gaze_of(clip.points, numbers, clip.fps) for clip in clips}
    measured: dict[str, list[np.ndarray]] = {}
    means: dict[str, list[np.ndarray]] = {}
    for number, (name, person) in enumerate(entries):
        try:
            samples = load_sound(folder / "wav" / f"{name}.flac")
            head = np.load(folder / "pose" / f"{name}.npy", allow_pickle=False)[:, :3]
        except (OSError, ValueError, TalkerError) as error:
            raise TalkerError(f"{folder}: {name} is not whole ({error}); make it again with `corpus people`") from None
        if name not in looked:
            raise TalkerError(f"{landmarks}: no landmarks of {name}; name the folder that the corpus was made from")
        prosody = read_prosody(samples)
        clock = np.arange(len(head)) / FRAME_RATE
        made = presence(clock, len(samples) / 16000, prosody.phrases, prosody.accents, number)
        speaking = ((clock[:, None] >= prosody.phrases[:, 0]) & (clock[:, None] <= prosody.phrases[:, 1])).any(axis=1)
        for who, turns, eyes in ((person, head, looked[name]), (OURS, made.head, np.degrees(made.eyes))):
            figures, mean = measure(np.degrees(turns), eyes, speaking)
            measured.setdefault(who, []).append(figures)
            means.setdefault(who, []).append(mean)
        if progress is not None:
            progress((number + 1) / len(entries), name)
    rows = {}
    for who in [*sorted(set(measured) - {OURS}), OURS]:
        table = np.nanmean(measured[who], axis=0)
        between = float(np.linalg.norm(np.std(means[who], axis=0)))
        rows[who] = [len(measured[who]), *table[:5], between, *table[5:]]
    if out is not None:
        write_figures(out, {who: dict(zip(COLUMNS, map(float, row), strict=True)) for who, row in rows.items()})
    lines = ["  ".join(["person", *COLUMNS])]
    for who, row in rows.items():
        cells = [f"{row[0]:5d}", *(f"{value:{len(name)}.2f}" for value, name in zip(row[1:], COLUMNS[1:], strict=True))]
        lines.append("  ".join([f"{who:>6}", *cells]))
    return "\n".join(lines)


def measure(head: np.ndarray, eyes: np.ndarray, speaking: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Figures of one clip, and its mean pose (3,): head (T, 3) and eyes (T, 2) degrees, speaking (T,) bool.

    Standard deviations about the three axes; speed while speaking and while silent, NaN without such frames; standard
    deviations of the gaze down and aside.
    """
    head = np.stack([smoothed(column, _SMOOTHING) for column in head.T], axis=1)
    eyes = np.stack([smoothed(column, _SMOOTHING) for column in eyes.T], axis=1)
    speed = np.linalg.norm(np.diff(head, axis=0), axis=1) * FRAME_RATE
    speeds = [speed[part].mean() if part.any() else np.nan for part in (speaking[1:], ~speaking[1:])]
    return np.array([*head.std(axis=0), *speeds, *eyes.std(axis=0)]), head.mean(axis=0)


def gaze_of(points: np.ndarray, numbers: np.ndarray, fps: float) -> np.ndarray:
    """(N, 2) degrees down and to the head's left, 60 a second, from landmarks (T, L, 3): how far each iris lies off the
    middle of its eye's corners, the mean of both eyes."""
    row = {int(number): place for place, number in enumerate(numbers)}
    offsets = []
    for iris, outer, inner in _EYES:
        corners = points[:, [row[outer], row[inner]], :2]
        across = corners[:, 1] - corners[:, 0]
        across *= np.sign(across[:, :1])  # to the picture's right, which is the head's left
        width = np.linalg.norm(across, axis=1, keepdims=True)
        along = across / width
        off = (points[:, row[iris], :2] - corners.mean(axis=1)) * _CORNERS_MM / width
        aside, up = (off * along).sum(axis=1), off[:, 1] * along[:, 0] - off[:, 0] * along[:, 1]
        offsets.append(np.stack([-up, aside], axis=1))
    degrees = np.degrees(np.arcsin(np.clip(np.mean(offsets, axis=0) / _RADIUS_MM, -1.0, 1.0)))
    clock = np.arange(0.0, len(points) / fps, 1 / FRAME_RATE)
    return np.stack([np.interp(clock, np.arange(len(points)) / fps, column) for column in degrees.T], axis=1)
