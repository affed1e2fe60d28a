"""Short names for shape keys: "speech jaw open + mouth stretch" is "S jaw+wide", what matters first."""

import functools
from collections.abc import Iterator, Sequence

LONGEST = 11  # what the list of shape keys shows beside their values at its default width (1600 pixels, one monitor)
_SETS = {"speech": "S", "expression": "E"}
_SIDES = {"left": "L", "right": "R"}
_SHORT = {
    "lips pucker": "pucker", "lips close": "close", "lips press": "press", "lips funnel": "funnel",
    "lips forward": "forward", "both lips forward": "forward", "both lips up": "both up", "mouth smile": "smile",
    "mouth frown": "frown", "mouth stretch": "stretch", "mouth dimple": "dimple", "mouth sideways": "side",
    "nose sneer": "sneer", "eye blink": "blink", "lower lip": "lip", "upper lip": "upper", "upper lip up": "upper up",
    "pupil dilate": "pupil", "brow inner up": "browIn", "brow outer up": "browOut", "brow down": "browDn",
    "cheek squint": "squint", "cheek raise": "cheek", "cheek puff": "puff",
}  # fmt: skip
# Where room is short, beside another movement or a side, one word has to do.
_SHORTER = {
    "jaw open": "jaw", "stretch": "wide", "stretch off": "wide off", "funnel": "funl", "lip roll": "roll",
    "lip down": "down", "lip shrug": "shrug", "eye wide": "wide", "eye squint": "squint", "chin down": "chin",
    "chin up": "chin up", "lips up": "up", "lips down": "lips", "upper up": "upper", "jaw forward": "jaw fwd",
}  # fmt: skip
_TOGETHER = {("smile", "stretch"): "grin"}


def short_names(names: Sequence[str]) -> list[str]:
    """A name for each blendshape that is short, tells speech (S) from expression (E) and left (L) from right (R).

    One movement by itself has its name before several that begin with it. Names that follow another pattern stay. No
    two are alike; none is longer than Blender's 63 bytes allow.
    """
    return list(_short_names(tuple(names)))


@functools.lru_cache(maxsize=8)
def _short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    result: dict[int, str] = {}
    for index in sorted(range(len(names)), key=lambda index: names[index].count(" + ")):
        taken = set(result.values())
        result[index] = next(name for name in _candidates(names[index]) if name not in taken)
    return tuple(result[index] for index in range(len(names)))


def short_name(name: str) -> str:
    """One name by itself; see :func:`short_names`."""
    return next(_candidates(name))


def _candidates(name: str) -> Iterator[str]:
    """Names for one blendshape, the one that says most first, numbered ones at last; without end."""
    group, _, rest = name.partition(" ")
    if group not in _SETS or not rest:
        short = name.encode()[:60].decode(errors="ignore")
        yield short
        for number in range(2, 1 << 20):
            yield f"{short[:40]} {number}"
    prefix = _SETS[group]
    movements = [_movement(part) for part in rest.split(" + ")]
    first, *others = movements
    choices = [movements, *([first, other] for other in others), [first]]
    phrases = [_phrase(chosen, terse) for chosen in choices for terse in (False, True)]
    yield from (f"{prefix} {phrase}" for phrase in phrases if len(phrase) + 2 <= LONGEST)
    stem, side = first[0], f" {first[1]}" if len({side for _, side in movements}) == 1 and first[1] else ""
    for number in ("", *range(2, 1 << 20)):
        tail = f"{number}{side}"
        room = LONGEST - 2 - len(tail)
        word = stem if len(stem) <= room else _SHORTER.get(stem, stem)[:room].rstrip()
        yield f"{prefix} {word}{tail}"


def _movement(part: str) -> tuple[str, str]:
    """("smile", "L") of "mouth smile left"."""
    words = part.split(" ")
    side = _SIDES.get(words[-1], "") if len(words) > 1 else ""
    stem = " ".join(words[:-1] if side else words)
    if stem in _SHORT:
        return _SHORT[stem], side
    for long, short in _SHORT.items():
        if stem.startswith(f"{long} "):
            return f"{short}{stem[len(long) :]}", side
    return stem, side


def _phrase(movements: Sequence[tuple[str, str]], terse: bool) -> str:
    sides = {side for _, side in movements}
    shared = sides.pop() if len(sides) == 1 else None  # one side for all stands once, at the end
    stems = [_SHORTER.get(stem, stem) if terse else stem for stem, _ in movements]
    together = _TOGETHER.get(tuple(stem for stem, _ in movements[:2])) if shared is not None else None
    if together:
        stems[:2] = [together]
    if shared is None:
        stems = [f"{stem} {side}".strip() for stem, (_, side) in zip(stems, movements, strict=True)]
    return f"{'+'.join(stems)} {shared or ''}".strip()
