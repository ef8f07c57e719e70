"""With the ORM broker a message is a row: where it is written, and with what it commits."""

from __future__ import annotations

import contextlib
import threading

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django_q.brokers import Broker
from django_q.brokers.orm import ORM
from django_q.conf import Conf

import airlock
import django_q_shop
from airlock_django_q import DjangoQExecutor, django_q_executor
from django_q_packages import packages
from twinapp.models import Row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def enqueue(number, **options):
    return airlock.enqueue(django_q_shop.add, number, _dispatch_options=options)


def numbers():
    return [package["args"][0] for package in packages()]


def states(scope):
    return [intent.state.value for intent in scope.intents]


@contextlib.contextmanager
def rolled_back(**arguments):
    """A transaction or savepoint that is rolled back."""
    with contextlib.suppress(ZeroDivisionError), transaction.atomic(**arguments):
        yield
        raise ZeroDivisionError


@contextlib.contextmanager
def statements():
    """The statements of a block, after it."""
    found = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [query["sql"].partition(" ")[0] for query in captured]


def test_a_scope_inside_the_transaction():
    """Its message is written there, and commits with the rows."""
    with transaction.atomic():
        Row.objects.create(token="a")
        with airlock.scope() as scope:
            enqueue(1)
        assert (states(scope), numbers()) == (["dispatched"], [1])

    assert numbers() == [1]


def test_it_rolls_back_with_the_rows():
    """Rolled back after the scope's end, the message is as gone as the rows are."""
    with rolled_back():
        Row.objects.create(token="a")
        with airlock.scope():
            enqueue(1)
        assert numbers() == [1]

    assert (numbers(), Row.objects.count()) == ([], 0)


def test_a_scope_around_the_transaction():
    """Its messages leave at its end, after the commit."""
    with airlock.scope():
        with transaction.atomic():
            enqueue(1)
        with rolled_back():
            enqueue(2)
        assert numbers() == []

    assert numbers() == [1]


def test_savepoints_that_are_rolled_back():
    """What was enqueued in them is rolled back, and the rest is written in the transaction."""
    with transaction.atomic():
        with airlock.scope() as scope:
            enqueue(1)
            with rolled_back():
                enqueue(2)
            with transaction.atomic():
                enqueue(3)
        assert numbers() == [1, 3]

    assert states(scope) == ["dispatched", "rolled back", "dispatched"]


def test_a_scope_inside_a_savepoint():
    """Its messages share the fate of the savepoint, also where the transaction goes on."""
    with transaction.atomic():
        with transaction.atomic():
            with airlock.scope() as scope:
                enqueue(1)
            assert states(scope) == ["dispatched"]
        with rolled_back():
            with airlock.scope() as scope:
                enqueue(2)
            assert states(scope) == ["dispatched"]

    assert numbers() == [1]


def test_a_savepoint_by_hand_around_a_scope():
    """It takes the message of the scope inside it along, and not that of the next."""
    with transaction.atomic():
        savepoint = connection.savepoint()  # Django has renamed the function over it
        with airlock.scope():
            enqueue(1)
        transaction.savepoint_rollback(savepoint)
        with airlock.scope() as scope:
            enqueue(2)
        assert states(scope) == ["dispatched"]

    assert numbers() == [2]


def test_a_savepoint_by_hand_inside_a_scope():
    """What was enqueued before it waits for the commit: rolled back, it would take the row along."""
    with transaction.atomic():
        scope = airlock.scope()
        scope.enter()
        enqueue(1)
        savepoint = connection.savepoint()  # Django has renamed the function over it
        scope.exit()
        assert states(scope) == ["pending"]
        transaction.savepoint_rollback(savepoint)

    assert (numbers(), states(scope)) == ([1], ["dispatched"])


def test_a_scope_that_ends_in_a_younger_savepoint():
    """What was enqueued before the savepoint is not lost with it."""
    with transaction.atomic():
        scope = airlock.scope()
        scope.enter()
        enqueue(1)
        with rolled_back():
            scope.exit()

    assert (numbers(), states(scope)) == ([1], ["dispatched"])


def test_a_transaction_that_is_set_to_roll_back():
    """Nothing can be written in it, and nothing is to be."""
    with transaction.atomic():
        with airlock.scope() as scope:
            enqueue(1)
            transaction.set_rollback(True)

    assert (numbers(), states(scope)) == ([], ["rolled back"])


def test_a_transaction_that_the_database_has_given_up():
    """After an error that was swallowed, the message is rolled back as the rows are, in silence."""
    sqlite = connection.vendor == "sqlite"  # which ends the transaction, and Django does not see it
    with contextlib.suppress(DatabaseError), transaction.atomic():
        with airlock.scope() as scope:
            Row.objects.create(token="a")
            enqueue(1)
            with contextlib.suppress(DatabaseError):
                connection.cursor().execute(
                    f"INSERT {'OR ROLLBACK' if sqlite else ''} INTO twinapp_row (token) VALUES (NULL)"
                )

    assert (numbers(), states(scope), Row.objects.count()) == ([], ["rolled back"], 0)


