"""Print what airlock adds to Django's requests and transactions, on SQLite and on PostgreSQL.

Beside it stands the same view with `transaction.on_commit`, in a process without airlock.
BENCH_SIZE and BENCH_ROUNDS say how much; BENCH_POSTGRES_URL names a server, otherwise a private one
is started where PostgreSQL is installed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("measure_web.py")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))

Figures = dict[str, Any]


@contextmanager
def postgres() -> Iterator[str | None]:
    """Lend the address of a PostgreSQL, or None where there is none."""
    if given := os.environ.get("BENCH_POSTGRES_URL"):
        yield given
        return
    sys.path.append(str(ROOT / "tests" / "support"))
    from servers import MissingProgramError, Postgres

    try:
        server = Postgres().start()
    except MissingProgramError as error:
        print(error, file=sys.stderr)
        yield None
        return
    with server:
        yield server.create_database("bench").url


def measured(way: str, address: str) -> Figures:
    command = [sys.executable, str(PROGRAM), way, address]
    environment = {**os.environ, "AIRLOCK_PLUGINS": "django"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    figures: Figures = json.loads(done.stdout)
    return figures


def compared(address: str) -> dict[str, Any]:
    """Measure both ways in turn; return the rows of the table."""
    rounds = [(measured("plain", address), measured("airlock", address)) for _ in range(ROUNDS)]
    rows: dict[str, Any] = {}
    for name in rounds[0][0]["microseconds"]:
        plain = [one["microseconds"][name] for one, _ in rounds]
        ours = [other["microseconds"][name] for _, other in rounds]
        ratios = sorted(own / one for one, own in zip(plain, ours, strict=True))
        rows[name] = {
            "on_commit": statistics.median(plain),
            "airlock": statistics.median(ours),
            "ratio": statistics.median(ratios),
            "spread": [ratios[0], ratios[-1]],
        }
    rows["registrations"] = {
        "on_commit": rounds[0][0]["registrations"],
        "airlock": rounds[0][1]["registrations"],
    }
    return rows


def main() -> None:
    found = {"SQLite": compared("sqlite://")}
    with postgres() as address:
        if address is not None:
            found["PostgreSQL"] = compared(address)
    print(f"{f'median of {ROUNDS} rounds':50}{'on_commit':>12}{'airlock':>12}{'takes':>8}")
    for database, rows in found.items():
        counts = rows.pop("registrations")
        for name, row in rows.items():
            low, high = row["spread"]
            print(
                f"{f'{database}: {name}':50}{row['on_commit']:>9,.1f} µs{row['airlock']:>9,.1f} µs"
                f"{row['ratio']:>7.2f}x {low:.2f}-{high:.2f}"
            )
        name = f"{database}: callbacks registered with Django"
        print(f"{name:50}{counts['on_commit']:>12,}{counts['airlock']:>12,}")
        rows["registrations"] = counts
    if len(sys.argv) == 3 and sys.argv[1] == "--json":
        Path(sys.argv[2]).write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
