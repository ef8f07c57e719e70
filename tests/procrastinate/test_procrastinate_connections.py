"""A connection of the caller's: the job is a part of the transaction that is open there."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import procrastinate
import psycopg
import pytest
from procrastinate.exceptions import AlreadyEnqueued

import airlock
import procrastinate_shop
from airlock import State
from airlock_procrastinate import ProcrastinateExecutor

INSERT = "INSERT INTO orders VALUES (1)"


@pytest.fixture
def connection(jobs):
    """A connection that the application has open."""
    with psycopg.connect(jobs.url) as connection:
        yield connection
        connection.rollback()


def orders(jobs) -> int:
    return jobs.connection.execute("SELECT count(*) FROM orders").fetchone()[0]


@pytest.mark.parametrize("autocommit", [False, True])
def test_the_job_commits_with_the_work(shop, jobs, connection, autocommit):
    """At the scope's end it is in the transaction, and others see it when that has committed."""
    connection.autocommit = autocommit
    with connection.transaction():
        with airlock.scope() as scope:
            connection.execute(INSERT)
            airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
            airlock.enqueue(shop.add, 2, _dispatch_options={"connection": connection})
        assert [intent.state for intent in scope.intents] == [State.DISPATCHED] * 2
        assert (orders(jobs), jobs.numbers) == (0, [])

    assert (orders(jobs), jobs.numbers) == (1, [1, 2])
    assert jobs.inserts == [2]


def test_the_job_vanishes_with_the_work(shop, jobs, connection):
    """A transaction that is rolled back after the scope takes the job along."""
    with pytest.raises(ZeroDivisionError), connection.transaction():
        with airlock.scope():
            connection.execute(INSERT)
            airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
        raise ZeroDivisionError

    assert (orders(jobs), jobs.numbers) == (0, [])


def test_a_savepoint_that_is_rolled_back_takes_its_jobs_along(shop, jobs, connection):
    """What the transaction did before and after it stays."""
    options = {"connection": connection}
    with connection.transaction():
        with airlock.scope():
            airlock.enqueue(shop.add, 1, _dispatch_options=options)
        with pytest.raises(ZeroDivisionError), connection.transaction():
            with airlock.scope():
                airlock.enqueue(shop.add, 2, _dispatch_options=options)
            raise ZeroDivisionError
        with airlock.scope():
            airlock.enqueue(shop.add, 3, _dispatch_options=options)

    assert jobs.numbers == [1, 3]


def test_the_first_statement_may_be_the_job(shop, jobs, connection):
    """Where no transaction is open yet, the job begins the caller's, which commits when told to."""
    with airlock.scope():
        airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
    assert jobs.numbers == []
    connection.commit()

    assert jobs.numbers == [1]


def test_in_autocommit_the_job_is_there_at_once(shop, jobs, connection):
    """Outside a transaction, such a connection commits each statement, and so the job."""
    connection.autocommit = True
    with airlock.scope():
        airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})

    assert jobs.numbers == [1]


def test_a_refused_job_leaves_the_transaction_usable(shop, jobs, connection):
    """A lock that is taken fails one job; the work and the other jobs commit."""
    shop.one_at_a_time.defer(number=0)
    with connection.transaction():
        connection.execute(INSERT)
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            for number, task in enumerate((shop.add, shop.one_at_a_time, shop.add), start=1):
                airlock.enqueue(task, number, _dispatch_options={"connection": connection})
        connection.execute(INSERT)

    assert (orders(jobs), jobs.numbers) == (2, [0, 1, 3])
    assert isinstance(caught.value.exceptions[0], AlreadyEnqueued)