def test_the_transaction_of_another_database():
    """A row here is no part of it: the message waits for the commit there."""
    with transaction.atomic(using="other"):
        with airlock.scope() as scope:
            enqueue(1)
        assert (numbers(), states(scope)) == ([], ["pending"])
    assert numbers() == [1]

    with rolled_back(using="other"):
        with airlock.scope():
            enqueue(2)
    assert numbers() == [1]


def test_two_transactions_at_once():
    """A message is written where both have committed."""
    with transaction.atomic():
        with transaction.atomic(using="other"):
            with airlock.scope():
                enqueue(1)
        assert numbers() == []
    with transaction.atomic():
        with rolled_back(using="other"):
            with airlock.scope():
                enqueue(2)

    assert numbers() == [1]


def test_a_broker_in_the_other_database(monkeypatch):
    """The transaction that counts is that of the database that the broker writes to."""
    monkeypatch.setattr(Conf, "ORM", "other")
    with transaction.atomic(using="other"):
        with airlock.scope():
            enqueue(1)
        assert numbers() == [1]
    with transaction.atomic():
        with airlock.scope():
            enqueue(2)
        assert numbers() == [1]

    assert numbers() == [1, 2]


def test_the_transaction_of_another_thread():
    """A scope that ends in a thread of its own cannot write in the transaction of this one."""
    with transaction.atomic():
        scope = airlock.scope()
        scope.enter()
        intent = enqueue(1)
        assert django_q_executor.joins(intent)
        answers = []

        def ask():
            answers.append(django_q_executor.joins(intent))
            connections.close_all()

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        scope.exit()

    assert answers == [False]
    assert numbers() == [1]


def test_what_is_no_row_waits():
    """Tasks that run here, and those for another broker, leave after the commit."""

    class Elsewhere(Broker):
        kept = []

        def enqueue(self, task):
            self.kept.append(task)

    with transaction.atomic():
        with airlock.scope() as scope:
            enqueue(1, sync=True)
            enqueue(2, broker=Elsewhere())
            enqueue(3)
        assert states(scope) == ["pending", "pending", "dispatched"]
        assert not Elsewhere.kept

    assert (numbers(), len(Elsewhere.kept)) == ([3], 1)
    assert states(scope) == ["dispatched"] * 3


def test_an_orm_broker_that_is_given():
    """A broker of that class is as good as the configured one; a class that writes elsewhere is not."""

    class Elsewhere(ORM):
        def enqueue(self, task):
            return super().enqueue(task)

    with transaction.atomic():
        with airlock.scope(executor=DjangoQExecutor(broker=ORM("shop"))) as known:
            enqueue(1)
        with airlock.scope(executor=DjangoQExecutor(broker=Elsewhere("shop"))) as unknown:
            enqueue(2)
        assert (states(known), states(unknown)) == (["dispatched"], ["pending"])

    assert numbers() == [1, 2]


@pytest.mark.parametrize("inside", [False, True])
def test_a_run_is_one_insert(inside):
    """A hundred messages are one INSERT, in a transaction of its own or in a savepoint."""
    transactions = transaction.atomic() if inside else contextlib.nullcontext()
    with transactions:
        scope = airlock.scope()
        scope.enter()
        for number in range(100):
            enqueue(number, cluster="reports" if number % 2 else None)
        with statements() as found:
            scope.exit()

    around = ["SAVEPOINT", "RELEASE"] if inside else ["BEGIN", "COMMIT"]
    assert found == [around[0], "INSERT", around[1]]


def test_an_insert_that_fails_sends_none():
    """All messages of a run are there, or none is: the rest is not tried, and goes on a retry."""
    with connection.execute_wrapper(_refuse_inserts):
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
            for number in range(3):
                enqueue(number)

    assert (numbers(), states(scope)) == ([], ["failed", "undelivered", "undelivered"])
    caught.value.retry()
    assert numbers() == [0, 1, 2]


def test_a_commit_that_fails_is_uncertain(monkeypatch):
    """Whether the database has carried it out nobody knows; it is not sent again by itself."""
    default = connections["default"]  # not Django's proxy, in which pytest sees no attributes
    commit = default.commit

    def commit_and_break():
        commit()
        raise ConnectionError("the line broke")

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        enqueue(1)
        enqueue(2)
        monkeypatch.setattr(default, "commit", commit_and_break)
    monkeypatch.undo()

    assert states(scope) == ["uncertain"] * 2
    caught.value.retry()
    assert numbers() == [1, 2]


def _refuse_inserts(execute, sql, *arguments):
    if sql.startswith("INSERT"):
        raise ConnectionError("refused")
    return execute(sql, *arguments)
