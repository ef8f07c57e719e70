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

from settings import LINK, ROUNDS, SIZE
from slow_link import Link

import airlock

#: Through the slow link the times hardly differ, and each round takes seconds.
SLOW_ROUNDS = max(1, ROUNDS // 2)

#: How many messages of a loop are enough to count its round trips.
SAMPLE = 20

Way = Callable[[int], None]
Rounds = dict[str, list[float]]


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


def microseconds(library: Any, way: Way) -> tuple[float, float]:
    """Send the messages; return what one took, and for how long of that Python was busy with it."""
    library.clear()
    gc.collect()
    start, busy = time.perf_counter(), time.process_time()
    way(SIZE)
    taken, worked = time.perf_counter() - start, time.process_time() - busy
    return taken / SIZE * 1e6, worked / SIZE * 1e6


def see_that_they_are_there(library: Any, way: Way) -> None:
    deadline = time.monotonic() + 5  # RabbitMQ may count a message later than it takes it
    while library.arrived() < SIZE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert library.arrived() == SIZE, (way, library.arrived())


def timed(library: Any, rounds: int) -> tuple[Rounds, Rounds]:
    """Time each way in each of the rounds: what a message takes, and what it takes of Python."""
    taken: Rounds = {name: [] for name, _ in ways(library)}
    worked: Rounds = {name: [] for name in taken}
    for _, way in ways(library):
        way(SAMPLE)  # connects, and does whatever is done once
    for _ in range(rounds):
        for name, way in ways(library):
            one, python = microseconds(library, way)
            see_that_they_are_there(library, way)
            taken[name].append(one)
            worked[name].append(python)
        worked.setdefault("floor", []).append(microseconds(library, library.floor)[1])
    return taken, worked


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


def opened(name: str, address: str, port: int | None = None) -> Any:
    """Return a library that sends to a server, or to a port that leads to it."""
    url = urlsplit(address)
    if port is not None:
        url = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{port}"))
    module = importlib.import_module(f"libraries.{name}")
    library = module.Library(url.geturl())
    if "airlock_core" not in sys.modules:  # the peer knows no task's home
        executors = importlib.import_module(f"airlock.integrations.executors.{module.PEER}")
        library.executor = getattr(executors, f"{module.PEER}_executor")
    return library


def main() -> None:
    name, address = sys.argv[1:]
    server = urlsplit(address).port
    assert server is not None
    with Link(server, delay=LINK) as far, Link(server, silence=0.005) as counting:
        taken, worked = timed(opened(name, address), ROUNDS)
        slow, _ = timed(opened(name, address, far.port), SLOW_ROUNDS)
        trips = counted(opened(name, address, counting.port), counting)
    figures = {"loopback": taken, "python": worked, "slow": slow, "round trips": trips}
    json.dump(figures, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # some libraries leave threads that wait for their server


if __name__ == "__main__":
    main()
