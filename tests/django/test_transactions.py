"""An intent leaves when its row is committed, and not otherwise: one case at a time."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

import airlock
from airlock import State
from twinapp.models import Row

pytestmark = pytest.mark.django_db(
    transaction=True, databases=["default", "other", "pg", "pg_other"]
)

sent: list[str] = []


def effect(token: str) -> None:
    """Note that the effect ran, and that it ran after the commit."""
    assert not any(connection.in_atomic_block for connection in connections.all())
    sent.append(token)


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    sent.clear()


@pytest.fixture(params=["default", "pg"])
def alias(request: pytest.FixtureRequest) -> str:
    """Each case on SQLite and on PostgreSQL."""
    return str(request.param)


def write(token: str, alias: str) -> airlock.Intent:
    """Write a row and enqueue its twin."""
    Row.objects.using(alias).create(token=token)
    return airlock.enqueue(effect, token)


def test_a_scope_around_the_transaction_leaves_after_it(alias: str) -> None:
    """The effect runs at the scope's end, after the commit."""
    with airlock.scope():
        with transaction.atomic(using=alias):
            write("a", alias)
        assert sent == []
    assert sent == ["a"]


def test_a_scope_inside_the_transaction_waits_for_the_commit(alias: str) -> None:
    """The scope has ended, and its effect waits for the commit."""
    with transaction.atomic(using=alias):
        with airlock.scope() as scope:
            intent = write("a", alias)
        assert sent == []
        assert scope.phase is airlock.Phase.WAITING
        assert intent.state is State.PENDING
    assert sent == ["a"]
    assert scope.phase is airlock.Phase.FLUSHED


def test_a_transaction_that_rolls_back_takes_its_effects_along(alias: str) -> None:
    """The scope around it succeeds, and the effect of the transaction that failed is gone."""
    with airlock.scope():
        write("kept", alias)
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            intent = write("gone", alias)
            raise ZeroDivisionError
    assert sent == ["kept"]
    assert intent.state is State.ROLLED_BACK


def test_a_waiting_scope_ends_with_the_rollback(alias: str) -> None:
    """A scope that waits inside a transaction is settled when that rolls back."""
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        with airlock.scope() as scope:
            intent = write("gone", alias)
        raise ZeroDivisionError
    assert sent == []
    assert scope.phase is airlock.Phase.FLUSHED
    assert intent.state is State.ROLLED_BACK


def test_a_savepoint_that_is_rolled_back_takes_only_its_own(alias: str) -> None:
    """Rows before and after the savepoint are there, and so are their effects."""
    with airlock.scope(), transaction.atomic(using=alias):
        write("before", alias)
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            write("inside", alias)
            raise ZeroDivisionError
        write("after", alias)
    assert sent == ["before", "after"]


def test_a_manual_savepoint_counts_as_well(alias: str) -> None:
    """A savepoint by hand, rolled back, undoes the effects since the savepoint, though Django keeps
    the `on_commit` callbacks that were registered since then."""
    with airlock.scope(), transaction.atomic(using=alias):
        write("before", alias)
        outer = connections[alias].savepoint()
        write("undone", alias)
        inner = connections[alias].savepoint()
        write("undone too", alias)
        connections[alias].savepoint_commit(inner)
        connections[alias].savepoint_rollback(outer)
        write("after", alias)
    assert sent == ["before", "after"]
    assert set(Row.objects.using(alias).values_list("token", flat=True)) == set(sent)


def test_a_savepoint_from_before_the_first_enqueue_is_known(alias: str) -> None:
    """Rolling back to a savepoint that is older than the first enqueue undoes that."""
    with airlock.scope(), transaction.atomic(using=alias):
        sid = connections[alias].savepoint()
        write("undone", alias)
        connections[alias].savepoint_rollback(sid)
    assert sent == []


def test_one_scope_is_one_batch_after_the_commit(alias: str) -> None:
    """However many savepoints there were, the executor is given one run."""
    runs: list[int] = []

    class Counting(airlock.Executor):
        supports_many = True

        def dispatch_many(self, intents: Any) -> list[str]:
            runs.append(len(intents))
            return [intent.id for intent in intents]

        def __call__(self, intent: airlock.Intent) -> str:
            return intent.id

    with transaction.atomic(using=alias), airlock.scope(executor=Counting()):
        for number in range(20):
            with transaction.atomic(using=alias):
                write(str(number), alias)
    assert runs == [20]


