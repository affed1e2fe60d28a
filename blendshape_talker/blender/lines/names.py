"""Short names for shape keys: "speech jaw open + mouth stretch" is "S jaw+str", what matters first."""

import functools
from collections.abc import Iterator, Sequence

ROOM = 8.0  # in widths of a digit: what the list of shape keys shows at its default width (4.3, 1600 pixels), as seen
_WIDTHS = {
    **dict.fromkeys("ijl ", 0.4), **dict.fromkeys("frtI", 0.58), **dict.fromkeys("mwMW", 1.35),
    **dict.fromkeys("abcdeghknopqsuvxyz", 0.91), **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 1.02),
}  # fmt: skip
_SETS = {"speech": "S", "expression": "E"}
_SIDES = {"left": "L", "right": "R"}
_SHORT = {
    "lips pucker": "pucker", "lips close": "close", "lips press": "press", "lips funnel": "funnel",
    "lips forward": "forward", "both lips forward": "forward", "both lips up": "both up", "mouth smile": "smile",
    "mouth frown": "frown", "mouth stretch": "stretch", "mouth dimple": "dimple", "mouth sideways": "side",
    "nose sneer": "sneer", "eye blink": "blink", "lower lip": "lip", "upper lip": "upper", "upper lip up": "upper up",
    "pupil dilate": "pupil", "brow inner up": "browI", "brow outer up": "browO", "brow down": "browD",
    "cheek squint": "squint", "cheek raise": "raise", "cheek puff": "puff",
}  # fmt: skip
# Where room is short, beside another movement or a side, one word has to do.
_SHORTER = {
    "jaw open": "jaw", "stretch": "str", "stretch off": "str off", "funnel": "funl", "lip roll": "roll",
    "lip down": "lip", "lip shrug": "shrug", "eye wide": "wide", "eye squint": "squint", "squint": "cheek",
    "chin down": "chin", "lips up": "up", "lips down": "lips", "upper up": "upper", "upper off": "up off",
    "jaw forward": "jaw fwd",
}  # fmt: skip
_TOGETHER = {("smile", "stretch"): "grin"}


def width(text: str) -> float:
    """About how wide Blender's interface draws ``text``, in widths of a digit."""
    return sum(_WIDTHS.get(letter, 1.0) for letter in text)


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
    choices = [movements, *([first, other] for other in others), [first], *([other] for other in others)]
    phrases = [f"{prefix} {_phrase(chosen, terse)}" for chosen in choices for terse in (False, True)]
    yield from (phrase for phrase in phrases if width(phrase) <= ROOM)
    side = f" {first[1]}" if len({side for _, side in movements}) == 1 and first[1] else ""
    for number in ("", *range(2, 1 << 20)):
        word = _SHORTER.get(first[0], first[0])
        while width(f"{prefix} {word}{number}{side}") > ROOM:
            word = word[:-1].rstrip()
        yield f"{prefix} {word}{number}{side}"


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
