"""Jobs whose worker logs with structlog, and the request that gives it work."""

from __future__ import annotations

import os

import redis
from rq import Callback, Queue, Retry, get_current_job

import airlock
import structlog_lines
from structlog_lines import mark

structlog_lines.configure()


def seen(case, step):
    mark(case, step)


async def awaited(case, step):
    mark(case, step)


def retried(case, step):
    run = int(get_current_job().retries_left == 0)
    mark(case, f"{step}, run {run}")
    if not run:
        raise ValueError(step)


def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


def succeeded(job, connection, result):
    mark(job.args[0], f"{job.args[1]}, succeeded")


def failed(job, connection, *error):
    mark(job.args[0], f"{job.args[1]}, failed")


def fails(case, step):
    raise ValueError(step)


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    with redis.Redis.from_url(os.environ["RQ_REDIS_URL"]) as connection:
        queue = Queue(connection=connection)
        structlog_lines.bind(case)
        with airlock.scope(executor="rq"):
            airlock.enqueue(
                seen, case, "plain", _dispatch_options={"on_success": Callback(succeeded)}
            )
            airlock.enqueue(awaited, case, "awaited")
            airlock.enqueue(retried, case, "retried", _dispatch_options={"retry": Retry(1)})
            airlock.enqueue(
                fails, case, "fails", _dispatch_options={"on_failure": Callback(failed)}
            )
            first = airlock.enqueue(parent, case, "parent")
            waits = {"depends_on": first.id}
            airlock.enqueue(seen, case, "dependent", _dispatch_options=waits)
        structlog_lines.unbind()
        queue.enqueue(seen, case, "clean")