def test_a_block_without_savepoint_that_fails_dooms_the_whole(alias: str) -> None:
    """`atomic(savepoint=False)` fails and is caught: the transaction rolls back without an error."""
    with airlock.scope(), transaction.atomic(using=alias):
        write("a", alias)
        with (
            pytest.raises(ZeroDivisionError),
            transaction.atomic(using=alias, savepoint=False),
        ):
            write("b", alias)
            raise ZeroDivisionError
    assert sent == []
    assert not Row.objects.using(alias).exists()


def test_set_rollback_discards(alias: str) -> None:
    """`set_rollback(True)` rolls back without an exception."""
    with airlock.scope(), transaction.atomic(using=alias):
        write("a", alias)
        transaction.set_rollback(True, using=alias)
    assert sent == []


def test_a_swallowed_error_of_the_orm_rolls_back(alias: str) -> None:
    """An `IntegrityError` that is caught inside the block leaves nothing behind."""
    with airlock.scope(), pytest.raises(transaction.TransactionManagementError):
        with transaction.atomic(using=alias):
            write("a", alias)
            with pytest.raises(IntegrityError):
                Row.objects.using(alias).create(token="a")
            Row.objects.using(alias).exists()
    assert sent == []


def test_a_swallowed_error_of_a_raw_cursor_is_seen_on_postgresql() -> None:
    """PostgreSQL answers COMMIT with a rollback. Django takes it for a commit, airlock does not."""
    with airlock.scope(), transaction.atomic(using="pg"):
        intent = write("a", "pg")
        with pytest.raises(IntegrityError), connections["pg"].cursor() as cursor:
            cursor.execute("INSERT INTO twinapp_row (token) VALUES ('a')")
    assert not Row.objects.using("pg").exists()
    assert sent == []
    assert intent.state is State.ROLLED_BACK


def test_a_swallowed_error_of_a_raw_cursor_is_harmless_on_sqlite() -> None:
    """SQLite goes on after the failed statement, and so do row and effect."""
    with airlock.scope(), transaction.atomic():
        write("a", "default")
        with pytest.raises(IntegrityError), connections["default"].cursor() as cursor:
            cursor.execute("INSERT INTO twinapp_row (token) VALUES ('a')")
    assert Row.objects.count() == 1
    assert sent == ["a"]


def test_sqlite_that_rolls_back_by_itself_is_seen() -> None:
    """`INSERT OR ROLLBACK` ends the transaction behind Django's back."""
    with airlock.scope(), transaction.atomic():
        write("a", "default")
        with pytest.raises(IntegrityError), connections["default"].cursor() as cursor:
            cursor.execute("INSERT OR ROLLBACK INTO twinapp_row (token) VALUES ('a')")
    assert not Row.objects.exists()
    assert sent == []


def test_a_callback_of_somebody_else_that_raises_loses_nothing(alias: str) -> None:
    """Another library's `on_commit` callback raises before ours: the rows are committed, so the
    effects leave."""

    def broken() -> None:
        raise RuntimeError("a cache is down")

    with pytest.raises(RuntimeError, match="a cache is down"), transaction.atomic(using=alias):
        transaction.on_commit(broken, using=alias)
        with airlock.scope():
            write("a", alias)
    assert Row.objects.using(alias).count() == 1
    assert sent == ["a"]


def test_our_place_among_the_callbacks_is_kept(alias: str) -> None:
    """What was registered before runs before, and what was registered after runs after."""
    order: list[str] = []
    with transaction.atomic(using=alias):
        transaction.on_commit(lambda: order.append("before"), using=alias)
        with airlock.scope():
            airlock.enqueue(order.append, "effect")
        transaction.on_commit(lambda: order.append("after"), using=alias)
    assert order == ["before", "effect", "after"]


