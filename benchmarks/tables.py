"""Tables for a terminal and for a page, and the figures that stand in them."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        lines = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join([self.title, *(self._line(cells, widths) for cells in lines)])

    def markdown(self) -> str:
        ruler = ["---", *["---:"] * (len(self.headings) - 1)]
        lines = [self.headings, ruler, *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"**{self.title}**\n\n{table}"

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        first, *others = zip(cells, widths, strict=True)
        right = [cell.rjust(width) for cell, width in others]
        return "  ".join([first[0].ljust(first[1]), *right]).rstrip()


def compared(base: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """Sum up rounds: the median of what was taken, and how many times faster than the base it is.

    The ratio is that of one round after the other, since a machine that is busy delays both.
    """
    ratios = [one / two for one, two in zip(base, other, strict=True)]
    return {
        "median": statistics.median(other),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def times(figure: dict[str, float], digits: int = 1) -> str:
    """Write a ratio, and the least and the most of the rounds."""
    ratio, least, most = (f"{figure[name]:.{digits}f}" for name in ("ratio", "least", "most"))
    return f"{ratio}× ({least}–{most})"


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", type=Path, help="write the figures to this file, too")
    return made


def publish(figures: Any, tables: Sequence[Table], file: Path | None) -> None:
    """Print the tables; write the figures to a file, where there is one."""
    print("\n\n".join(table.text() for table in tables))
    if file is not None:
        file.write_text(json.dumps(figures, indent=1) + "\n")
