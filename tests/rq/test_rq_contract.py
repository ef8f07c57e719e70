"""The suite that every executor must pass, for RQ's."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError
from rq import Queue

import airlock
import airlock.testing
import rq_shop
from airlock_rq import RQExecutor


class TestRQExecutor(airlock.testing.ExecutorContract):
    """`RQExecutor` with a queue."""

    @pytest.fixture
    def executor(self, queue):
        return RQExecutor(queue)

    @pytest.fixture
    def broken_executor(self, connect, free_port):
        return RQExecutor(Queue(connection=connect(f"redis://127.0.0.1:{free_port()}/0")))

    @pytest.fixture
    def task(self):
        return rq_shop.add

    @pytest.fixture
    def foreign_task(self):
        return lambda number: number

    def sent(self, executor):
        return [job.args[0] for job in executor.queue.jobs]


def test_calling_it_sends_one(queue):
    """The executor is a callable that sends one intent and returns its receipt, or raises."""
    executor = RQExecutor(queue)
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(rq_shop.add, 1)
    receipt = executor(scope.intents[0])

    assert [receipt.id] == [scope.intents[0].id] == queue.job_ids


def test_calling_it_raises(connect, free_port):
    """Where Redis is gone, a call raises its error."""
    executor = RQExecutor(Queue(connection=connect(f"redis://127.0.0.1:{free_port()}/0")))
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(rq_shop.add, 1)

    with pytest.raises(ConnectionError):
        executor(scope.intents[0])
