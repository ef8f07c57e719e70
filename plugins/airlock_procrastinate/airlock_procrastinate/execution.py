"""A scope around each execution of a job: success flushes, failure and retry discard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import airlock
from airlock_procrastinate.envelopes import opened


async def scoped_jobs(call_next: Callable[[], Awaitable[Any]], context: Any, worker: Any) -> Any:
    """Run each job of a worker in a scope: `worker_middleware=[scoped_jobs]`.

    What a task enqueues leaves when it has succeeded. What it raises discards that, `JobRetry` and
    an abort included. An error of the flush is the job's own: it fails, and is retried as its
    `retry` says. What plugins carry along, such as a request id, travels with the jobs of an app
    that has this in its `worker_defaults`, and is in place around each.

    Args:
        call_next: runs the job.
        context: procrastinate's `JobContext`.
        worker: procrastinate's `Worker`.

    Returns:
        What the task returned.
    """
    with opened(context.job.task_kwargs) as meta, airlock.received(meta):
        async with airlock.scope(name=f"job {context.job.task_name}"):
            return await call_next()
