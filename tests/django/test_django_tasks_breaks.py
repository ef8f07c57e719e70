"""The database goes away while rows are on their way: what left is known, and nothing goes twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction

import airlock
import servers
from airlock import State
from django_tasks_shop import add
from django_tasks_tables import numbers

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "pg"])


@pytest.fixture
def pg(task_alias: str) -> Iterator[Any]:
    """The connection to PostgreSQL that the rows take."""
    yield connections[task_alias]
    connections[task_alias].close()  # one that is broken would break what follows


on_postgresql = pytest.mark.parametrize("task_alias", ["pg"], indirect=True)
on_sqlite = pytest.mark.parametrize("task_alias", ["default"], indirect=True)


def terminate(connection: Any) -> None:
    """End the connection from the other side, as a restart of the server does."""
    own = connection.connection.info.backend_pid
    given = connection.settings_dict
    url = servers.Database(given["NAME"], given["HOST"], given["PORT"], given["USER"]).url
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [own])


@contextmanager
def at_insert(connection: Any, act: Callable[[Any], None], *, after: bool) -> Iterator[list[str]]:
    """Do something right before or right after the first INSERT; list all of them."""
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("INSERT"):
            return execute(sql, params, many, context)
        seen.append(sql)
        if len(seen) == 1 and not after:
            act(connection)
        result = execute(sql, params, many, context)
        if len(seen) == 1 and after:
            act(connection)
        return result

    with connection.execute_wrapper(watch):
        yield seen


@on_postgresql
def test_what_breaks_at_the_insert_has_not_left(pg: Any) -> None:
    """The first has failed, the others were not tried, and a retry sends each once."""
    with at_insert(pg, terminate, after=False):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(3)]
    assert [intent.state for intent in intents] == [
        State.FAILED,
        State.UNDELIVERED,
        State.UNDELIVERED,
    ]
    pg.close()
    caught.value.retry()
    assert numbers() == [0, 1, 2]


@on_postgresql
def test_what_breaks_at_the_commit_is_uncertain(pg: Any) -> None:
    """Nobody knows whether the rows are there, so airlock does not send them again by itself."""
    with at_insert(pg, terminate, after=True):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(3)]
    assert {intent.state for intent in intents} == {State.UNCERTAIN}
    pg.close()
    caught.value.retry()
    assert numbers() == []


@on_postgresql
def test_what_breaks_inside_the_transaction_has_not_left(pg: Any, task_alias: str) -> None:
    """It is rolled back with everything else, and that is no uncertainty."""
    with at_insert(pg, terminate, after=True):
        with pytest.raises(airlock.DispatchError) as caught, transaction.atomic(using=task_alias):
            with airlock.scope():
                airlock.enqueue(add, 1)
                airlock.enqueue(add, 2)
    assert (len(caught.value.failed), len(caught.value.undelivered)) == (1, 1)
    pg.close()
    assert numbers() == []


@on_postgresql
def test_rows_that_have_left_before_it_breaks_are_known(pg: Any, settings: Any) -> None:
    """Each row goes by itself after one was refused: those before the break are dispatched."""
    settings.AIRLOCK = {"STRICT": False}
    values = [1, float("nan"), 3, 4]
    seen = 0

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += sql.startswith("INSERT")
        if seen == 4 and sql.startswith("INSERT"):  # all together, then one, two, and now three
            terminate(pg)
        return execute(sql, params, many, context)

    with pg.execute_wrapper(watch):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, value) for value in values]
    assert [intent.state for intent in intents] == [
        State.DISPATCHED,
        State.FAILED,
        State.FAILED,
        State.UNDELIVERED,
    ]
    pg.close()
    assert numbers() == [1]
    with pytest.raises(airlock.DispatchError):
        caught.value.retry()
    assert numbers() == [1, 3, 4]


@on_sqlite
def test_a_locked_database_is_waited_for_once(task_alias: str) -> None:
    """Not once for each intent, and nothing has left."""
    connection = connections[task_alias]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    other = connection.copy()
    try:
        other.cursor().execute("BEGIN EXCLUSIVE")
        with at_insert(connection, lambda connection: None, after=False) as tried:
            with pytest.raises(airlock.DispatchError, match="locked") as caught, airlock.scope():
                for number in range(3):
                    airlock.enqueue(add, number)
    finally:
        other.close()
        connection.close()
    assert len(tried) == 1
    caught.value.retry()
    assert numbers() == [0, 1, 2]


@on_postgresql
def test_another_backend_leaves_all_the_same(pg: Any, settings: Any) -> None:
    """A run may hold tasks of several backends, and one that is down does not keep back others."""
    package = type(add).__module__.removesuffix(".base")
    dummy = {"BACKEND": f"{package}.backends.dummy.DummyBackend"}
    settings.TASKS = {**settings.TASKS, "dummy": dummy}
    with at_insert(pg, terminate, after=False):
        with pytest.raises(airlock.DispatchError), airlock.scope():
            one = airlock.enqueue(add, 1)
            other = airlock.enqueue(add, 2, _dispatch_options={"backend": "dummy"})
            third = airlock.enqueue(add, 3)
    assert [intent.state for intent in (one, other, third)] == [
        State.FAILED,
        State.DISPATCHED,
        State.FAILED,
    ]
    pg.close()
    assert numbers() == []
