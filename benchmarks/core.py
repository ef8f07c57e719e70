"""Print what each part of the core costs, beside airlock-py where it has the same.

    python benchmarks/core.py [--rounds 7] [--json FILE]

The two libraries take turns, in environments of their own; what is printed is the median of the
rounds, the ratio of the medians, and the least and the greatest ratio of one round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from peer import PEER, peer_environment
from settings import ROUNDS

PROGRAM = Path(__file__).with_name("measure_core.py")
Figures = dict[str, float]


def measured(python: Path | str) -> Figures:
    """Run one round, without any plugin."""
    done = subprocess.run(
        [str(python), str(PROGRAM)],
        check=True,
        capture_output=True,
        text=True,
        cwd=PROGRAM.parent,
        env={**os.environ, "AIRLOCK_PLUGINS": ""},
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def summary(name: str, ours: list[Figures], peers: list[Figures]) -> dict[str, float]:
    """Sum up one row: the medians, and how many times the peer needs what we need."""
    own = [figures[name] for figures in ours]
    row = {"airlock": statistics.median(own), "least": min(own), "greatest": max(own)}
    if all(name in figures for figures in peers):
        others = [figures[name] for figures in peers]
        ratios = [other / one for one, other in zip(own, others, strict=True)]
        row["airlock-py"] = statistics.median(others)
        row["ratio"] = row["airlock-py"] / row["airlock"]
        row["least ratio"], row["greatest ratio"] = min(ratios), max(ratios)
    return row


def shown(name: str, row: dict[str, float], call: float) -> str:
    """Write a row: times in nanoseconds and in bare calls, everything else as it is."""
    counted = name.endswith((", bytes", ", modules"))
    calls = "" if counted else f"{row['airlock'] / call:,.0f}"
    line = f"{name:42}{row['airlock']:>14,.0f}{calls:>12}"
    if "ratio" in row:
        spread = f"{row['least ratio']:.2f}-{row['greatest ratio']:.2f}"
        line += f"{row['airlock-py']:>14,.0f}{row['ratio']:>8.2f}x {spread:>12}"
    return line


def main() -> None:
    arguments = argparse.ArgumentParser(description="Measure the core against airlock-py.")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--json", type=Path, help="write the figures to this file as well")
    chosen = arguments.parse_args()
    peer_environment()
    rounds = [(measured(sys.executable), measured(PEER)) for _ in range(chosen.rounds)]
    ours, peers = [own for own, _ in rounds], [peer for _, peer in rounds]
    rows = {name: summary(name, ours, peers) for name in ours[0]}
    call = rows["a bare call"]["airlock"]
    title = f"ns; median of {chosen.rounds} rounds"
    print(f"{title:42}{'airlock':>14}{'bare calls':>12}{'airlock-py':>14}{'faster':>9}")
    for name, row in rows.items():
        print(shown(name, row, call))
    if chosen.json:
        chosen.json.write_text(json.dumps({"python": sys.version, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
