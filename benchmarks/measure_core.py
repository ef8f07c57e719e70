"""Measure the core of one library, whichever is imported as `airlock` here, and print JSON.

Run by `core.py` with two interpreters: both libraries bear the same name. What the peer does not
have is left out there. The garbage collector is off while the clock runs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
import timeit
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import airlock

OURS = hasattr(airlock, "hookimpl")
PROGRAM = """
import sys, time
known, start = set(sys.modules), time.perf_counter()
import airlock
imported, modules = time.perf_counter() - start, len(set(sys.modules) - known)
known, start = set(sys.modules), time.perf_counter()
with airlock.scope():
    pass
print(imported, modules, time.perf_counter() - start, len(set(sys.modules) - known))
"""


def task(number: int) -> None:
    """Do nothing."""


def executor(intent: object) -> None:
    """Carry nothing."""


def per_call(function: Callable[[], object], number: int) -> float:
    """Return nanoseconds: the least of three runs, since what disturbs a run makes it longer."""
    gc.collect()
    return min(timeit.repeat(function, number=number, repeat=3)) / number * 1e9


# Enqueue


class Observes(airlock.Policy if OURS else object):  # type: ignore[misc]
    """A policy that has a say at the enqueue and at the door."""

    def on_enqueue(self, intent: object) -> None:
        """Observe."""

    def allows(self, intent: object) -> bool:
        return False


@contextmanager
def plugins(count: int) -> Iterator[None]:
    """Register plugins that observe each intent."""
    registered = []
    for number in range(count):

        class Plugin:
            @airlock.hookimpl
            def intent_created(self, intent: object, scope: object) -> None:
                """Observe."""

        registered.append(Plugin())
        airlock.register(registered[-1], f"bench {number}")
    yield
    for plugin in registered:
        airlock.unregister(plugin)


def enqueue_inside(*blocks: Callable[[], object], number: int = 2_000) -> float:
    """Return what an enqueue costs inside these blocks."""

    def once() -> float:
        with ExitStack() as stack:
            stack.enter_context(airlock.scope(policy=airlock.DropAll()))
            for block in blocks:
                stack.enter_context(block())
            return timeit.timeit(lambda: airlock.enqueue(task, 1), number=number) / number * 1e9

    return min(once() for _ in range(15))


def enqueues() -> dict[str, float]:
    figures = {
        "an enqueue": enqueue_inside(),
        "an enqueue, the scope's policy observes": enqueue_inside(
            lambda: airlock.scope(policy=Observes())
        ),
        "an enqueue, a local policy": enqueue_inside(lambda: airlock.policy(airlock.AllowAll())),
        "an enqueue, 3 scopes deep": enqueue_inside(*[airlock.scope] * 2),
        "an enqueue, 10 scopes deep": enqueue_inside(*[airlock.scope] * 9),
    }
    if OURS:
        for count in (1, 5, 10, 25, 50):
            with plugins(count):
                figures[f"an enqueue, plugins: {count}"] = enqueue_inside()
        figures["one more plugin at a hook"] = (
            figures["an enqueue, plugins: 50"] - figures["an enqueue, plugins: 10"]
        ) / 40
        airlock.configure(strict=True)
        figures["an enqueue, strict"] = enqueue_inside()
        airlock.configure(strict=False)
    return figures


# Scopes


def filled(count: int) -> None:
    with airlock.scope(executor=executor):
        for number in range(count):
            airlock.enqueue(task, number)


def nested(depth: int) -> None:
    with ExitStack() as stack:
        for _ in range(depth):
            stack.enter_context(airlock.scope(executor=executor))
        airlock.enqueue(task, 1)


def empty_scope() -> None:
    with airlock.scope():
        pass


@airlock.scoped()
def scoped_function() -> None:
    """Do nothing in a scope."""


def scopes() -> dict[str, float]:
    figures = {
        "an empty scope": per_call(empty_scope, 5_000),
        "an empty @scoped function": per_call(scoped_function, 5_000),
    }
    for count, number in ((1, 1_000), (10, 200), (1_000, 5), (100_000, 1)):
        figures[f"a scope with intents: {count:,}"] = per_call(lambda n=count: filled(n), number)
    for depth in (1, 10, 100):
        figures[f"a scope of nested scopes: {depth}"] = (
            per_call(lambda n=depth: nested(n), 500 // depth) / depth
        )
    if OURS:
        figures |= asyncio.run(async_scopes())
        with plugins(50):
            figures["an empty scope, plugins: 50"] = per_call(empty_scope, 2_000)
    return figures


async def async_scopes() -> dict[str, float]:
    @airlock.scoped()
    async def scoped_coroutine() -> None:
        """Do nothing in a scope."""

    async def empty() -> None:
        async with airlock.scope():
            pass

    return {
        "an empty `async with`": await per_await(empty),
        "an empty @scoped coroutine": await per_await(scoped_coroutine),
    }


async def per_await(function: Callable[[], object], number: int = 2_000) -> float:
    gc.disable()
    start = time.perf_counter_ns()
    for _ in range(number):
        await function()  # type: ignore[misc]
    spent = time.perf_counter_ns() - start
    gc.enable()
    return spent / number


# Size


def memory() -> dict[str, float]:
    """Weigh the intents of an open scope, without what the arguments weigh themselves."""
    count = 10_000
    numbers = list(range(count))
    with airlock.scope(policy=airlock.DropAll()):
        airlock.enqueue(task, 0)
        gc.collect()
        tracemalloc.start()
        for number in numbers:
            airlock.enqueue(task, number)
        weight = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return {"memory of an intent, bytes": weight / count}


def growth() -> dict[str, float]:
    """Enqueue and flush ever more: what each intent costs should stay what it is."""
    figures = {}
    for power in range(2, 7):
        count = 10**power
        gc.collect()
        gc.disable()
        scope = airlock.scope(executor=executor)
        with scope:
            start = time.perf_counter_ns()
            for number in range(count):
                airlock.enqueue(task, number)
            enqueued = time.perf_counter_ns()
        left = time.perf_counter_ns()
        gc.enable()
        figures[f"each of 10^{power}, enqueue"] = (enqueued - start) / count
        figures[f"each of 10^{power}, flush"] = (left - enqueued) / count
        del scope
    return figures


# Threads and imports


def threads(count: int = 8) -> dict[str, float]:
    """Give each thread a scope of its own: without a shared lock, at once takes no longer."""

    def work() -> None:
        for _ in range(20):
            filled(100)

    def at_once() -> None:
        started = [threading.Thread(target=work) for _ in range(count)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    def one_by_one() -> None:
        for _ in range(count):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    each = count * 2_000
    return {
        "an intent, 8 threads one by one": per_call(one_by_one, 1) / each,
        "an intent, 8 threads at once": per_call(at_once, 1) / each,
    }


def imports() -> dict[str, float]:
    runs = []
    for _ in range(3):
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append([float(word) for word in done.stdout.split()])
    imported, modules, first, more = (median(run) for run in zip(*runs, strict=True))
    return {
        "import airlock": imported * 1e9,
        "the first scope": first * 1e9,
        "import airlock, modules": modules,
        "the first scope, modules": more,
    }


def main() -> None:
    empty_scope()  # whatever is done once has been done
    buffer: list[int] = []
    figures = {
        "a bare call": per_call(lambda: task(1), 20_000),
        "a bare list.append": per_call(lambda: buffer.append(1), 20_000),
    }
    for part in (enqueues, scopes, memory, growth, threads, imports):
        figures |= part()
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
