"""The suite that every executor must pass, for procrastinate's."""

from __future__ import annotations

import procrastinate
import psycopg
import pytest

import airlock
import airlock.testing
from airlock_procrastinate import ProcrastinateExecutor


class TestProcrastinateExecutor(airlock.testing.ExecutorContract):
    """`ProcrastinateExecutor` with the pool of an app."""

    @pytest.fixture
    def executor(self, jobs):
        executor = ProcrastinateExecutor()
        executor.jobs = jobs
        return executor

    @pytest.fixture
    def broken_executor(self, executor, jobs):
        """Its connection is closed, as by a server that has gone."""
        gone = psycopg.connect(jobs.url)
        gone.close()
        return ProcrastinateExecutor(connection=gone)

    @pytest.fixture
    def task(self, shop):
        return shop.add

    @pytest.fixture
    def foreign_task(self):
        return lambda number: number

    def sent(self, executor):
        return executor.jobs.numbers


def recorded(task, *args):
    """An intent that has not left."""
    with airlock.scope(executor=airlock.testing.RecordingExecutor()) as scope:
        airlock.enqueue(task, *args)
    return scope.intents[0]


def test_calling_it_sends_one(shop, jobs):
    """The executor is a callable that sends one intent and returns procrastinate's own job."""
    receipt = ProcrastinateExecutor()(recorded(shop.add, 1))

    assert isinstance(receipt, procrastinate.jobs.Job)
    assert [receipt.id] == jobs.rows("id")


def test_calling_it_raises(shop, jobs):
    """What keeps one from leaving is raised by the call."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        ProcrastinateExecutor()(recorded(shop.add, {1}))

    assert jobs.rows("id") == []
