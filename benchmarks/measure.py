"""Measure one library, whichever is imported as `airlock` here, and print nanoseconds as JSON.

Run by `run.py` with two interpreters: both libraries bear the same name.
"""

from __future__ import annotations

import gc
import json
import sys
import timeit
from collections.abc import Callable

import airlock


def task(number: int) -> None:
    """Do nothing."""


def executor(intent: object) -> None:
    """Carry nothing."""


def empty_scope() -> None:
    with airlock.scope():
        pass


def enqueue_1000() -> None:
    with airlock.scope(executor=executor):
        for number in range(1000):
            airlock.enqueue(task, number)


def nested_1000() -> None:
    with airlock.scope(executor=executor), airlock.scope(), airlock.scope():
        for number in range(1000):
            airlock.enqueue(task, number)


def enqueue_alone() -> float:
    """Time the enqueues of one scope without its exit."""
    with airlock.scope(policy=airlock.DropAll()):
        return timeit.timeit(lambda: airlock.enqueue(task, 1), number=2000) / 2000


def per_call(function: Callable[[], object], number: int) -> float:
    gc.collect()
    return timeit.timeit(function, number=number) / number


def main() -> None:
    empty_scope()  # whatever is done once has been done
    buffer: list[int] = []
    figures = {
        "a bare call": per_call(lambda: task(1), 20_000),
        "a bare list.append": per_call(lambda: buffer.append(1), 20_000),
        "an empty scope": per_call(empty_scope, 5_000),
        "an enqueue": min(enqueue_alone() for _ in range(3)),
        "1,000 intents into a no-op executor": per_call(enqueue_1000, 5),
        "the same, two scopes further in": per_call(nested_1000, 5),
    }
    json.dump({name: seconds * 1e9 for name, seconds in figures.items()}, sys.stdout)


if __name__ == "__main__":
    main()
