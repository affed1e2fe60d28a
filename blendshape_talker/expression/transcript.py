"""Emotions from a transcript with times: SRT and WebVTT whose lines carry ``[angry]`` or ``(angry 0.7)``.

A mark holds from its place in the line, by its share of the characters, to the end of the line or the next mark. Lines
that follow each other within a second go on feeling: the first of them holds until the second starts, and one emotion
over several lines is one cue. Brackets that name no emotion, ``[door slams]``, are no marks.
"""

import re
from collections.abc import Iterator, Sequence

from ..errors import TalkerError

_TIMES = re.compile(r"^\s*(\S+)\s*-->\s*(\S+)")
_CLOCK = re.compile(r"^(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})$")
_MARK = re.compile(r"[\[(] ?([^\W\d_][\w-]{0,40})(?:[:,]? ?(-?\d{1,9}(?:[.,]\d{1,9})?) ?(%?))? ?[\])]")
_TAG = re.compile(r"<[^<>]{0,200}>")
_PAUSE = 1.0  # s without words that do not end an emotion

Fields = tuple[float, float, str, float]  # start, end, emotion, intensity


def read_marks(text: str, names: Sequence[str], name: str) -> list[tuple[int, Fields]]:
    """(line number, (start, end, emotion, intensity)) of every stretch of a marked emotion, in order of time.

    names: the emotions there are; name: the file's, for errors. Raises :class:`TalkerError`, one line that names the
    line, for times that cannot be read, an unknown emotion with a number, and a transcript without any mark.
    """
    felt: list[tuple[int, Fields]] = []
    for line, start, end, words in sorted(_blocks(text, name), key=lambda block: block[1]):
        felt += _marked(line, start, end, words, names, name)
    if not any(fields[2] for _, fields in felt):
        raise TalkerError(f"{name}: no line carries an emotion; mark lines as [happy] or (angry 0.7)")
    return _joined(felt)


def _blocks(text: str, name: str) -> Iterator[tuple[int, float, float, str]]:
    """(line number, start, end, words) of every caption; numbers, notes, styles and settings are skipped."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        times = _TIMES.match(lines[number])
        number += 1
        if not times:
            continue
        place = number
        start, end = (_seconds(part) for part in times.groups())
        if start is None or end is None:
            raise TalkerError(f"{name}, line {place}: times as 00:01:02,500 --> 00:01:04,000 are expected")
        if not start < end:
            raise TalkerError(f"{name}, line {place}: ends at {end:g} s, before it starts; mend the times")
        words = []
        while number < len(lines) and lines[number].strip() and not _TIMES.match(lines[number]):
            words.append(lines[number].strip())
            number += 1
        yield place, start, end, _TAG.sub("", " ".join(words))


def _seconds(text: str) -> float | None:
    parts = _CLOCK.match(text)
    if not parts:
        return None
    hours, minutes, seconds, fraction = parts.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + int(seconds) + int(fraction) / 10.0 ** len(fraction)


def _marked(
    line: int, start: float, end: float, words: str, names: Sequence[str], name: str
) -> Iterator[tuple[int, Fields]]:
    """Stretches of one caption; where nothing is marked, one without emotion, which ends what was felt before."""
    marks: list[tuple[int, str, float]] = []
    removed = 0
    for mark in _MARK.finditer(words):
        emotion, number, percent = mark.group(1).lower(), mark.group(2), mark.group(3)
        if emotion not in names:
            if number:
                raise TalkerError(f"{name}, line {line}: no emotion {emotion!r}; choose one of {', '.join(names)}")
            continue
        intensity = float(number.replace(",", ".")) / (100.0 if percent else 1.0) if number else 1.0
        marks.append((mark.start() - removed, emotion, intensity))
        removed += mark.end() - mark.start()
    characters = max(len(words.strip()) - removed, 1)
    if len(marks) == 1 and marks[0][0] >= characters - 1:
        marks = [(0, *marks[0][1:])]  # a mark behind the words means all of them
    if not marks or marks[0][0] > 0:
        marks.insert(0, (0, "", 0.0))
    edges = [start + (end - start) * min(place / characters, 1.0) for place, _, _ in marks] + [end]
    for (_, emotion, intensity), first, last in zip(marks, edges, edges[1:], strict=False):
        if last - first > 1e-3:
            yield line, (first, last, emotion, intensity)


def _joined(felt: list[tuple[int, Fields]]) -> list[tuple[int, Fields]]:
    result: list[tuple[int, Fields]] = []
    for line, (start, end, emotion, intensity) in felt:
        if result:
            place, (first, last, before, strength) = result[-1]
            if -1e-3 <= start - last <= _PAUSE:
                if (before, strength) == (emotion, intensity):
                    result[-1] = place, (first, max(end, last), emotion, intensity)
                    continue
                result[-1] = place, (first, max(start, last), before, strength)
        result.append((line, (start, end, emotion, intensity)))
    return [found for found in result if found[1][2]]