def test_a_commit_that_fails_sends_nothing() -> None:
    """A constraint that is checked at COMMIT fails: no row, no effect."""
    with connections["pg"].cursor() as cursor:
        cursor.execute("CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    try:
        with airlock.scope(), pytest.raises(IntegrityError), transaction.atomic(using="pg"):
            write("a", "pg")
            with connections["pg"].cursor() as cursor:
                cursor.execute("INSERT INTO late VALUES (1), (1)")
        assert sent == []
    finally:
        with connections["pg"].cursor() as cursor:
            cursor.execute("DROP TABLE late")


def test_a_connection_that_is_lost_sends_nothing(alias: str) -> None:
    """The connection is closed inside the block: the database rolls back by itself."""
    with airlock.scope():
        with pytest.raises(DatabaseError), transaction.atomic(using=alias):
            intent = write("a", alias)
            connections[alias].close()
            Row.objects.using(alias).exists()
    assert sent == []
    assert intent.state is State.ROLLED_BACK


def test_a_backend_that_is_killed_sends_nothing() -> None:
    """PostgreSQL ends the session before the COMMIT."""
    with airlock.scope(), pytest.raises(DatabaseError), transaction.atomic(using="pg"):
        write("a", "pg")
        with connections["pg"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with connections["pg_other"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    connections["pg"].close()
    assert sent == []


@pytest.mark.parametrize("pair", [("default", "other"), ("pg", "pg_other")])
@pytest.mark.parametrize("failing", [None, 0, 1])
def test_two_databases_are_both_waited_for(pair: tuple[str, str], failing: int | None) -> None:
    """An effect enqueued inside two transactions leaves only if both commit."""
    outer, inner = pair
    with airlock.scope() as scope:
        try:
            with transaction.atomic(using=outer):
                with transaction.atomic(using=inner):
                    write("a", outer)
                    if failing == 1:
                        transaction.set_rollback(True, using=inner)
                assert sent == []
                if failing == 0:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
    assert sent == (["a"] if failing is None else [])
    assert [intent.held for intent in scope.intents] == [False]


def test_using_limits_what_is_waited_for() -> None:
    """`using=` names the databases; a transaction of another one is not waited for."""
    with transaction.atomic(using="other"):
        with airlock.scope(using=["default"]):
            airlock.enqueue(sent.append, "at once")
        assert sent == ["at once"]


def test_using_an_unknown_database_is_an_error() -> None:
    """The error lists the aliases there are."""
    with pytest.raises(airlock.ConfigurationError, match="There are: default, other"):
        airlock.scope(using=["defalt"])


def test_manual_transaction_management_is_an_error_at_the_enqueue(alias: str) -> None:
    """With `set_autocommit(False)` nobody can tell when the rows are committed."""
    transaction.set_autocommit(False, using=alias)
    try:
        with airlock.scope(), pytest.raises(airlock.IntentError, match="autocommit is off"):
            airlock.enqueue(effect, "a")
        with (
            airlock.scope(),
            transaction.atomic(using=alias),
            pytest.raises(airlock.IntentError, match="autocommit is off"),
        ):
            airlock.enqueue(effect, "a")
    finally:
        transaction.rollback(using=alias)
        transaction.set_autocommit(True, using=alias)


def test_a_durable_block_is_a_transaction_like_any_other(alias: str) -> None:
    """`durable=True` changes nothing."""
    with airlock.scope(), transaction.atomic(using=alias, durable=True):
        write("a", alias)
    assert sent == ["a"]


def test_two_transactions_in_one_scope_are_told_apart(alias: str) -> None:
    """The first rolls back, the second commits, and the scope sends what the second wrote."""
    with airlock.scope():
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            write("first", alias)
            raise ZeroDivisionError
        with transaction.atomic(using=alias):
            write("second", alias)
    assert sent == ["second"]


def test_a_plain_scope_waits_as_well(alias: str) -> None:
    """The rule belongs to the process, not to `DjangoScope`."""
    with transaction.atomic(using=alias):
        with airlock.Scope():
            write("a", alias)
        assert sent == []
    assert sent == ["a"]


def test_nested_scopes_across_transactions(alias: str) -> None:
    """The inner scope is captured: its effects wait for its transaction and the outer's exit."""
    with transaction.atomic(using=alias):
        with airlock.scope() as outer:
            with transaction.atomic(using=alias), airlock.scope():
                write("inner", alias)
            write("outer", alias)
        assert sent == []
        assert outer.phase is airlock.Phase.WAITING
    assert sent == ["inner", "outer"]


def test_an_effect_that_writes_and_enqueues_is_held_to_the_same_rule(alias: str) -> None:
    """An effect opens a transaction of its own: what it enqueues leaves if that commits."""

    def cascade(fail: bool) -> None:
        with transaction.atomic(using=alias):
            write(f"from cascade {fail}", alias)
            transaction.set_rollback(fail, using=alias)

    with airlock.scope():
        airlock.enqueue(cascade, True)
        airlock.enqueue(cascade, False)
    assert sent == ["from cascade False"]


def test_enqueueing_in_a_callback_of_the_commit(alias: str) -> None:
    """An `on_commit` callback enqueues into the scope that is still open."""
    with airlock.scope():
        with transaction.atomic(using=alias):
            transaction.on_commit(lambda: write("late", alias), using=alias)
        assert sent == []
    assert sent == ["late"]


def test_a_thousand_enqueues_register_one_callback(alias: str) -> None:
    """Registrations at `on_commit` are one per transaction and savepoint, not one per intent."""
    with airlock.scope(executor=lambda intent: 1), transaction.atomic(using=alias):
        for number in range(1000):
            airlock.enqueue(effect, str(number))
        assert len(connections[alias].run_on_commit) == 1
