"""Emotion over time as a list of cues: who feels what, from when to when, how strongly, faded in and out how fast.

The weights of an expression are a sum over its cues, ``Σ fade(t) · weights of the cue(t - start)``. A cue's own weights
depend on its emotion, its intensity and the take, never on another cue, and its fade is a ramp that is linear in time.
Both are what an NLA strip of Blender does: each cue is an Action of unfaded weights in a strip from ``start`` to
``end`` with blend type Add, extrapolation Nothing and the strip's own blend-in and blend-out, over a track that holds
every weight at 0. Adding is needed: Replace would let a nested cue push aside what it should mix with, and cross-fading
strips would dip, because the lower one is faded twice. Strips that overlap lie in tracks of their own. A cue ends just
before ``end``, where a strip without blend-out still shows its last frame: end it a hundredth of a frame earlier.

:func:`arrange` turns what a person writes into such strips. numpy only; read from CSV here, from transcripts in
:mod:`transcript`.
"""

import csv
import io
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import TalkerError
from ..files import whole_file
from .library import ExpressionLibrary
from .transcript import read_marks

INTENSITY_RANGE = (0.0, 1.5)
COLUMNS = ("start", "end", "emotion", "intensity", "blend_in", "blend_out")
MAXIMUM_BYTES = 2_000_000
MAXIMUM_CUES = 2000
MAXIMUM_OVERLAP = 8  # cues at one moment: what a face can mix, and a bound on the work
LATEST_SECONDS = 86_400.0
TRANSCRIPTS = (".srt", ".vtt")
_TOUCHING = 1e-3  # s between the end of a cue and the start of the next that are meant to be one moment
_LONGEST_SHARE = 0.35  # of a cue for each default fade, so that the shortest cue still rises and falls


@dataclass(frozen=True)
class Cue:
    """An emotion from ``start`` to ``end``, seconds, ``intensity`` times as strong (0 … 1.5).

    blend_in, blend_out: seconds in which it fades in and out, inside start … end; None leaves that to :func:`arrange`.
    """

    start: float
    end: float
    emotion: str
    intensity: float = 1.0
    blend_in: float | None = None
    blend_out: float | None = None

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def problem(self, names: Sequence[str]) -> str | None:
        """What is wrong with the cue, in words that fit behind a place; None when nothing is."""
        if self.emotion not in names:
            return f"no emotion {self.emotion!r}; choose one of {', '.join(names)}"
        low, high = INTENSITY_RANGE
        if not low <= self.intensity <= high:  # also refuses NaN
            return f"intensity {self.intensity:g} is out of range; choose {low:g} to {high:g}"
        if not 0.0 <= self.start < self.end <= LATEST_SECONDS:
            rule = f"it must start at 0 or later and end after its start, by {LATEST_SECONDS:g} s"
            return f"a cue from {self.start:g} to {self.end:g} s; {rule}"
        blends = [blend for blend in (self.blend_in, self.blend_out) if blend is not None]
        if any(not 0.0 <= blend <= self.seconds + _TOUCHING for blend in blends) or sum(blends) > self.seconds + 1e-3:
            return f"blends of {' and '.join(f'{blend:g}' for blend in blends)} s do not fit {self.seconds:g} s"
        return None


@dataclass(frozen=True)
class CueTake:
    """A cue as one take shows it: its weights (N, K_E), fully on, in frames (:func:`rows_of`) from ``first`` on."""

    cue: Cue
    first: int
    weights: np.ndarray


def rows_of(cue: Cue, rate: float) -> np.ndarray:
    """(N,) frames from the start of a recording that hold a cue at ``rate`` frames a second."""
    first = math.floor(cue.start * rate + 1e-6)
    return np.arange(first, max(math.ceil(cue.end * rate - 1e-6), first + 1) + 1)


def check_cues(cues: Sequence[Cue], names: Sequence[str]) -> None:
    """Raise a :class:`TalkerError` for the first cue that cannot be played, or for too many of them."""
    if len(cues) > MAXIMUM_CUES:
        raise TalkerError(f"{len(cues)} cues are too many; use at most {MAXIMUM_CUES}")
    for number, cue in enumerate(cues, start=1):
        problem = cue.problem(names)
        if problem:
            raise TalkerError(f"cue {number}: {problem}")
    together = 0
    for moment, change in sorted([(cue.start, 1) for cue in cues] + [(cue.end, -1) for cue in cues]):
        together += change
        if together > MAXIMUM_OVERLAP:
            raise TalkerError(f"more than {MAXIMUM_OVERLAP} cues at {moment:g} s; let fewer of them overlap")


