"""An app of procrastinate's whose worker logs with structlog, and the request that gives it work."""

from __future__ import annotations

import os

import procrastinate
from procrastinate import RetryStrategy

import airlock
import structlog_lines
from airlock_procrastinate import scoped_jobs
from structlog_lines import mark

structlog_lines.configure()
app = procrastinate.App(
    connector=procrastinate.SyncPsycopgConnector(conninfo=os.environ["AIRLOCK_TEST_DATABASE"])
    if os.environ.get("AIRLOCK_TEST_SENDS")
    else procrastinate.PsycopgConnector(conninfo=os.environ["AIRLOCK_TEST_DATABASE"]),
    worker_defaults={"worker_middleware": [scoped_jobs]},
)


@app.task(name="seen")
def seen(case, step):
    mark(case, step)


@app.task(name="awaited")
async def awaited(case, step):
    mark(case, step)


@app.task(name="retried", retry=RetryStrategy(max_attempts=1), pass_context=True)
def retried(context, case, step):
    mark(case, f"{step}, run {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError(step)


@app.task(name="parent")
def parent(case, step):
    mark(case, step)
    airlock.enqueue(seen, case, f"{step}, child")


@app.task(name="everything")
def everything(case, **kwargs):
    mark(case, f"keywords {sorted(kwargs)}")


def send(case: str) -> None:
    """Do what a request does, and then what has no request."""
    with app.open():
        structlog_lines.bind(case)
        with airlock.scope():
            airlock.enqueue(seen, case, "plain")
            airlock.enqueue(awaited, case, "awaited")
            airlock.enqueue(retried, case, "retried")
            airlock.enqueue(parent, case, "parent")
            airlock.enqueue(everything, case, one=1)
            # A deferrer does not know its app: it travels with nothing, and arrives as it is.
            airlock.enqueue(everything.configure(queue="default"), case=case, two=2)
        structlog_lines.unbind()
        seen.defer(case=case, step="clean")
