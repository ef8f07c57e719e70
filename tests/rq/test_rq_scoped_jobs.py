"""Jobs that run in a scope, in real workers."""

from __future__ import annotations

import pytest
from rq import Queue, Retry, SimpleWorker

import airlock
import rq_shop
import rq_workers
from airlock_rq import RQExecutor


def test_success_flushes(journal):
    """What a job enqueues leaves when the job has succeeded."""
    job = journal.send(rq_shop.scoped, "success")

    journal.has("run 0", "effect of run 0")
    assert job.return_value() == "result of run 0"


def test_failure_discards(journal):
    """What a job enqueues is discarded when the job fails."""
    job = journal.send(rq_shop.scoped, "failure")

    journal.has("run 0")
    assert journal.ends(job) == "failed"


def test_a_retry_discards_and_happens(journal):
    """A job that fails with a retry left discards what its first run enqueued; the second flushes."""
    job = journal.send(rq_shop.scoped, "retry once", retry=Retry(max=1))

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(job) == "finished"


def test_a_returned_retry_discards_and_happens(journal):
    """So does a job that returns a `Retry`, which is no success."""
    job = journal.send(rq_shop.scoped, "returned retry")

    journal.has("run 0", "run 1", "effect of run 1")
    assert journal.ends(job) == "finished"


def test_retries_that_run_out_discard(journal):
    """A job that has used up its retries has failed, and nothing of any run has left."""
    job = journal.send(rq_shop.scoped, "failure", retry=Retry(max=1))

    journal.has("run 0", "run 1")
    assert journal.ends(job) == "failed"


def test_a_flush_that_fails_fails_the_job(journal):
    """What cannot be enqueued makes the job fail, where everybody sees it."""
    job = journal.send(rq_shop.scoped, "unflushable")

    assert journal.ends(job) == "failed"
    assert "DispatchError" in job.latest_result().exc_string


def test_a_flush_that_fails_is_retried(journal):
    """RQ's own retries have the error of a flush as they have any other."""
    job = journal.send(rq_shop.scoped, "unflushable", retry=Retry(max=1))

    assert journal.ends(job) == "failed"
    assert [line for line in journal.lines if line.startswith("run")] == ["run 0", "run 1"]


def test_the_time_limit_of_a_job_strikes_in_its_flush(journal):
    """A job whose messages take too long to make fails, and none of them has left."""
    job = journal.send(rq_shop.long_flush, timeout=2)

    assert journal.ends(job) == "failed"
    journal.has()
    assert "JobTimeoutException" in job.latest_result().exc_string
    assert "1 failed (rq_shop.effect); 2 not tried" in job.latest_result().exc_string


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("success", ["run 0", "awaited", "effect of run 0"]),
        ("failure", ["run 0"]),
        ("returned retry", ["run 0", "run 1", "awaited", "effect of run 1"]),
    ],
)
def test_async_jobs(journal, outcome, expected):
    """A coroutine function has an `async with` scope, whose effects may be awaited."""
    job = journal.send(rq_shop.scoped_async, outcome)

    journal.has(*expected)
    assert journal.ends(job) == ("failed" if outcome == "failure" else "finished")


def test_a_job_arrives_as_it_was_enqueued(journal):
    """Id, meta and options are in the worker what they were here."""
    with airlock.scope(executor=RQExecutor(journal.queue)):
        intent = airlock.enqueue(rq_shop.seen, journal.case, _dispatch_options={"job_timeout": 33})
        intent.meta["traceparent"] = "00-1-2-01"

    journal.has(f"{intent.id} {{'traceparent': '00-1-2-01'}} 33 default")


def test_a_hundred_jobs_are_performed(new_database, connect):
    """What left in one transaction is performed in order, each job once."""
    queue = Queue(connection=connect(new_database()))
    with airlock.scope(executor=RQExecutor(queue)):
        intents = [airlock.enqueue(rq_shop.add, number) for number in range(100)]
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="ERROR")
    results = [intent.receipt.return_value(refresh=True) for intent in intents]
    assert results == list(range(100))


@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_without_the_job_class(new_database, open_journal, outcome):
    """`@airlock.scoped()` on the function gives the same with RQ's own job class."""
    simple = rq_workers.KINDS["simple"]
    with rq_workers.Worker(new_database(), simple, "rq.job.Job") as worker:
        journal = open_journal(worker)
        journal.send(rq_shop.decorated_scope, outcome)
        journal.has("run 0", *["effect of run 0"] * (outcome == "success"))
