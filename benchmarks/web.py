"""Print what airlock adds to Django's requests and transactions, on SQLite and on PostgreSQL.

Beside it stands the same view with `transaction.on_commit`, in a process without airlock; and
beside 1,000 Celery tasks of one transaction, `on_commit` with `delay`. BENCH_SIZE and BENCH_ROUNDS
say how many, and how often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brokers import broker
from settings import ROUNDS
from tables import Table, compared, parser, publish

PROGRAM = Path(__file__).with_name("measure_web.py")
SQLITE = "sqlite://"

Figures = dict[str, Any]


def measured(way: str, address: str, redis: str | None) -> Figures:
    command = [sys.executable, str(PROGRAM), way, address, *([redis] if redis else [])]
    environment = {**os.environ, "AIRLOCK_PLUGINS": "celery,django"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    figures: Figures = json.loads(done.stdout)
    return figures


def both_ways(address: str, redis: str | None) -> Figures:
    """Measure both ways in turn."""
    rounds = [
        (measured("plain", address, redis), measured("airlock", address, redis))
        for _ in range(ROUNDS)
    ]
    plain, ours = rounds[0]
    found: Figures = {}
    for name in plain["microseconds"]:
        base = [one["microseconds"][name] for one, _ in rounds]
        own = [other["microseconds"][name] for _, other in rounds]
        found[name] = {"on_commit": compared(base, base), "airlock": compared(base, own)}
    found["counts"] = {"on_commit": plain["counts"], "airlock": ours["counts"]}
    return found


def tables(figures: Figures) -> Iterator[Table]:
    for database, rows in figures.items():
        cells = []
        for name, row in rows.items():
            before, after = row["on_commit"], row["airlock"]
            if name == "counts":
                cells += [
                    [count, f"{before[count]:,}", f"{after[count]:,}", ""] for count in before
                ]
                continue
            # How many times longer, and not how many times faster.
            ratio, least, most = (1 / after[part] for part in ("ratio", "most", "least"))
            times = f"{ratio:.2f}× ({least:.2f}–{most:.2f})"
            cells.append([name, f"{before['median']:,.0f} µs", f"{after['median']:,.0f} µs", times])
        yield Table(
            f"Django on {database}: requests and transactions",
            ["", "on_commit", "airlock", "takes"],
            cells,
        )


def main() -> None:
    file = parser(__doc__).parse_args().json
    with broker("redis") as redis, broker("postgresql") as postgresql:
        figures = {"SQLite": both_ways(SQLITE, redis)}
        if postgresql is not None:
            figures["PostgreSQL"] = both_ways(postgresql, redis)
    publish(figures, list(tables(figures)), file)


if __name__ == "__main__":
    main()
