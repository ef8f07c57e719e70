"""Measure what the global intercept of one library costs, and print nanoseconds as JSON.

Run by `intercept.py` with two interpreters: both libraries are imported as `airlock`.
"""

from __future__ import annotations

import gc
import json
import sys
import timeit
import warnings
from collections.abc import Callable

from celery import Celery
from celery.app.trace import build_tracer

from airlock.integrations.celery import install_global_intercept

warnings.simplefilter("ignore", DeprecationWarning)  # as in production

app = Celery("bench", broker="memory://", set_as_current=True)
app.conf.task_ignore_result = True


@app.task(name="bench.task")
def task(number: int) -> None:
    """Do nothing."""


def per_call(function: Callable[[], object], number: int) -> float:
    gc.collect()
    return min(timeit.repeat(function, number=number, repeat=3)) / number


def delay() -> None:
    task.delay(1)


def execution() -> Callable[[], object]:
    """Return what a worker calls for each message of the task."""
    tracer = build_tracer(task.name, task, app.loader, "bench", app=app)
    return lambda: tracer("an-id", (1,), {}, {"id": "an-id", "delivery_info": {}})


def figures() -> dict[str, float]:
    found = {
        "a .delay() outside of a scope": per_call(delay, 500),
        "an execution of an empty task": per_call(execution(), 3_000),
    }
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("celery")
    return found


def main() -> None:
    delay()  # connects
    plain = figures()
    install_global_intercept(app)
    intercepted = figures()
    both = {name: (plain[name] * 1e9, intercepted[name] * 1e9) for name in plain}
    json.dump(both, sys.stdout)


if __name__ == "__main__":
    main()
