"""Draw what grows, from the figures of `core.py`: plot.py FIGURES PLOT.

Run by `report.py` with the environment that has the plotting library.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes

Rows = dict[str, dict[str, float]]


def points(rows: Rows, pattern: str) -> tuple[list[float], list[float]]:
    """Return the number in the names that fit, and the microseconds in their rows."""
    found = [(re.fullmatch(pattern, name), row["airlock"] / 1000) for name, row in rows.items()]
    pairs = sorted((float(name[1]), taken) for name, taken in found if name)
    return [number for number, _ in pairs], [taken for _, taken in pairs]


def draw_intents(axes: Axes, rows: Rows) -> None:
    for part in ("enqueue", "flush"):
        powers, taken = points(rows, rf"each of 10\^(\d+), {part}")
        axes.plot([10**power for power in powers], taken, marker="o", label=part)
    axes.set(title="One intent, of how many in a scope", xlabel="intents", xscale="log")
    axes.legend()


def draw_nesting(axes: Axes, rows: Rows) -> None:
    depths, each = points(rows, r"a scope of nested scopes: (\d+)")
    taken = [depth * one for depth, one in zip(depths, each, strict=True)]
    axes.plot(depths, taken, marker="o")
    axes.set(title="Scopes in each other, with one intent", xlabel="scopes")


def draw_plugins(axes: Axes, rows: Rows) -> None:
    counts, taken = points(rows, r"an enqueue, plugins: (\d+)")
    axes.plot([0, *counts], [rows["an enqueue"]["airlock"] / 1000, *taken], marker="o")
    axes.set(title="An enqueue that plugins observe", xlabel="plugins")


def main() -> None:
    figures, plot = sys.argv[1:]
    rows = json.loads(Path(figures).read_text())["rows"]
    mpl.rcParams["svg.hashsalt"] = "airlock"  # the same figures make the same file
    figure, panels = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axes, draw in zip(panels, (draw_intents, draw_nesting, draw_plugins), strict=True):
        draw(axes, rows)
        axes.set(ylabel="µs", ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.savefig(plot, metadata={"Date": None})


if __name__ == "__main__":
    main()
