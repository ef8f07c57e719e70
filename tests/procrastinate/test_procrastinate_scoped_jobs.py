"""Scopes around the jobs of real workers: success flushes, failure and retry discard."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import psycopg
import pytest

import procrastinate_jobs
import procrastinate_workers

_cases = itertools.count()
DONE = ("succeeded", "failed", "aborted")


@pytest.fixture(scope="module")
def database(new_database):
    """A database that workers of this module use."""
    return new_database()


@pytest.fixture(scope="module")
def _scoping(database) -> Iterator[None]:
    with procrastinate_workers.Worker(database.url, "default", scopes=True):
        yield


@pytest.fixture(scope="module")
def _bare(database) -> Iterator[None]:
    with procrastinate_workers.Worker(database.url, "bare", scopes=False):
        yield


class Work:
    """What the workers make of the tasks of one test.

    Args:
        connection: to their database.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.case = f"case {next(_cases)}"

    def does(self, task: str) -> tuple[str, list[str]]:
        """Have a task executed: how its job ended, and what it has sent."""
        row = procrastinate_jobs.app.tasks[task].configure(connection=self.connection)
        procrastinate_job = row.make_new_job(case=self.case)
        query = (
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) "
            "VALUES (%s, %s, jsonb_build_object('case', %s::text)) RETURNING id"
        )
        values = (procrastinate_job.queue, task, self.case)
        number = self.connection.execute(query, values).fetchone()[0]
        deadline = time.monotonic() + 30
        while True:
            query = "SELECT status::text FROM procrastinate_jobs WHERE id = %s"
            status = self.connection.execute(query, (number,)).fetchone()[0]
            if status in DONE:
                return status, self.sent
            assert time.monotonic() < deadline, status
            time.sleep(0.02)

    @property
    def sent(self) -> list[str]:
        query = (
            "SELECT args->>'line' FROM procrastinate_jobs "
            "WHERE task_name = 'record' AND args->>'case' = %s ORDER BY id"
        )
        return [row[0] for row in self.connection.execute(query, (self.case,))]


@pytest.fixture
def work(database, _scoping, _bare) -> Iterator[Work]:
    """The workers, for one test."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        yield Work(connection)


KINDS = pytest.mark.parametrize("kind", ["", "_async"], ids=["sync", "async"])


@KINDS
def test_success_flushes(work, kind):
    """What a job has enqueued leaves when its task has returned."""
    assert work.does(f"succeed{kind}") == ("succeeded", ["left"])


@KINDS
def test_failure_discards(work, kind):
    """What a job had enqueued is gone with what it raised."""
    assert work.does(f"fail{kind}") == ("failed", [])


@KINDS
def test_a_retry_discards_and_happens(work, kind):
    """The failed attempt sends nothing, procrastinate's own retry is not held up, and the next one sends."""
    assert work.does(f"retried{kind}") == ("succeeded", ["attempt 1"])


@KINDS
def test_a_flush_that_fails_fails_the_job(work, kind):
    """The job is not a success while what it asked for has not left: its `retry` is for that, too."""
    assert work.does(f"flushes_badly{kind}") == ("succeeded", ["good"])


@KINDS
def test_a_decorator_does_the_same(work, kind):
    """`@airlock.scoped()` below `@app.task` needs no middleware."""
    assert work.does(f"decorated{kind}") == ("succeeded", ["attempt 1"])


def test_procrastinates_own_defer_is_not_held_back(work):
    """What a task defers without airlock leaves at once, as it always did."""
    assert work.does("own_defer") == ("failed", ["procrastinate's own"])
