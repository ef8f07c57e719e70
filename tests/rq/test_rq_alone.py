"""Jobs that RQ cannot enqueue in a pipeline: they leave by themselves, in their place."""

from __future__ import annotations

from datetime import datetime

import pytest
import rq
from rq.job import Dependency

import airlock
import rq_shop
from airlock_rq import RQExecutor


@pytest.fixture
def executor(queue):
    return RQExecutor(queue)


def test_jobs_that_depend_on_each_other_keep_their_order(queue, executor):
    """A job that depends on another of the same flush waits for it; the others pass by in order."""
    with airlock.scope(executor=executor):
        first = airlock.enqueue(rq_shop.add, 1)
        second = airlock.enqueue(
            rq_shop.add, 2, _dispatch_options={"depends_on": Dependency([first.id])}
        )
        third = airlock.enqueue(rq_shop.add, 3, _dispatch_options={"depends_on": second.id})
        fourth = airlock.enqueue(rq_shop.add, 4)

    assert queue.job_ids == [first.id, fourth.id]
    assert second.receipt.is_deferred
    assert third.receipt.is_deferred
    worker = rq.SimpleWorker([queue], connection=queue.connection)
    worker.work(burst=True, logging_level="ERROR")
    results = [intent.receipt.return_value(refresh=True) for intent in (first, second, third)]
    assert results == [1, 2, 3]
    finished = [intent.receipt.ended_at for intent in (first, second, third)]
    assert finished == sorted(finished, key=lambda ended: ended or datetime.max)


def test_a_dependency_that_is_not_there_fails_alone(queue, executor):
    """RQ's error about it is that intent's own."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(rq_shop.add, 1)
        bad = airlock.enqueue(rq_shop.add, 2, _dispatch_options={"depends_on": object()})
        airlock.enqueue(rq_shop.add, 3)

    assert caught.value.failed == (bad,)
    assert [job.args for job in queue.jobs] == [(1,), (3,)]


def test_a_unique_job_is_enqueued_once(queue, executor):
    """The second job of an id fails with RQ's own error, and the others leave in order."""
    unique = {"unique": True, "job_id": "once"}
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=executor):
        airlock.enqueue(rq_shop.add, 1)
        airlock.enqueue(rq_shop.add, 2, _dispatch_options=unique)
        bad = airlock.enqueue(rq_shop.add, 3, _dispatch_options=unique)
        airlock.enqueue(rq_shop.add, 4)

    assert caught.value.failed == (bad,)
    assert type(caught.value.exceptions[0]).__name__ == "DuplicateJobError"
    assert [job.args for job in queue.jobs] == [(1,), (2,), (4,)]


def test_rate_limited_jobs_are_enqueued(queue, executor):
    """Where RQ has rate limits (3.0), such a job leaves by itself."""
    limit = getattr(rq, "RateLimit", None)
    if limit is None:
        pytest.skip("RQ has rate limits since 3.0")
    options = {"rate_limit": limit("emails", 1)}
    with airlock.scope(executor=executor):
        intents = [airlock.enqueue(rq_shop.add, n, _dispatch_options=options) for n in range(2)]

    statuses = [intent.receipt.get_status().value for intent in intents]
    assert statuses == ["queued", "rate_limited"]