def test_a_failed_transaction_takes_no_job(shop, jobs, connection):
    """Where a statement has failed, PostgreSQL takes no other: the flush says so."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})

    assert isinstance(caught.value.exceptions[0], psycopg.errors.InFailedSqlTransaction)
    assert [intent.state for intent in caught.value.failed] == [State.FAILED]


def test_others_leave_by_the_pool(shop, jobs, connection):
    """Only the job that names the connection is a part of its transaction; order is kept."""
    with connection.transaction(force_rollback=True):
        with airlock.scope():
            airlock.enqueue(shop.add, 1)
            airlock.enqueue(shop.add, 2, _dispatch_options={"connection": connection})
            airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]


def test_a_configured_task_has_its_connection(shop, jobs, connection):
    """`task.configure(connection=...)` is as good as the option."""
    with connection.transaction(force_rollback=True):
        with airlock.scope() as scope:
            airlock.enqueue(shop.add.configure(connection=connection), number=1)
        assert scope.intents[0].state is State.DISPATCHED

    assert jobs.numbers == []


def test_an_executor_has_a_connection_for_all(shop, jobs, connection):
    """`ProcrastinateExecutor(connection=...)` serves every job of its scope."""
    with connection.transaction(force_rollback=True):
        with airlock.scope(executor=ProcrastinateExecutor(connection)) as scope:
            airlock.enqueue(shop.add, 1)
        assert scope.intents[0].state is State.DISPATCHED

    assert jobs.numbers == []


def test_an_executor_asks_for_the_current_connection(shop, jobs, connection):
    """A function is asked where the work was enqueued; None stands for the app's own pool."""
    current = contextvars.ContextVar("current", default=None)
    executor = ProcrastinateExecutor(connection=current.get)
    with connection.transaction(force_rollback=True):
        with airlock.scope(executor=executor):
            airlock.enqueue(shop.add, 1)
            current.set(connection)
            airlock.enqueue(shop.add, 2)
            current.set(None)

    assert jobs.numbers == [1]


def test_an_app_that_is_not_open_needs_no_pool(jobs, connection):
    """With a connection of the caller's, the app need not be open."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=jobs.url))
    with connection.transaction():
        with airlock.scope(executor="procrastinate"):
            airlock.enqueue(
                procrastinate_shop.tasks_of(app).add,
                1,
                _dispatch_options={"connection": connection},
            )

    assert jobs.numbers == [1]


@contextlib.contextmanager
def locked(jobs, seconds: float) -> Iterator[None]:
    """For so long nobody else can insert a job."""
    with psycopg.connect(jobs.url) as other:
        other.execute("LOCK TABLE procrastinate_jobs IN EXCLUSIVE MODE")
        ending = threading.Timer(seconds, other.rollback)
        ending.start()
        yield
        ending.join()


def test_the_job_waits_as_the_work_does(shop, jobs, connection):
    """A lock of another transaction is waited for, as with any statement of the caller's."""
    airlock.configure(broker_timeout=0.1)
    with locked(jobs, 0.5), connection.transaction():
        with airlock.scope():
            airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_the_job_waits_as_async_work_does(shop, jobs):
    """On an `AsyncConnection`, too: giving up would leave its transaction in disorder."""
    airlock.configure(broker_timeout=0.1)
    async with await psycopg.AsyncConnection.connect(jobs.url) as connection:
        with locked(jobs, 0.5):
            async with connection.transaction(), airlock.scope():
                airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})

    assert jobs.numbers == [1]


KILLED = """
import os, signal, sys
import procrastinate, psycopg
import airlock, procrastinate_shop

url, when = sys.argv[1:]
app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=url))
shop = procrastinate_shop.tasks_of(app)
with psycopg.connect(url) as connection:
    with connection.transaction():
        with airlock.scope(executor="procrastinate"):
            connection.execute("INSERT INTO orders VALUES (1)")
            airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
        if when == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("when", "left"), [("before the commit", (0, [])), ("after the commit", (1, [1]))]
)
def test_a_kill_loses_both_or_neither(app, jobs, when, left):
    """Killed right before the COMMIT, work and job are gone; right after it, both are there."""
    support = str(Path(__file__).parents[1] / "support")
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), jobs.url, when],
        env={**os.environ, "PYTHONPATH": support},
    )

    assert run.returncode == -signal.SIGKILL
    assert (orders(jobs), jobs.numbers) == left
