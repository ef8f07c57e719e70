"""Print what the global intercept adds to a call and to an execution, beside that of airlock-py.

Both run against Celery's in-memory broker, where there is no network for the cost to hide behind.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from peer import PEER, peer_environment
from settings import ROUNDS
from tables import Table, parser, publish

PROGRAM = Path(__file__).with_name("measure_intercept.py")

#: Before the intercept was installed, and after, in one round.
Pair = tuple[float, float]


def measured(python: Path | str) -> dict[str, Pair]:
    done = subprocess.run([str(python), str(PROGRAM)], check=True, capture_output=True, text=True)
    figures: dict[str, Pair] = json.loads(done.stdout)
    return figures


def summed_up(rounds: list[Pair]) -> dict[str, float]:
    return {
        "plain": statistics.median(before for before, _ in rounds) / 1000,
        "ratio": statistics.median(after / before for before, after in rounds),
        "added": statistics.median(after - before for before, after in rounds) / 1000,
    }


def table(figures: dict[str, Any]) -> Table:
    rows = []
    for name, row in figures.items():
        both = (row["airlock"], row["airlock-py"])
        cells = [f"{one['ratio']:.2f}× ({one['added']:+.1f} µs)" for one in both]
        rows.append([name, f"{row['airlock']['plain']:.1f} µs", *cells])
    return Table(
        "What Celery's global intercept makes of a call and of an execution",
        ["", "without it", "airlock", "airlock-py"],
        rows,
    )


def main() -> None:
    file = parser(__doc__).parse_args().json
    peer_environment()
    rounds = [(measured(sys.executable), measured(PEER)) for _ in range(ROUNDS)]
    figures = {
        name: {
            "airlock": summed_up([own[name] for own, _ in rounds]),
            "airlock-py": summed_up([peer[name] for _, peer in rounds]),
        }
        for name in rounds[0][0]
    }
    publish(figures, [table(figures)], file)


if __name__ == "__main__":
    main()
