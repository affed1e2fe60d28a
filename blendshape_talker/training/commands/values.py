"""What options take, checked while the command line is read: before any work, and before anything is made."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path

from ...errors import TalkerError
from ...files import check_outputs


def at_least(least: int) -> Callable[[str], int]:
    """A whole number from ``least`` on."""

    def whole(text: str) -> int:
        if not text.strip().removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} will not do, choose a whole number from {least} on")
        return int(text)

    return whole


def between(least: float, most: float) -> Callable[[str], float]:
    """A number from ``least`` to ``most``."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:  # also refuses NaN
            raise argparse.ArgumentTypeError(f"{text!r} is out of range, choose a number from {least:g} to {most:g}")
        return value

    return number


def folder(text: str) -> str:
    """A folder that is there."""
    if text and not os.path.isdir(text):
        raise TalkerError(f"{text}: no such folder; name one that is there")
    return text


def new_folder(text: str) -> str:
    """A folder that is there or can be made."""
    if text:  # nothing is refused with all other options that were given nothing
        _writable(text, Path(text))
    return text


def new_file(text: str) -> str:
    """A file that can be written in a folder that is there or can be made."""
    if not text:
        return text
    if os.path.isdir(Path(text).parent):
        check_outputs([text])
    else:
        _writable(text, Path(text).parent)
    return text


def output(text: str) -> str:
    """A file that can be written in a folder that is there."""
    if text:
        check_outputs([text])
    return text


def _writable(text: str, place: Path) -> None:
    """:class:`TalkerError` where the folder ``place`` can neither be written into nor made."""
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise TalkerError(f"{text}: cannot be made, {place} is no folder; name another")
    if not os.access(place, os.W_OK):
        raise TalkerError(f"{text}: cannot be made, {place} is write-protected; name another")


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``, of every command that measures."""
    parser.add_argument("--json", type=output, metavar="F", help="also write the figures as JSON")
