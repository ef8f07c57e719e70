"""Print where the time of a message goes, part by part: 1,000 intents to Redis on the loopback.

Each part is the time in its functions, without that of another part called by them. Reading the
clocks takes time, too; how much is told by the same without them. BENCH_SIZE and BENCH_ROUNDS say
how many, and how often.
"""

from __future__ import annotations

import importlib
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce, wraps
from typing import Any

from brokers import broker
from measure_queues import SAMPLE, opened, through_airlock
from settings import ROUNDS, SIZE
from tables import Table, parser, publish

#: The functions of each part: the core, the plugin, the queue library, and what it sends with.
PARTS = {
    "celery_tasks": {
        "core: the enqueue": ["airlock:enqueue"],
        "plugin: the check of the call": ["airlock_celery.executor:CeleryExecutor.check"],
        "plugin: the message, after its stencil": ["airlock_celery.stencils:Stencils.make"],
        "Kombu: JSON of the body": ["kombu.serialization:dumps"],
        "plugin: what Kombu is told of it": ["airlock_celery.messages:Messages.send"],
        "Kombu: publish": ["kombu.messaging:Producer.publish"],
        "Kombu: JSON of the message": ["kombu.transport.redis:dumps"],
        "redis-py and Redis": ["redis.client:Pipeline.execute"],
    },
    "rq_jobs": {
        "core: the enqueue": ["airlock:enqueue"],
        "plugin: the check of the call": ["airlock_rq.executor:RQExecutor.check"],
        "RQ: the job": ["rq.job:Job.create", "rq.job:Job.to_dict"],
        "RQ: its commands": ["rq.queue:Queue.enqueue_call"],
        "plugin: around RQ": ["airlock_rq.letters:Letter.make"],
        "plugin: encoding": ["airlock_rq.collecting:Collector._encoded"],
        "plugin: packing": ["airlock_rq.packing:Packer.pack"],
        "redis-py and Redis": ["redis.client:Pipeline.execute"],
    },
    "dramatiq_actors": {
        "core: the enqueue": ["airlock:enqueue"],
        "plugin: the check of the call": ["airlock_dramatiq.executor:DramatiqExecutor.check"],
        "plugin: the message": ["airlock_dramatiq.publishing:_make"],
        "Dramatiq: JSON of the message": ["dramatiq.message:Message.encode"],
        "plugin: the call of the script": ["airlock_dramatiq.calls:Calls.repeated"],
        "redis-py and Redis": ["airlock_dramatiq.pipelines:Pipeline._converse"],
    },
}
TITLES = {"celery_tasks": "Celery", "rq_jobs": "RQ", "dramatiq_actors": "Dramatiq"}
REST = "core: the flush, and the rest"
CLOCKS = "of it, the clocks"

Seconds = dict[str, float]


class Stopwatch:
    """Adds up the seconds in each part, without those of the parts inside it."""

    def __init__(self) -> None:
        self.seconds: Seconds = defaultdict(float)
        self._inside = [0.0]  # seconds of the parts in each function that has not returned

    @contextmanager
    def watching(self, parts: dict[str, list[str]]) -> Iterator[None]:
        """Time the functions of these parts within the block."""
        originals = []
        for part, functions in parts.items():
            for function in functions:
                module, _, path = function.partition(":")
                *owners, name = path.split(".")
                owner = reduce(getattr, owners, importlib.import_module(module))
                originals.append((owner, name, getattr(owner, name)))
                setattr(owner, name, self._timed(part, getattr(owner, name)))
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                taken = time.perf_counter() - start
                self.seconds[part] += taken - self._inside.pop()
                self._inside[-1] += taken

        return timed


def in_parts(name: str, address: str) -> Seconds:
    """Return the microseconds of one message in each part: medians of the rounds."""
    library = opened(name, address)
    through_airlock(library, SAMPLE)
    rounds = [one_round(library, PARTS[name]) for _ in range(ROUNDS)]
    library.clear()
    return {part: statistics.median(one[part] for one in rounds) for part in rounds[0]}


def one_round(library: Any, parts: dict[str, list[str]]) -> Seconds:
    library.clear()
    without = seconds(library)
    library.clear()
    watch = Stopwatch()
    with watch.watching(parts):
        total = seconds(library)
    found = {part: watch.seconds[part] for part in parts}
    found[REST] = total - sum(found.values())
    found["all"] = total
    found[CLOCKS] = total - without
    return {part: taken / SIZE * 1e6 for part, taken in found.items()}


def seconds(library: Any) -> float:
    start = time.perf_counter()
    through_airlock(library, SIZE)
    return time.perf_counter() - start


def tables(figures: dict[str, Seconds]) -> Iterator[Table]:
    for name, parts in figures.items():
        rows = [[part, f"{taken:.1f}"] for part, taken in parts.items()]
        yield Table(f"{name} on Redis, a message of {SIZE:,}, part by part", ["", "µs"], rows)


def main() -> None:
    file = parser(__doc__).parse_args().json
    with broker("redis") as address:
        figures = {TITLES[name]: in_parts(name, address) for name in PARTS if address}
        publish(figures, list(tables(figures)), file)
    sys.stdout.flush()
    os._exit(0)  # some libraries leave threads that wait for their server


if __name__ == "__main__":
    main()
