"""A task that is a row leaves inside the transaction that it waits for, and commits with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.test import TestCase

import airlock
from airlock import State
from airlock_django.tasks import django_tasks_executor
from django_tasks_shop import add
from django_tasks_tables import BACKEND, numbers
from twinapp.models import Row

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other", "pg"])


class Undo(Exception):
    """Ends a block that is to be rolled back."""


def write(number: int, alias: str) -> airlock.Intent:
    """Write a row, and enqueue its twin."""
    Row.objects.using(alias).create(token=str(number))
    return airlock.enqueue(add, number)


def twins(alias: str) -> list[int]:
    """The numbers of the rows that are there."""
    return sorted(int(row.token) for row in Row.objects.using(alias).all())


def seen_from_outside(alias: str) -> int:
    """How many rows another connection sees."""
    other = connections[alias].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM django_tasks_database_dbtaskresult")
            return int(cursor.fetchone()[0])
    finally:
        other.close()


def test_a_scope_inside_the_transaction_leaves_in_it(task_alias: str) -> None:
    """At the scope's end the row is there, for this transaction alone; then it commits with it."""
    with transaction.atomic(using=task_alias):
        with airlock.scope() as scope:
            intent = write(1, task_alias)
            assert numbers() == []
        assert numbers() == [1]
        assert scope.phase is airlock.Phase.FLUSHED
        assert intent.receipt.id == intent.id
        assert seen_from_outside(task_alias) == 0
    assert seen_from_outside(task_alias) == 1


def test_it_is_rolled_back_with_the_transaction(task_alias: str) -> None:
    """The row is gone, as the work is; that it left was true until then."""
    with pytest.raises(Undo), transaction.atomic(using=task_alias):
        with airlock.scope():
            intent = write(1, task_alias)
        assert numbers() == [1]
        raise Undo
    assert numbers() == twins(task_alias) == []
    assert intent.state is State.DISPATCHED


def test_a_scope_around_the_transaction_leaves_after_it(task_alias: str) -> None:
    """It is not in the transaction any more, so that it is like any queue."""
    with airlock.scope():
        with transaction.atomic(using=task_alias):
            write(1, task_alias)
        with pytest.raises(Undo), transaction.atomic(using=task_alias):
            gone = write(2, task_alias)
            raise Undo
        assert numbers() == []
    assert numbers() == twins(task_alias) == [1]
    assert gone.state is State.ROLLED_BACK


def test_a_savepoint_that_was_rolled_back_leaves_nothing(task_alias: str) -> None:
    """Inside the scope: its intent is gone, and the others leave in the transaction."""
    with transaction.atomic(using=task_alias):
        with airlock.scope():
            write(1, task_alias)
            with pytest.raises(Undo), transaction.atomic(using=task_alias):
                gone = write(2, task_alias)
                raise Undo
            with transaction.atomic(using=task_alias):
                write(3, task_alias)
        assert numbers() == [1, 3]
    assert numbers() == twins(task_alias) == [1, 3]
    assert gone.state is State.ROLLED_BACK


def test_a_savepoint_around_the_scope_takes_the_row_along(task_alias: str) -> None:
    """Around the scope: the row was written in it."""
    with transaction.atomic(using=task_alias):
        with pytest.raises(Undo), transaction.atomic(using=task_alias):
            with airlock.scope():
                write(1, task_alias)
            assert numbers() == [1]
            raise Undo
        with airlock.scope():
            write(2, task_alias)
    assert numbers() == twins(task_alias) == [2]


@pytest.mark.parametrize("undone", [True, False], ids=["rolled back", "released"])
def test_a_savepoint_by_hand_that_is_younger_than_the_work(task_alias: str, undone: bool) -> None:
    """A row written in it could be lost with it, and the older work is kept: so that one waits."""
    with transaction.atomic(using=task_alias):
        with airlock.scope() as scope:
            write(1, task_alias)
            savepoint = connections[task_alias].savepoint()
            write(2, task_alias)
        assert scope.phase is airlock.Phase.WAITING
        assert numbers() == [2]
        end = transaction.savepoint_rollback if undone else transaction.savepoint_commit
        end(savepoint, using=task_alias)
    assert sorted(numbers()) == twins(task_alias) == ([1] if undone else [1, 2])


def test_a_savepoint_by_hand_that_is_older_takes_both(task_alias: str) -> None:
    """The row is written in it, as the work is."""
    with transaction.atomic(using=task_alias):
        savepoint = connections[task_alias].savepoint()
        with airlock.scope():
            write(1, task_alias)
        assert numbers() == [1]
        transaction.savepoint_rollback(savepoint, using=task_alias)
    assert numbers() == twins(task_alias) == []


def test_a_scope_that_ends_in_a_savepoint_of_somebody_else_waits(task_alias: str) -> None:
    """It was entered outside of it, and what it has enqueued there is not the savepoint's."""
    scope = airlock.scope()
    with transaction.atomic(using=task_alias):
        scope.enter()
        write(1, task_alias)
        with pytest.raises(Undo), transaction.atomic(using=task_alias):
            scope.exit()
            raise Undo
    assert numbers() == twins(task_alias) == [1]


