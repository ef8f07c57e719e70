"""Measure one queue, on the loopback and through a slow link, and print microseconds as JSON.

    measure_queues.py LIBRARY ADDRESS

Run by `queues.py` with two interpreters: airlock and its peer bear the same name.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from slow_link import Link

import airlock

SIZE = int(os.environ.get("BENCH_SIZE", "1000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
LINK = float(os.environ.get("BENCH_LINK_MS", "1")) / 1000

#: Through the slow link the times hardly differ, and each round takes seconds.
SLOW_ROUNDS = max(1, ROUNDS // 2)

#: How many messages of a loop are enough to count its round trips.
SAMPLE = 20

Way = Callable[[int], None]


def ways(library: Any) -> Iterator[tuple[str, Way]]:
    """Yield each way to send so many messages."""
    yield "loop", library.loop
    yield "airlock", lambda size: through_airlock(library, size)
    if hasattr(library, "bulk"):
        yield "bulk", library.bulk


def through_airlock(library: Any, size: int) -> None:
    with airlock.scope(executor=library.executor):
        for number in range(size):
            airlock.enqueue(library.task, number, name="name")


def microseconds(library: Any, way: Way) -> float:
    """Send the messages; return what one took, and see that they all are there."""
    library.clear()
    gc.collect()
    start = time.perf_counter()
    way(SIZE)
    taken = time.perf_counter() - start
    deadline = time.monotonic() + 5  # RabbitMQ may count a message later than it takes it
    while library.arrived() < SIZE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert library.arrived() == SIZE, (way, library.arrived())
    return taken / SIZE * 1e6


def timed(library: Any, rounds: int) -> dict[str, list[float]]:
    """Time each way in each of the rounds."""
    found: dict[str, list[float]] = {name: [] for name, _ in ways(library)}
    for _, way in ways(library):
        way(SAMPLE)  # connects, and does whatever is done once
    for _ in range(rounds):
        for name, way in ways(library):
            found[name].append(microseconds(library, way))
    return found


def counted(library: Any, link: Link) -> dict[str, float]:
    """Count the round trips of each way, for all its messages."""
    found = {}
    library.clear()
    for name, way in ways(library):
        way(1)
        size = SAMPLE if name == "loop" else SIZE
        before = link.round_trips()
        way(size)
        trips = link.round_trips() - before
        # A loop that does not wait for answers is one burst, however many messages it has.
        found[name] = trips * SIZE / size if trips >= size else trips
    return found


def main() -> None:
    name, address = sys.argv[1:]
    module = importlib.import_module(f"libraries.{name}")

    def library(port: int | None) -> Any:
        url = urlsplit(address)
        at = f"{url.username}:{url.password}@" if url.username else ""
        near = f"{url.scheme}://{at}{url.hostname}:{port}{url.path}" if port else address
        made = module.Library(near)
        if "airlock_core" not in sys.modules:  # the peer knows no task's home
            executors = importlib.import_module(f"airlock.integrations.executors.{module.PEER}")
            made.executor = getattr(executors, f"{module.PEER}_executor")
        return made

    server = urlsplit(address).port
    assert server is not None
    with Link(server, delay=LINK) as far, Link(server, silence=0.005) as counting:
        figures = {
            "loopback": timed(library(None), ROUNDS),
            "slow": timed(library(far.port), SLOW_ROUNDS),
            "round trips": counted(library(counting.port), counting),
        }
    json.dump(figures, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # some libraries leave threads that wait for their server


if __name__ == "__main__":
    main()
