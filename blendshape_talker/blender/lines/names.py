"""Short names for shape keys: "speech jaw open + mouth stretch" is "S jaw open+stretch", what matters first."""

from collections.abc import Sequence

LONGEST = 20  # the list of shape keys shows 11 beside their values at its default width (Blender 5.2, 1600 pixels)
_SETS = {"speech": "S", "expression": "E"}
_SIDES = {"left": "L", "right": "R"}
_SHORT = {
    "lips pucker": "pucker", "lips close": "close", "lips press": "press", "lips funnel": "funnel",
    "lips forward": "forward", "mouth smile": "smile", "mouth frown": "frown", "mouth stretch": "stretch",
    "mouth dimple": "dimple", "mouth sideways": "side", "nose sneer": "sneer", "eye blink": "blink",
    "lower lip": "lip", "upper lip": "upper", "upper lip up": "upper up", "pupil dilate": "pupil",
}  # fmt: skip
# Where several movements share a name, the first word or the last is enough beside the others.
_SHORTER = {"cheek squint": "squint", "cheek puff": "puff", "eye wide": "wide", "jaw open": "jaw"}


def short_names(names: Sequence[str]) -> list[str]:
    """A name for each blendshape that is short, tells speech (S) from expression (E) and left (L) from right (R).

    Names that follow another pattern stay. No two are alike; none is longer than Blender's 63 bytes allow.
    """
    taken: set[str] = set()
    result = []
    for name in names:
        short = short_name(name)
        candidates = [short, *(f"{short[: LONGEST - 2]} {number}" for number in range(2, len(names) + 2))]
        chosen = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(chosen)
        result.append(chosen)
    return result


def short_name(name: str) -> str:
    """One name by itself; see :func:`short_names`."""
    group, _, rest = name.partition(" ")
    if group not in _SETS or not rest:
        return name.encode()[:60].decode(errors="ignore")
    movements = [_movement(part) for part in rest.split(" + ")]
    candidates = [_phrase(movements, terse=False), _phrase(movements, terse=True)]
    while len(movements) > 1 and len(candidates[-1]) > LONGEST - 2:
        movements = movements[:-1]  # the parts stand by size
        candidates.append(_phrase(movements, terse=True))
    fitting = [phrase for phrase in candidates if len(phrase) <= LONGEST - 2]
    return f"{_SETS[group]} {fitting[0] if fitting else candidates[-1][: LONGEST - 2]}"


def _movement(part: str) -> tuple[str, str]:
    """("smile", "L") of "mouth smile left"."""
    words = part.split(" ")
    side = _SIDES.get(words[-1], "") if len(words) > 1 else ""
    stem = " ".join(words[:-1] if side else words)
    for long, short in _SHORT.items():
        if stem == long or stem.startswith(f"{long} "):
            return f"{short}{stem[len(long) :]}", side
    return stem, side


def _phrase(movements: list[tuple[str, str]], terse: bool) -> str:
    sides = {side for _, side in movements}
    shared = sides.pop() if len(sides) == 1 else None  # one side for all stands once, at the end
    several = len(movements) > 1
    parts = []
    for stem, side in movements:
        word = _SHORTER.get(stem, stem) if terse and several else stem
        parts.append(f"{word} {side}".strip() if shared is None else word)
    return f"{'+'.join(parts)} {shared or ''}".strip()