def test_work_in_another_database_is_waited_for(task_alias: str) -> None:
    """The row cannot commit with it, so it leaves after both commits."""
    with transaction.atomic(using="other"):
        with transaction.atomic(using=task_alias):
            with airlock.scope():
                write(1, task_alias)
            assert numbers() == []
        assert numbers() == []
    assert numbers() == [1]

    with transaction.atomic(using="other"):
        with airlock.scope():
            airlock.enqueue(add, 2)
        assert numbers() == [1]
    assert numbers() == [1, 2]


def test_what_joins_leaves_and_what_does_not_waits(task_alias: str) -> None:
    """One scope may hold both: an effect waits for the commit, a row does not."""
    effects: list[str] = []
    with transaction.atomic(using=task_alias):
        with airlock.scope():
            airlock.enqueue(effects.append, "after")
            write(1, task_alias)
        assert (effects, numbers()) == ([], [1])
    assert effects == ["after"]


def test_an_enclosing_scope_has_the_authority(task_alias: str) -> None:
    """The outermost exit counts: behind the middleware, rows leave after the commit."""
    with airlock.scope():
        with transaction.atomic(using=task_alias), airlock.scope():
            write(1, task_alias)
        assert numbers() == []
    assert numbers() == [1]


def test_a_transaction_that_is_doomed_is_not_joined(task_alias: str) -> None:
    """The scope does not fail for it: its intents are rolled back with the work."""
    with transaction.atomic(using=task_alias):
        with airlock.scope():
            intent = write(1, task_alias)
            transaction.set_rollback(True, using=task_alias)
    assert intent.state is State.ROLLED_BACK
    assert numbers() == twins(task_alias) == []


def test_a_statement_that_failed_and_was_swallowed(task_alias: str) -> None:
    """On PostgreSQL it dooms the transaction, on SQLite it does not: the row does as the work."""
    with transaction.atomic(using=task_alias):
        with airlock.scope():
            write(1, task_alias)
            with pytest.raises(DatabaseError), connections[task_alias].cursor() as cursor:
                cursor.execute("SELECT * FROM nowhere")
    assert numbers() == twins(task_alias)
    assert numbers() == ([] if task_alias == "pg" else [1])


def test_a_row_that_is_refused_does_not_undo_the_work_around_it(
    settings: Any, task_alias: str
) -> None:
    """The error is the scope's; who catches it goes on in the same transaction."""
    settings.AIRLOCK = {"STRICT": False}
    with transaction.atomic(using=task_alias):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            write(1, task_alias)
            refused = airlock.enqueue(add, float("nan"))
        assert list(caught.value.failed) == [refused]
    assert numbers() == twins(task_alias) == [1]


def test_other_backends_wait_for_the_commit(settings: Any, task_alias: str) -> None:
    """And so does a database backend of one's own, of which nobody knows what it does."""
    from django_tasks_db import DatabaseBackend

    class Sending(DatabaseBackend):
        def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
            return super().enqueue(task, args, kwargs)

    globals()["Sending"] = Sending
    package = type(add).__module__.removesuffix(".base")
    settings.TASKS = {
        "default": {"BACKEND": BACKEND},
        "own": {"BACKEND": f"{__name__}.Sending"},
        "dummy": {"BACKEND": f"{package}.backends.dummy.DummyBackend"},
    }
    with transaction.atomic(using=task_alias):
        with airlock.scope():
            own = airlock.enqueue(add, 1, _dispatch_options={"backend": "own"})
            dummy = airlock.enqueue(add, 2, _dispatch_options={"backend": "dummy"})
            assert [django_tasks_executor.joins(intent) for intent in (own, dummy)] == [False] * 2
        assert {own.state, dummy.state} == {State.PENDING}
    assert {own.state, dummy.state} == {State.DISPATCHED}
    assert numbers() == [1]


def test_the_wrapping_transaction_of_a_test_case_is_no_transaction(task_alias: str) -> None:
    """A scope above it leaves at its end; one in a block of its own leaves in that block."""

    class Case(TestCase):
        databases = {task_alias}

        def runTest(self) -> None:
            with airlock.scope():
                airlock.enqueue(add, 1)
            assert numbers() == [1]
            with transaction.atomic(using=task_alias):
                with airlock.scope():
                    airlock.enqueue(add, 2)
                assert numbers() == [1, 2]
            with pytest.raises(Undo), transaction.atomic(using=task_alias):
                with airlock.scope():
                    airlock.enqueue(add, 3)
                raise Undo
            assert numbers() == [1, 2]

    result = Case().run()
    assert result is not None
    assert (result.errors, result.failures, result.testsRun) == ([], [], 1)


def test_an_async_scope_writes_its_rows_off_the_loop(task_alias: str) -> None:
    """The ORM is asked in its own thread, and what was enqueued in a transaction there is kept."""
    from asgiref.sync import async_to_sync, sync_to_async

    @sync_to_async
    def work() -> None:
        with transaction.atomic(using=task_alias):
            write(2, task_alias)

    async def main() -> None:
        async with airlock.scope():
            airlock.enqueue(add, 1)
            await work()

    async_to_sync(main)()
    assert numbers() == [1, 2]
