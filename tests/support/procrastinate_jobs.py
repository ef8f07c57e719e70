"""The tasks that a real worker executes, and the app that it is started with."""

from __future__ import annotations

import os

import procrastinate
from procrastinate import RetryStrategy

import airlock
from airlock_procrastinate import scoped_jobs

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=os.environ.get("AIRLOCK_TEST_DATABASE", ""), min_size=1
    ),
    # The worker of the queue "bare" runs without: its tasks have their scopes from a decorator.
    worker_defaults={"worker_middleware": [scoped_jobs]}
    if os.environ.get("AIRLOCK_TEST_SCOPES", "yes") == "yes"
    else {},
)
TWICE = RetryStrategy(max_attempts=1)


@app.task(name="record", queue="records")
def record(case, line): ...


@app.task(name="succeed")
def succeed(case):
    airlock.enqueue(record, case, "left")


@app.task(name="succeed_async")
async def succeed_async(case):
    airlock.enqueue(record, case, "left")


@app.task(name="fail")
def fail(case):
    airlock.enqueue(record, case, "never")
    raise ValueError


@app.task(name="fail_async")
async def fail_async(case):
    airlock.enqueue(record, case, "never")
    raise ValueError


@app.task(name="retried", retry=TWICE, pass_context=True)
def retried(context, case):
    airlock.enqueue(record, case, f"attempt {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError


@app.task(name="retried_async", retry=TWICE, pass_context=True)
async def retried_async(context, case):
    airlock.enqueue(record, case, f"attempt {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError


@app.task(name="flushes_badly", retry=TWICE, pass_context=True)
def flushes_badly(context, case):
    airlock.enqueue(record, case, "good" if context.job.attempts else {"no JSON"})


@app.task(name="flushes_badly_async", retry=TWICE, pass_context=True)
async def flushes_badly_async(context, case):
    airlock.enqueue(record, case, "good" if context.job.attempts else {"no JSON"})


@app.task(name="decorated", queue="bare", retry=TWICE, pass_context=True)
@airlock.scoped()
def decorated(context, case):
    airlock.enqueue(record, case, f"attempt {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError


@app.task(name="decorated_async", queue="bare", retry=TWICE, pass_context=True)
@airlock.scoped()
async def decorated_async(context, case):
    airlock.enqueue(record, case, f"attempt {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError


@app.task(name="own_defer")
def own_defer(case):
    record.defer(case=case, line="procrastinate's own")
    airlock.enqueue(record, case, "never")
    raise ValueError