def arrange(cues: Sequence[Cue], duration: float, library: ExpressionLibrary) -> tuple[Cue, ...]:
    """The cues as strips, sorted by start: cut at ``duration`` seconds, both blends of each a number.

    A blend that was given stays. Left out, it is cross-fading: over the overlap with a cue that ends while the next one
    is on; where one cue ends as the next starts, both are made longer to meet in the middle of their fades; and
    otherwise, a cue inside another one included, over the emotion's own onset and offset. Arranging again changes
    nothing. Raises :class:`TalkerError` for cues that cannot be played or start after the recording.
    """
    check_cues(cues, library.names)
    for number, cue in enumerate(cues, start=1):
        if cue.start >= duration:
            raise TalkerError(f"cue {number} starts at {cue.start:g} s; the recording ends at {duration:.2f} s")
    given = sorted(
        (replace(cue, end=duration) if cue.end > duration else cue for cue in cues), key=lambda c: (c.start, c.end)
    )
    starts, ends = [cue.start for cue in given], [cue.end for cue in given]
    blend_in, blend_out = [cue.blend_in for cue in given], [cue.blend_out for cue in given]
    playing: list[int] = []
    for later, cue in enumerate(given):
        playing = [index for index in playing if given[index].end >= cue.start - _TOUCHING]
        for earlier in playing:
            before = given[earlier]
            if cue.blend_in is not None or before.blend_out is not None:
                continue
            if abs(before.end - cue.start) <= _TOUCHING:
                width = 0.5 * (library.emotions[before.emotion].offset + library.emotions[cue.emotion].onset)
                width = min(width, _LONGEST_SHARE * 2 * before.seconds, _LONGEST_SHARE * 2 * cue.seconds)
                starts[later], ends[earlier] = cue.start - 0.5 * width, min(cue.start + 0.5 * width, duration)
                blend_in[later] = blend_out[earlier] = ends[earlier] - starts[later]
            elif before.start < cue.start < before.end < cue.end:
                blend_in[later] = blend_out[earlier] = before.end - cue.start
        playing.append(later)
    arranged = []
    for index, cue in enumerate(given):
        seconds, emotion = ends[index] - starts[index], library.emotions[cue.emotion]
        fades = _fitting(blend_in[index], blend_out[index], emotion.onset, emotion.offset, seconds)
        arranged.append(Cue(starts[index], ends[index], cue.emotion, cue.intensity, *fades))
    return by_start(arranged)


