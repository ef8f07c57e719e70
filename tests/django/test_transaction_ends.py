"""How transactions end: interrupted, closed, nested in callbacks, by the thousand."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, close_old_connections, connections, transaction

import airlock
from airlock import State
from airlock_django.ledgers import TransactionHold
from twinapp.models import Row

pytestmark = pytest.mark.django_db(
    transaction=True, databases=["default", "other", "memory", "pg", "pg_other"]
)

sent: list[str] = []


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()


@pytest.fixture(params=["default", "pg"])
def alias(request: pytest.FixtureRequest) -> str:
    """Each case on SQLite and on PostgreSQL."""
    return str(request.param)


def effect(token: str) -> None:
    """Note that the effect ran, outside every transaction and in autocommit."""
    for connection in connections.all(initialized_only=True):
        assert not connection.in_atomic_block
        assert connection.connection is None or connection.autocommit
    sent.append(token)


def write(token: str, alias: str) -> airlock.Intent:
    """Write a row and enqueue its twin."""
    Row.objects.using(alias).create(token=token)
    return airlock.enqueue(effect, token)


def rows(alias: str) -> list[str]:
    """The tokens of the rows that are there."""
    return list(Row.objects.using(alias).order_by("id").values_list("token", flat=True))


def test_work_after_a_close_is_rolled_back_as_well(alias: str) -> None:
    """The connection went away inside the block: no statement tells of its end any more."""
    with airlock.scope() as scope:
        with transaction.atomic(using=alias):
            connections[alias].close()
            intent = airlock.enqueue(effect, "after the close")
        assert intent.rolled_back
    assert scope.phase is airlock.Phase.FLUSHED
    assert intent.state is State.ROLLED_BACK
    assert sent == []


def test_a_database_in_memory_is_never_closed() -> None:
    """Django ignores `close()` there, and the transaction goes on to its commit."""
    with airlock.scope(), transaction.atomic(using="memory"):
        write("a", "memory")
        connections["memory"].close()
    assert rows("memory") == ["a"]
    assert sent == ["a"]


def test_an_effect_may_open_transactions_of_its_own(alias: str) -> None:
    """Two scopes wait for one commit; the first one's effect opens a transaction, and the second
    one's effects neither run inside it nor share its fate."""

    def opens(token: str) -> None:
        with transaction.atomic(using=alias):
            Row.objects.using(alias).create(token=token)
            assert sent == []
            transaction.set_rollback(True, using=alias)
        effect(token)

    with transaction.atomic(using=alias):
        with transaction.atomic(using=alias), airlock.scope():
            airlock.enqueue(opens, "first")
        with transaction.atomic(using=alias), airlock.scope():
            write("second", alias)
    assert sent == ["first", "second"]
    assert rows(alias) == ["second"]


def test_a_callback_may_open_a_transaction_and_enqueue(alias: str) -> None:
    """`on_commit` callbacks with scopes and transactions of their own, three deep."""

    def callback(depth: int) -> None:
        with transaction.atomic(using=alias), airlock.scope():
            write(f"depth {depth}", alias)
            if depth < 3:
                transaction.on_commit(lambda: callback(depth + 1), using=alias)

    with transaction.atomic(using=alias), airlock.scope():
        write("depth 0", alias)
        transaction.on_commit(lambda: callback(1), using=alias)
    assert sent == [f"depth {depth}" for depth in range(4)] == rows(alias)


def test_a_savepoint_whose_release_fails(alias: str) -> None:
    """The database refuses to release a savepoint: Django rolls back to it, and raises."""
    connection = connections[alias]
    with airlock.scope(), transaction.atomic(using=alias):
        write("before", alias)
        with pytest.raises(Error), transaction.atomic(using=alias):
            write("inside", alias)
            if alias == "default":  # SQLite has no failed transactions: let the release fail
                cursor = connection.cursor()
                cursor.execute(f"RELEASE {connection.savepoint_ids[-1]}")
                cursor.execute(f"SAVEPOINT {connection.savepoint_ids[-1]}_renamed")
            else:
                with pytest.raises(Error):
                    connection.cursor().execute("SELECT * FROM missing")
        if alias == "pg":
            write("after", alias)
    assert sent == rows(alias)


