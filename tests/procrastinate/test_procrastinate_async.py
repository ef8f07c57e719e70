"""`async with`: apps that are open for an event loop, and connections of the caller's in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import procrastinate
import psycopg
import pytest
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.testing import InMemoryConnector

import airlock
import procrastinate_shop
from airlock import State

INSERT = "INSERT INTO orders VALUES (1)"


@contextlib.asynccontextmanager
async def open_shop(url: str, **settings: Any) -> AsyncIterator[SimpleNamespace]:
    """The tasks of an app that is open for this event loop."""
    settings = {"min_size": 1, "max_size": 2, **settings}
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, **settings))
    shop = procrastinate_shop.tasks_of(app)
    shop.app = app
    async with app.open_async():
        yield shop


@contextlib.asynccontextmanager
async def counting_ticks() -> AsyncIterator[list[float]]:
    """When the event loop came round while the block was waiting."""
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(asyncio.get_running_loop().time())

    ticking = asyncio.create_task(tick())
    yield ticks
    ticking.cancel()


@pytest.mark.asyncio
async def test_a_mixed_batch_leaves_in_one_insert(jobs):
    """The pool of the event loop is used, and one statement serves all tasks and queues."""
    async with open_shop(jobs.url) as shop:
        async with airlock.scope() as scope:
            airlock.enqueue(shop.add, 1)
            airlock.enqueue(shop.greet, 2)
            airlock.enqueue(shop.add, 3, _dispatch_options={"queue": "other"})

    assert jobs.inserts == [3]
    assert jobs.rows("queue_name") == ["numbers", "greetings", "other"]
    assert [intent.receipt.id for intent in scope.intents] == jobs.rows("id")


@pytest.mark.asyncio
async def test_a_named_executor_does_it_too(jobs):
    """`executor="procrastinate"` is as good in `async with` as in `with`."""
    async with open_shop(jobs.url) as shop:
        async with airlock.scope(executor="procrastinate"):
            airlock.enqueue(shop.add, 1)

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_an_app_that_is_open_for_blocking_programs_blocks_no_loop(shop, jobs):
    """Its pool is used in a thread: while that waits for PostgreSQL, the loop goes on."""
    airlock.configure(broker_timeout=0.5)
    async with counting_ticks() as ticks:
        with jobs.connection.transaction():
            jobs.connection.execute("LOCK TABLE procrastinate_jobs IN EXCLUSIVE MODE")
            with pytest.raises(airlock.DispatchError) as caught:
                async with airlock.scope():
                    airlock.enqueue(shop.add, 1)
    assert len(ticks) >= 10
    await caught.value.aretry()

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_a_refused_job_fails_alone(jobs):
    """A lock that is taken keeps back no other job."""
    async with open_shop(jobs.url) as shop:
        with pytest.raises(airlock.DispatchError) as caught:
            async with airlock.scope():
                airlock.enqueue(shop.one_at_a_time, 1)
                airlock.enqueue(shop.one_at_a_time, 2)
                airlock.enqueue(shop.add, 3)

    assert jobs.numbers == [1, 3]
    assert isinstance(caught.value.exceptions[0], AlreadyEnqueued)


@pytest.mark.asyncio
async def test_the_job_is_a_part_of_the_callers_transaction(jobs):
    """An `AsyncConnection` carries work and job, which commit or vanish together."""
    async with open_shop(jobs.url) as shop:
        async with await psycopg.AsyncConnection.connect(jobs.url) as connection:
            options = {"connection": connection}
            async with connection.transaction():
                async with airlock.scope() as scope:
                    await connection.execute(INSERT)
                    airlock.enqueue(shop.add, 1, _dispatch_options=options)
                    airlock.enqueue(shop.one_at_a_time, 2, _dispatch_options=options)
                assert [intent.state for intent in scope.intents] == [State.DISPATCHED] * 2
                assert jobs.numbers == []
            assert jobs.numbers == [1, 2]
            with pytest.raises(ZeroDivisionError):
                async with connection.transaction():
                    async with airlock.scope():
                        airlock.enqueue(shop.add, 3, _dispatch_options=options)
                    raise ZeroDivisionError
            async with connection.transaction():
                with pytest.raises(airlock.DispatchError):
                    async with airlock.scope():
                        airlock.enqueue(shop.one_at_a_time, 4, _dispatch_options=options)
                        airlock.enqueue(shop.add, 5, _dispatch_options=options)

    assert jobs.numbers == [1, 2, 5]


@pytest.mark.asyncio
async def test_the_first_statement_may_be_the_job(jobs):
    """It begins the caller's transaction, which commits when told to; and an open app is not needed."""
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=jobs.url))
    shop = procrastinate_shop.tasks_of(app)
    async with await psycopg.AsyncConnection.connect(jobs.url) as connection:
        async with airlock.scope(executor="procrastinate"):
            airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
        assert jobs.numbers == []
        await connection.commit()

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_a_blocking_connection_serves_in_async_code(jobs):
    """A `psycopg.Connection` is used in a thread, also where the app is open for the event loop."""
    async with open_shop(jobs.url) as shop:
        with psycopg.connect(jobs.url) as connection:
            async with airlock.scope():
                airlock.enqueue(shop.add, 1, _dispatch_options={"connection": connection})
            assert jobs.numbers == []

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_a_plain_scope_in_the_loop_is_refused(jobs):
    """It could only wait for the loop that waits for it: the `enqueue` says so."""
    async with open_shop(jobs.url) as shop:
        with airlock.scope(executor="procrastinate"):
            with pytest.raises(airlock.IntentError, match="Use `async with"):
                airlock.enqueue(shop.add, 1)


