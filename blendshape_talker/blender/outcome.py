"""What came out of a bake, in one line, and where the lips may look wrong."""

import os

from ..speech.style import AVERAGE, STYLES
from .languages.translations import translated
from .lines.marks import Line

_NAMED = 3  # frames


def came_out(line: Line) -> str:
    """Frames, and how many of the lip closures that were heard are shown; as the bake found them."""
    first, last = line.frames
    words = translated("frames {} to {}").format(first, last)
    heard, lost = _closures(line)
    if heard:
        words += ", " + translated("{} of {} lip closures").format(heard - len(lost), heard)
    spoken = line.record.get("style")
    if isinstance(spoken, str) and spoken != AVERAGE:
        words += ", " + translated("style {}").format(style_name(spoken))
    return words


def style_name(style: str) -> str:
    """A speaking style as the panel calls it: the menu's word, or the file's name."""
    known = style in STYLES
    return translated(style.capitalize()) if known else os.path.basename(style)


def doubt(line: Line) -> str | None:
    """Where the lips do not meet although speech closes them; None where all closures are kept."""
    _, lost = _closures(line)
    rate = line.record.get("fps")
    if not lost or not isinstance(rate, int | float):
        return None
    frames = sorted(line.frames[0] + round(second * rate) for second in lost)
    named = ", ".join(map(str, frames[:_NAMED])) + (" …" if len(frames) > _NAMED else "")
    one, more = (
        "the lips hardly meet at frame {}; look there, or try another take",
        "the lips hardly meet at frames {}; look there, or try another take",
    )
    return translated(more if len(frames) > 1 else one).format(named)


def _closures(line: Line) -> tuple[int, list[float]]:
    """How many closures were heard, and the seconds of those not shown; none where the line does not tell."""
    heard, lost = line.record.get("closures"), line.record.get("lost")
    if not isinstance(heard, int) or not isinstance(lost, list):
        return 0, []
    seconds = [float(second) for second in lost if isinstance(second, int | float)]
    return heard, seconds[:heard]
