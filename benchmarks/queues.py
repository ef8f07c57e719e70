"""Print what 1,000 intents cost on each queue, beside a loop of the queue library's own call.

Beside them stands the library's own call for many, where it has one, and airlock-py, where that has
an executor. On the loopback, and through a link whose answers come 1 ms later. BENCH_SIZE,
BENCH_ROUNDS and BENCH_LINK_MS say it otherwise. Names of libraries as arguments choose among them.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from brokers import SERVERS, broker
from peer import PEER, peer_environment
from settings import LINK, ROUNDS, SIZE
from tables import Table, compared, parser, publish, times

PROGRAM = Path(__file__).with_name("measure_queues.py")

#: Each is a module in `libraries`, with what there is to know of one queue library.
LIBRARIES = {
    "celery_tasks": "Celery",
    "rq_jobs": "RQ",
    "dramatiq_actors": "Dramatiq",
    "huey_tasks": "Huey",
    "procrastinate_tasks": "procrastinate",
    "django_q_tasks": "django-q2",
    "django_tasks_rows": "Django's tasks",
}
SERVER_NAMES = {"redis": "Redis", "amqp": "RabbitMQ", "postgresql": "PostgreSQL"}
LINKS = {"loopback": "loopback", "slow": f"{LINK * 1000:g} ms"}

Figures = dict[str, Any]


def measured(python: Path | str, library: str, address: str) -> Figures | None:
    """Measure a library; where it fails, say so, and go on with the others."""
    command = [str(python), str(PROGRAM), library, address]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)} failed:\n{done.stderr}", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout)
    return figures


def summed_up(own: Figures, peer: Figures | None) -> Figures:
    """Compare each way with the loop of the same rounds, and airlock with the peer's airlock."""
    found: Figures = {"round trips": own["round trips"]}
    for link in LINKS:
        loop = own[link]["loop"]
        found[link] = {way: compared(loop, taken) for way, taken in own[link].items()}
        if peer is not None:
            found[link]["peer"] = compared(peer[link]["loop"], peer[link]["airlock"])
            found[link]["against the peer"] = compared(peer[link]["airlock"], own[link]["airlock"])
    if peer is not None:
        found["round trips"]["peer"] = peer["round trips"]["airlock"]
    found["python"] = {way: statistics.median(taken) for way, taken in own["python"].items()}
    return found


def all_of(libraries: list[str]) -> tuple[Figures, bool]:
    """Measure the libraries on each of their brokers; say also whether one of them failed."""
    found: Figures = {}
    failed = False
    with ExitStack() as stack:
        addresses = {scheme: stack.enter_context(broker(scheme)) for scheme in SERVERS}
        for library in libraries:
            module = importlib.import_module(f"libraries.{library}")
            for scheme in module.BROKERS:
                if (address := addresses[scheme]) is None:
                    continue
                own = measured(sys.executable, library, address)
                peer = measured(PEER, library, address) if module.PEER else None
                failed = failed or own is None or (peer is None and module.PEER is not None)
                if own is not None:
                    title = f"{LIBRARIES[library]} on {SERVER_NAMES[scheme]}"
                    found[title] = summed_up(own, peer)
    return found, failed


def times_of(figures: Figures) -> Iterator[Table]:
    size = f"{figures['size']:,}"
    for link, name in LINKS.items():
        rows = []
        for title, row in figures["queues"].items():
            cells = [
                title,
                f"{row[link]['loop']['median']:,.0f}",
                f"{row['round trips']['loop']:,.0f}",
            ]
            for way in ("airlock", "bulk", "peer"):
                cells += _cells(row, link, way)
            rows.append(cells)
        ways = ("airlock", "its own bulk", "airlock-py")
        headings = [heading for way in ways for heading in (way, "µs", "trips")]
        yield Table(
            f"{size} messages, {name}: µs for one, round trips for all, and how many times faster"
            f" than the loop",
            ["", "loop, µs", "trips", *headings],
            rows,
        )


def python_of(figures: Figures) -> Table:
    return Table(
        f"Python's share of a message, µs (of {figures['size']:,}, loopback)",
        ["", "the message alone", "airlock", "between", "loop", "its own bulk"],
        [[title, *_python(row["python"])] for title, row in figures["queues"].items()],
    )


def _cells(row: Figures, link: str, way: str) -> list[str]:
    figure = row[link].get(way)
    if figure is None:
        return ["–", "", ""]
    return [times(figure), f"{figure['median']:,.0f}", f"{row['round trips'][way]:,.0f}"]


def _python(worked: dict[str, float]) -> list[str]:
    floor, ours = worked["floor"], worked["airlock"]
    bulk = f"{worked['bulk']:,.0f}" if "bulk" in worked else "–"
    return [f"{floor:,.0f}", f"{ours:,.0f}", f"{ours - floor:,.0f}", f"{worked['loop']:,.0f}", bulk]


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("library", nargs="*", choices=[*LIBRARIES, []])  # [] is none
    chosen = arguments.parse_args()
    peer_environment()
    found, failed = all_of(chosen.library or list(LIBRARIES))
    figures = {"size": SIZE, "rounds": ROUNDS, "queues": found}
    publish(figures, [*times_of(figures), python_of(figures)], chosen.json)
    sys.exit(failed)


if __name__ == "__main__":
    main()