@pytest.mark.asyncio
async def test_a_plain_scope_in_another_thread_uses_the_loop(jobs):
    """A thread of an async program, such as a blocking endpoint, sends through the app's own loop."""
    async with open_shop(jobs.url) as shop:

        def endpoint() -> None:
            with airlock.scope(executor="procrastinate"):
                airlock.enqueue(shop.add, 1)

        await asyncio.gather(*(asyncio.to_thread(endpoint) for _ in range(5)))

    assert jobs.numbers == [1] * 5


@pytest.mark.asyncio
async def test_a_retry_that_would_wait_for_itself_says_so(jobs):
    """`error.retry()` in the event loop is an error that names `aretry()`, which then sends."""
    jobs.connection.execute("ALTER TABLE procrastinate_jobs RENAME TO away")
    async with open_shop(jobs.url) as shop:
        try:
            with pytest.raises(airlock.DispatchError) as caught:
                async with airlock.scope():
                    airlock.enqueue(shop.add, 1)
        finally:
            jobs.connection.execute("ALTER TABLE away RENAME TO procrastinate_jobs")
        with pytest.raises(airlock.DispatchError, match="1 failed") as again:
            caught.value.retry()
        assert "aretry()" in str(again.value.exceptions[0])
        await again.value.aretry()

    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_many_scopes_at_once(jobs):
    """More flushes than the pool has connections wait for each other, and lose nothing."""
    async with open_shop(jobs.url) as shop:

        async def request(number: int) -> None:
            async with airlock.scope():
                airlock.enqueue(shop.add, number)
                airlock.enqueue(shop.add, number)

        await asyncio.gather(*map(request, range(20)))

    assert sorted(jobs.numbers) == sorted([*range(20), *range(20)])
    assert jobs.inserts == [2] * 20


@pytest.mark.asyncio
async def test_a_cancelled_flush_says_what_became_of_its_jobs(jobs):
    """Cancelled while PostgreSQL inserts, it waits for the answer: what it reports is what is there."""

    async def request() -> None:
        nonlocal scope
        async with airlock.scope() as scope:
            airlock.enqueue(shop.add, 1)

    scope = airlock.scope()
    async with open_shop(jobs.url) as shop:
        with psycopg.connect(jobs.url) as other:
            other.execute("LOCK TABLE procrastinate_jobs IN EXCLUSIVE MODE")
            flushing = asyncio.create_task(request())
            await asyncio.sleep(0.3)
            flushing.cancel()
            await asyncio.sleep(0.1)
            assert not flushing.done()
        with pytest.raises(asyncio.CancelledError):
            await flushing

    assert [intent.state for intent in scope.intents] == [State.DISPATCHED]
    assert jobs.numbers == [1]


@pytest.mark.asyncio
async def test_the_connector_for_tests_is_served(app, shop):
    """`InMemoryConnector` gets the jobs in `async with`, too."""
    memory = InMemoryConnector()
    with app.replace_connector(memory):
        async with airlock.scope():
            airlock.enqueue(shop.add, 1)

    assert [row["args"] for row in memory.jobs.values()] == [{"number": 1}]
