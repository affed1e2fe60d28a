"""Whether two models differ on the same sounds by more than chance, cell by cell of a table.

A condition has some dozens of lip sounds: one of them moves its cell by two or three hundredths. Sounds that both
models get, or neither, say nothing about which is better; of those that one alone gets, chance would give each half
(McNemar 1947, exact). Closures are each curve's own and cannot be paired: Fisher's exact test.
"""

from collections.abc import Mapping, Sequence

from .phone_outcomes import PhoneOutcomes

COLUMNS = {
    "bilabials": "p/b/m closed",
    "closures": "closures right",
    "labiodentals": "f/v narrow",
    "pauses": "pauses shut",
}
CHANCE = 0.05


def chance_of(new: Sequence[bool], old: Sequence[bool], paired: bool = True) -> float:
    """How likely chance alone makes two models differ as much as these outcomes do, two-sided, 0 … 1."""
    from scipy.stats import binomtest, fisher_exact

    if not paired:
        counts = [[sum(each), len(each) - sum(each)] for each in (new, old)]
        return float(fisher_exact(counts).pvalue)
    won = sum(a and not b for a, b in zip(new, old, strict=True))
    lost = sum(b and not a for a, b in zip(new, old, strict=True))
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def difference_table(new: Mapping[str, PhoneOutcomes], old: Mapping[str, PhoneOutcomes]) -> str:
    """A line per condition, 'before -> now of how many' in each cell that differs, and what remains beyond chance.

    A cell that chance gives less than once in twenty is marked: with ``-`` where ``new`` is worse, ``+`` where better.
    The last lines count the marks, beside how many chance alone would make at most, and name the cells that are left
    when all are tested together (Holm 1979).
    """
    lines = [["condition", *COLUMNS.values()]]
    cells: list[tuple[float, str, bool]] = []
    for condition, now in new.items():
        line = [condition]
        for name, title in COLUMNS.items():
            mine, theirs = getattr(now, name), getattr(old[condition], name)
            if not mine or not theirs:
                line.append("-")
                continue
            chance = chance_of(mine, theirs, paired=name != "closures")
            better = sum(mine) / len(mine) > sum(theirs) / len(theirs)
            cells.append((chance, f"{title}, {condition}", better))
            line.append(_cell(mine, theirs, chance, better))
        if set(line[1:]) != {"-"}:
            lines.append(line)
    return "\n".join([aligned(lines), *_summary(cells)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells as text: the first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]).rstrip()
        for line in lines
    )


def _cell(mine: Sequence[bool], theirs: Sequence[bool], chance: float, better: bool) -> str:
    mark = ("+" if better else "-") if chance < CHANCE else " "
    if len(mine) == len(theirs):
        return f"{sum(theirs)} -> {sum(mine)} of {len(mine)} {mark}"
    return f"{sum(theirs)} of {len(theirs)} -> {sum(mine)} of {len(mine)} {mark}"


def _summary(cells: Sequence[tuple[float, str, bool]]) -> list[str]:
    marked = [better for chance, _, better in cells if chance < CHANCE]
    left: dict[bool, list[str]] = {True: [], False: []}
    for number, (chance, name, better) in enumerate(sorted(cells)):
        if chance >= CHANCE / (len(cells) - number):
            break
        left[better].append(name)
    result = [
        f"{len(cells)} cells; worse at p < {CHANCE}: {marked.count(False)}, better: {marked.count(True)}, "
        f"by chance alone at most {CHANCE / 2 * len(cells):.1f} each"
    ]
    for better, word in ((False, "worse"), (True, "better")):
        result.append(f"{word} with all cells tested together: {'; '.join(left[better]) or 'none'}")
    return result