def by_start(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """The cues in order of time."""
    return tuple(sorted(cues, key=lambda cue: (cue.start, cue.end)))


def scaled(cues: Iterable[Cue], factor: float) -> list[Cue]:
    """The cues ``factor`` times as strong, none stronger than a cue can be."""
    return [replace(cue, intensity=min(factor * cue.intensity, INTENSITY_RANGE[1])) for cue in cues]


def fade(cue: Cue, times: np.ndarray) -> np.ndarray:
    """(T,) 0 … 1: how much of an arranged cue is on at ``times``, seconds: two linear ramps, 0 outside the cue."""
    times = np.asarray(times, np.float64)
    inside = (times >= cue.start) & (times < cue.end)
    rise = (times - cue.start) / cue.blend_in if cue.blend_in else np.ones(len(times))
    fall = (cue.end - times) / cue.blend_out if cue.blend_out else np.ones(len(times))
    return np.where(inside, np.clip(np.minimum(rise, fall), 0.0, 1.0), 0.0)


def blink_interval(cues: Sequence[Cue], library: ExpressionLibrary, second: float) -> tuple[float, float]:
    """Shortest and longest pause between blinks at a moment: the strongest cue's, neutral's where there is none."""
    here = [cue for cue in cues if cue.start <= second <= cue.end]
    if not here:
        return next(iter(library.emotions.values())).blink_interval
    strongest = max(here, key=lambda cue: cue.intensity * float(fade(cue, np.array([second]))[0]))
    return library.emotions[strongest.emotion].blink_interval


def read_cues(path: str | os.PathLike[str], names: Sequence[str]) -> list[Cue]:
    """Cues of a CSV file, or of the marks in an SRT or WebVTT transcript (by the file's ending).

    CSV: a header ``start,end,emotion,intensity,blend_in,blend_out``, seconds; the last three columns, or single fields
    of them, may be left out. names: the emotions there are. Raises :class:`TalkerError`, one line that names the line.
    """
    path = Path(path)
    text = _text_of(path)
    if path.suffix.lower() in TRANSCRIPTS:
        found: Iterable[tuple[int, tuple]] = read_marks(text, names, path.name)
    else:
        found = _rows(text, path.name)
    cues = []
    for line, fields in found:
        cue = Cue(*fields)
        problem = cue.problem(names)
        if problem:
            raise TalkerError(f"{path.name}, line {line}: {problem}")
        cues.append(cue)
        if len(cues) > MAXIMUM_CUES:
            raise TalkerError(f"{path.name}, line {line}: more than {MAXIMUM_CUES} cues; split the file")
    if not cues:
        raise TalkerError(f"{path.name}: no cues in it; write one a line: start,end,emotion")
    check_cues(cues, names)
    return cues


def write_cues(path: str | os.PathLike[str], cues: Iterable[Cue]) -> Path:
    """Write cues as the CSV that :func:`read_cues` reads; a blend of None is an empty field."""
    with whole_file(path) as stream:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for cue in cues:
            fields = [getattr(cue, column) for column in COLUMNS]
            rows.writerow(["" if field is None else field for field in fields])
        stream.write(text.getvalue().encode())
    return Path(path)


def _fitting(
    blend_in: float | None, blend_out: float | None, onset: float, offset: float, seconds: float
) -> tuple[float, float]:
    """Both fades of a cue: those that are None get the emotion's own, as far as there is room for them."""
    rise = min(onset, _LONGEST_SHARE * seconds) if blend_in is None else blend_in
    fall = min(offset, _LONGEST_SHARE * seconds) if blend_out is None else blend_out
    if rise + fall <= seconds:
        return rise, fall
    if blend_in is None:
        return max(seconds - fall, 0.0), min(fall, seconds)
    if blend_out is None:
        return min(rise, seconds), max(seconds - rise, 0.0)
    share = seconds / (rise + fall)
    return share * rise, share * fall


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise TalkerError(f"{path}: cannot be read ({error.strerror}); name a file of cues") from error
    if len(content) > MAXIMUM_BYTES:
        raise TalkerError(f"{path.name}: larger than {MAXIMUM_BYTES // 1_000_000} MB; that is no list of cues")
    for encoding in ("utf-8-sig", "utf-16"):
        if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TalkerError(f"{path.name}: not a text file; save it as UTF-8")


def _rows(text: str, name: str) -> Iterator[tuple[int, tuple]]:
    """(line number, fields of a Cue) of every row; blank lines and lines that start with # are skipped."""
    semicolons = ";" in text.partition("\n")[0]  # as spreadsheets write where the comma is in the numbers
    rows = csv.reader(io.StringIO(text), delimiter=";" if semicolons else ",")
    header: list[str] | None = None
    try:
        for row in rows:
            fields = [field.strip() for field in row]
            if not any(fields) or fields[0].startswith("#"):
                continue
            if header is None:
                header = [field.lower() for field in fields]
                _check_header(header, name, rows.line_num)
                continue
            if len(fields) > len(header) and any(fields[len(header) :]):
                raise TalkerError(f"{name}, line {rows.line_num}: {len(fields)} fields under {len(header)} columns")
            values = dict(zip(header, fields, strict=False))
            if semicolons:
                values = {column: value.replace(",", ".") for column, value in values.items()}
            yield rows.line_num, _fields_of(values, name, rows.line_num)
    except csv.Error as error:
        raise TalkerError(f"{name}, line {rows.line_num}: {error}; write one cue a line: start,end,emotion") from None


def _check_header(header: list[str], name: str, line: int) -> None:
    unknown = [column for column in header if column and column not in COLUMNS]
    if not {"start", "end", "emotion"} <= set(header) or unknown or len(set(header)) < len(header):
        raise TalkerError(f"{name}, line {line}: the first line must be {','.join(COLUMNS)} (the last three if needed)")


def _fields_of(values: dict[str, str], name: str, line: int) -> tuple:
    numbers: dict[str, float | None] = {"intensity": 1.0, "blend_in": None, "blend_out": None}
    for column in COLUMNS:
        text = values.get(column, "")
        if column == "emotion" or (not text and column in numbers):
            continue
        try:
            numbers[column] = float(text)
            if not math.isfinite(float(text)):
                raise ValueError
        except ValueError:
            what = f"{text[:40]!r} is no number" if text else "nothing"
            raise TalkerError(f"{name}, line {line}: {what} under {column}; write seconds as 1.5") from None
    emotion = values.get("emotion", "").lower()
    if not emotion:
        raise TalkerError(f"{name}, line {line}: no emotion; write one cue a line: start,end,emotion")
    return tuple(emotion if column == "emotion" else numbers[column] for column in COLUMNS)
