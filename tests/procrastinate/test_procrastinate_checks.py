"""What the executor refuses at the `enqueue` line, and what it says."""

from __future__ import annotations

import asyncio
from datetime import datetime

import procrastinate
import psycopg
import pytest

import airlock
import procrastinate_shop
from airlock_procrastinate import ProcrastinateExecutor


def refused(task, *args, **kwargs) -> str:
    """What the `enqueue` says that is refused."""
    with airlock.scope(executor="procrastinate") as scope:
        with pytest.raises(airlock.IntentError) as caught:
            airlock.enqueue(task, *args, **kwargs)
    assert len(scope) == 0
    return str(caught.value)


def test_a_plain_function_is_no_task(shop):
    """It says how to make one."""
    assert "Put @app.task above its function" in refused(print, 1)
    assert "is no procrastinate task" in refused("add", 1)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"que": "a"}, "no option 'que'. Did you mean 'queue'? It has: connection, lock"),
        ({"task_kwargs": {"number": 1}}, "Give the task's arguments to enqueue() itself"),
        ({"queue": 5}, "queue=5 in _dispatch_options must be of type str"),
        ({"priority": "high"}, "must be of type int"),
        ({"priority": True}, "must be of type int"),
        ({"schedule_in": 60}, "must be of type Mapping"),
        ({"schedule_in": {"minuts": 5}}, "minuts"),
        ({"schedule_at": datetime(2030, 1, 1)}, "Timezone aware datetime"),
        ({"connection": "postgresql://"}, "must be a psycopg.Connection"),
    ],
)
def test_options_that_procrastinate_does_not_take(shop, options, what):
    """They are those of `task.configure()`, and of their types."""
    assert what in refused(shop.add, 1, _dispatch_options=options)


def test_two_times_are_one_too_many(shop):
    """`schedule_at` and `schedule_in` exclude each other, as procrastinate says."""
    options = {"schedule_at": datetime.now().astimezone(), "schedule_in": {"hours": 1}}

    assert "Cannot set both" in refused(shop.add, 1, _dispatch_options=options)


def test_a_configured_task_takes_no_further_options(shop):
    """It has its options already."""
    task = shop.add.configure(queue="urgent")

    assert "Give them to configure()" in refused(task, number=1, _dispatch_options={"lock": "a"})


def test_an_app_that_is_not_open(jobs):
    """It says how to open it, for blocking programs and for others."""
    for connector in (procrastinate.SyncPsycopgConnector, procrastinate.PsycopgConnector):
        app = procrastinate.App(connector=connector(conninfo=jobs.url))

        assert "is not open. Call app.open()" in refused(procrastinate_shop.tasks_of(app).add, 1)


def test_an_app_that_is_closed(jobs, make_app):
    """An app whose pool was closed is not open."""
    app = make_app(jobs.url)
    app.connector.pool.close()

    assert "is not open" in refused(app.shop.add, 1)


def test_an_app_without_a_connector():
    """It says what is missing."""
    app = procrastinate.App(connector=None)

    assert "has no connector" in refused(procrastinate_shop.tasks_of(app).add, 1)


def test_a_task_without_an_app():
    """A blueprint's task can be enqueued when an app has taken it."""
    shop = procrastinate_shop.tasks_of(procrastinate.Blueprint())

    assert "belongs to no app yet. Call app.add_tasks_from" in refused(shop.add, 1)


def test_arguments_that_cannot_be_encoded_are_refused_where_strict(shop):
    """With `strict`, what JSON does not take is an error at the line that gives it."""
    airlock.configure(strict=True)

    said = refused(shop.add, {1})
    assert said.startswith("procrastinate cannot encode the arguments of")
    assert "not JSON serializable" in said


def test_an_async_connection_needs_an_async_scope(shop, jobs):
    """A plain `with` cannot await it."""

    async def enqueue() -> str:
        async with await psycopg.AsyncConnection.connect(jobs.url) as connection:
            return refused(shop.add, 1, _dispatch_options={"connection": connection})

    assert "Use `async with airlock.scope()`" in asyncio.run(enqueue())


def test_the_executors_own_connection_is_checked():
    """What is no connection, and no function that returns one, is refused where it is given."""
    for nonsense in ("postgresql://", 5, psycopg.Connection):
        with pytest.raises(airlock.ConfigurationError, match=r"psycopg\.Connection"):
            ProcrastinateExecutor(connection=nonsense)
