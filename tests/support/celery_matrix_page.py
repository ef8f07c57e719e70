"""The page of Celery's outcomes: its table promises what the workers have to show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "celery-outcomes.md"

#: The heading of the column of each way to ask for effects.
WAYS = {
    "plain": "plain Celery",
    "wrap off": "intercept, wrap off",
    "intercept": "intercept",
    "scoped": "`@airlock.scoped()`",
}
HEADING = ["outcome", *WAYS.values(), "why it differs"]
SAME = "="


@dataclass(frozen=True)
class Row:
    """A row of the table: how a task ends, and what is seen of it in each way."""

    outcome: str
    cells: tuple[str, ...]
    why: str

    def promise(self, way: str) -> str:
        """Return the cell of a way, or that which it says it is the same as."""
        written = accumulate(self.cells, lambda left, own: left if own == SAME else own)
        return dict(zip(WAYS, written, strict=True))[way]


def read_table() -> tuple[list[str], list[Row]]:
    """Return the heading of the page's table, and its rows."""
    table = PAGE.read_text().partition(f"\n| {HEADING[0]} ")
    lines = re.findall(r"^\|(.*)\|$", "".join(table[1:]), re.MULTILINE)
    heading, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return heading, [Row(row[0], tuple(row[1:-1]), row[-1]) for row in rows]


def write_cell(state: str, lines: Iterable[str]) -> str:
    """Write what was found in the result backend, and in the journal, as the table does."""
    found: dict[str, list[str]] = {"run": [], "effect": [], "also": []}
    for line in lines:
        kind, _, name = line.partition(" ")
        found[kind].append(name)
    runs, effects, also = len(found["run"]), sorted(found["effect"]), sorted(found["also"])
    parts = [
        state,
        f"{runs or 'no'} run{'s' * (runs > 1)}",
        f"effect{'s' * (len(effects) > 1)} {', '.join(effects)}" if effects else "no effect",
        *([f"also {', '.join(also)}"] if also else []),
    ]
    return " · ".join(parts)