@pytest.mark.parametrize("committed", [True, False])
def test_an_interrupted_commit_on_sqlite(committed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before or after the COMMIT: SQLite commits when Django goes back to autocommit, so the
    row is there, and its effect leaves with it."""
    _interrupt_commit("default", committed, monkeypatch)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        with airlock.scope():
            intent = write("a", "default")
    assert rows("default") == ["a"] == sent
    assert intent.state is State.DISPATCHED


@pytest.mark.parametrize("committed", [True, False])
def test_an_interrupted_commit_on_postgresql(
    committed: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can tell whether the COMMIT arrived: the effect is held back, and that is logged."""
    _interrupt_commit("pg", committed, monkeypatch)
    with pytest.raises((KeyboardInterrupt, Error)), transaction.atomic(using="pg"):
        with airlock.scope():
            intent = write("a", "pg")
    connections["pg"].close()
    assert sent == []
    assert intent.state is State.ROLLED_BACK
    assert rows("pg") == (["a"] if committed else [])
    assert "a COMMIT on the database 'pg' was interrupted" in caplog.text
    with transaction.atomic(using="pg"), airlock.scope():
        write("b", "pg")
    assert sent == ["b"]


def _interrupt_commit(alias: str, committed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    original = connections[alias]._commit

    def commit() -> None:
        if committed:
            original()
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(connections[alias], "_commit", commit)


def test_an_interrupted_effect_stops_no_other_scope(alias: str) -> None:
    """Ctrl-C in one effect that a commit has released: the other scopes' effects still leave."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), transaction.atomic(using=alias):
        with airlock.scope():
            airlock.enqueue(interrupted)
        with airlock.scope():
            write("shares the hold", alias)
        with transaction.atomic(using=alias), airlock.scope():
            write("has one of its own", alias)
    assert sent == ["shares the hold", "has one of its own"]


def failing(intent: airlock.Intent) -> None:
    """An executor whose broker is down."""
    raise ConnectionError


def test_an_error_after_a_rollback_replaces_nothing(
    settings: Any, alias: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The block's own error comes out, and not that of a scope which the rollback has released."""
    settings.AIRLOCK = {"RAISE_DISPATCH_ERRORS": True}
    with airlock.scope() as scope:
        scope.executor = failing
        airlock.enqueue(effect, "was free to leave")
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            airlock.enqueue(effect, "waits")
            scope.exit()
            raise ZeroDivisionError
    assert [intent.state for intent in scope.intents] == [State.FAILED, State.ROLLED_BACK]
    assert "was free" not in caplog.text
    assert "ConnectionError" in caplog.text


def test_an_error_after_a_commit_comes_out_of_its_own_block(settings: Any, alias: str) -> None:
    """With `RAISE_DISPATCH_ERRORS`, not of a transaction that another callback opens meanwhile."""
    settings.AIRLOCK = {"RAISE_DISPATCH_ERRORS": True}
    order: list[str] = []

    def callback() -> None:
        with transaction.atomic(using=alias), airlock.scope(executor=lambda intent: 1):
            write("in a callback", alias)
        order.append("the callback succeeded")

    with pytest.raises(airlock.DispatchError), transaction.atomic(using=alias):
        with airlock.scope(executor=failing):
            write("a", alias)
        transaction.on_commit(callback, using=alias)
    assert order == ["the callback succeeded"]
    assert rows(alias) == ["a", "in a callback"]


def test_without_the_setting_a_commit_never_raises(
    alias: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The work is committed; what did not leave is in the log, and in the scope."""
    with transaction.atomic(using=alias), airlock.scope(executor=failing) as scope:
        write("a", alias)
    assert isinstance(scope.error, airlock.DispatchError)
    assert f"id={scope.intents[0].id}" in caplog.text


def test_connections_that_are_renewed(alias: str) -> None:
    """`CONN_MAX_AGE` closes the connection between requests; the rule holds on the next one."""
    for number in range(3):
        with airlock.scope(), transaction.atomic(using=alias):
            write(str(number), alias)
        connections[alias].close_at = time.monotonic() - 1
        close_old_connections()
        assert connections[alias].connection is None
        with airlock.scope(), pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            write("undone", alias)
            raise ZeroDivisionError
    assert sent == ["0", "1", "2"] == rows(alias)


def test_a_connection_that_threads_share(alias: str) -> None:
    """A thread is lent the connection of another, in its transaction: its effect waits for that."""
    lent = connections[alias]
    lent.inc_thread_sharing()

    def work() -> None:
        connections[alias] = lent
        write("by the thread", alias)

    with airlock.scope():
        with transaction.atomic(using=alias):
            thread = threading.Thread(target=airlock.carry(work))
            thread.start()
            thread.join()
            assert sent == []
    lent.dec_thread_sharing()
    assert sent == ["by the thread"] == rows(alias)


def test_everything_is_let_go_after_the_commit(alias: str) -> None:
    """Neither holds nor intents stay in memory."""
    before = _holds_in_memory()
    with transaction.atomic(using=alias):
        for number in range(50):
            with transaction.atomic(using=alias), airlock.scope():
                intent = weakref.ref(write(str(number), alias))
        with airlock.scope(), pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            undone = weakref.ref(write("undone", alias))
            raise ZeroDivisionError
    after = _holds_in_memory()
    assert intent() is None
    assert undone() is None
    assert after <= before
    ledger = connections[alias]._airlock_ledger
    assert [ledger._holds, ledger._marks, ledger._ended, ledger._errors] == [[], {}, [], []]


def _holds_in_memory() -> int:
    gc.collect()
    return sum(type(thing) is TransactionHold for thing in gc.get_objects())


def _seconds(work: Callable[[int], None], count: int) -> float:
    """Measure the processor's time: what else the machine does is not counted."""
    began = time.process_time()
    work(count)
    return time.process_time() - began


@pytest.mark.parametrize("doomed", [False, True])
def test_thousands_of_savepoints_are_linear(doomed: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Ten times as many savepoints with an effect in each cost about ten times as much, also
    where PostgreSQL rolls them all back at the COMMIT."""
    caplog.set_level(logging.CRITICAL)

    def work(count: int) -> None:
        with airlock.scope(executor=lambda intent: sent.append("x") or 1):
            with transaction.atomic(using="pg"):
                for _ in range(count):
                    with transaction.atomic(using="pg"):
                        airlock.enqueue(effect, "x")
                if doomed:
                    with pytest.raises(Error), connections["pg"].cursor() as cursor:
                        cursor.execute("SELECT * FROM missing")

    work(100)
    sent.clear()
    few = min(_seconds(work, 500) for _ in range(3))
    many = _seconds(work, 5_000)
    assert len(sent) == (0 if doomed else 6_500)
    assert many < few * 10 * 4


def test_savepoints_that_are_never_released_are_linear() -> None:
    """Manual savepoints may stay open by the thousand."""
    connection = connections["default"]

    def work(count: int) -> None:
        with airlock.scope(executor=lambda intent: 1), transaction.atomic():
            airlock.enqueue(effect, "x")
            ledger = connection._airlock_ledger
            sids = [
                ledger._savepoint(lambda number=number: f"s{number}") for number in range(count)
            ]
            for sid in sids:
                ledger._savepoint_commit(lambda sid: None, sid)

    few = min(_seconds(work, 1_000) for _ in range(3))
    assert _seconds(work, 20_000) < few * 20 * 4
