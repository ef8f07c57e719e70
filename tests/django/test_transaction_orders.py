"""Scopes and transactions that are entered and left in orders no `with` block would produce."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction

import airlock
from airlock import Phase, State
from twinapp.models import Row

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other", "pg"])

sent: list[str] = []


@pytest.fixture(autouse=True)
def _clear() -> None:
    sent.clear()


@pytest.fixture(params=["default", "pg"])
def alias(request: pytest.FixtureRequest) -> str:
    """Each case on SQLite and on PostgreSQL."""
    return str(request.param)


def write(token: str, alias: str) -> airlock.Intent:
    """Write a row and enqueue its twin."""
    Row.objects.using(alias).create(token=token)
    return airlock.enqueue(sent.append, token)


def rows(alias: str) -> list[str]:
    """The tokens of the rows that are there."""
    return list(Row.objects.using(alias).order_by("id").values_list("token", flat=True))


@pytest.mark.parametrize("fails", [False, True])
def test_a_scope_that_outlives_the_transaction_it_began_in(alias: str, fails: bool) -> None:
    """It is entered inside the block and left after it: what was inside shares its fate."""
    scope = airlock.scope()
    try:
        with transaction.atomic(using=alias):
            scope.enter()
            write("inside", alias)
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    write("after", alias)
    scope.exit()
    assert sent == (["after"] if fails else ["inside", "after"]) == rows(alias)


@pytest.mark.parametrize("fails", [False, True])
def test_a_transaction_that_outlives_the_scope_it_began_in(alias: str, fails: bool) -> None:
    """The block is entered inside the scope and left after it: the scope waits for it."""
    block = transaction.atomic(using=alias)
    with airlock.scope() as scope:
        write("before", alias)
        block.__enter__()
        write("inside", alias)
    assert scope.phase is Phase.WAITING
    assert sent == []
    error = ZeroDivisionError() if fails else None
    block.__exit__(type(error) if error else None, error, None)
    assert sent == (["before"] if fails else ["before", "inside"]) == rows(alias)


def test_a_scope_that_ends_in_another_transaction(alias: str) -> None:
    """It began in one transaction and ends in the next, which it wrote nothing in: it leaves."""
    with transaction.atomic(using=alias):
        scope = airlock.scope().enter()
        write("first", alias)
    with transaction.atomic(using=alias):
        scope.exit()
        assert sent == ["first"]


def test_scopes_that_are_left_crosswise(alias: str) -> None:
    """The outer scope ends before the inner one, across two transactions."""
    with transaction.atomic(using=alias):
        outer = airlock.scope().enter()
        write("outer", alias)
        inner = airlock.scope().enter()
        write("inner", alias)
        outer.exit()
    assert sent == ["outer"]
    inner.exit()
    assert sent == ["outer", "inner"]
    assert airlock.get_current_scope() is None


def test_atomic_as_a_decorator(alias: str) -> None:
    """Around a `@scoped` function and inside of it, used again and again."""

    @transaction.atomic(using=alias)
    @airlock.scoped()
    def around(token: str) -> None:
        write(token, alias)
        assert token not in sent

    @airlock.scoped()
    @transaction.atomic(using=alias)
    def inside(token: str) -> None:
        write(token, alias)
        if token.endswith("fails"):
            raise ZeroDivisionError

    around("a")
    inside("b")
    with pytest.raises(ZeroDivisionError):
        inside("c fails")
    around("d")
    assert sent == ["a", "b", "d"] == rows(alias)


def test_one_block_that_is_entered_twice(alias: str) -> None:
    """Django allows the same `atomic` object to nest in itself."""
    block = transaction.atomic(using=alias)
    with airlock.scope(), block:
        write("outer", alias)
        with pytest.raises(ZeroDivisionError), block:
            write("inner", alias)
            raise ZeroDivisionError
    assert sent == ["outer"] == rows(alias)


@pytest.mark.parametrize("end", ["exhausted", "closed", "thrown into"])
def test_a_generator_that_holds_a_transaction(alias: str, end: str) -> None:
    """It is suspended inside the block. `close()` raises `GeneratorExit` there: a rollback."""

    @airlock.scoped()
    def generate() -> Iterator[int]:
        with transaction.atomic(using=alias):
            write("first", alias)
            yield 1
            write("second", alias)
            yield 2

    generator: Any = generate()
    next(generator)
    assert airlock.get_current_scope() is None
    if end == "exhausted":
        list(generator)
    elif end == "closed":
        generator.close()
    else:
        with pytest.raises(ZeroDivisionError):
            generator.throw(ZeroDivisionError)
    assert sent == (["first", "second"] if end == "exhausted" else []) == rows(alias)


def test_a_generator_that_catches_its_close(alias: str) -> None:
    """The block inside is rolled back by `GeneratorExit`, and the scope around it succeeds."""

    def generate() -> Iterator[None]:
        try:
            with transaction.atomic(using=alias):
                write("inside", alias)
                yield
        except GeneratorExit:
            write("afterwards", alias)

    with airlock.scope() as scope:
        generator: Any = generate()
        next(generator)
        generator.close()
    assert sent == ["afterwards"] == rows(alias)
    assert scope.intents[0].state is State.ROLLED_BACK


def test_two_transactions_that_are_left_crosswise() -> None:
    """Two databases, whose blocks overlap without nesting: the last one sends."""
    first, second = transaction.atomic(), transaction.atomic(using="other")
    with airlock.scope():
        first.__enter__()
        write("a", "default")
        second.__enter__()
        write("b", "other")
    first.__exit__(None, None, None)
    assert sent == []
    second.__exit__(None, None, None)
    assert sent == ["a", "b"]


def test_a_scope_that_flushes_inside_the_transaction(alias: str) -> None:
    """`flush()` decides that it leaves, and the commit when."""
    with transaction.atomic(using=alias):
        with airlock.scope() as scope:
            write("a", alias)
            scope.flush()
            assert sent == []
    assert sent == ["a"]


def test_discarded_inside_and_committed_outside(alias: str) -> None:
    """`discard()` is final: a commit brings nothing back."""
    with transaction.atomic(using=alias):
        with airlock.scope() as scope:
            write("a", alias)
            scope.discard()
    assert sent == []
    assert rows(alias) == ["a"]


def test_a_savepoint_that_is_rolled_back_twice(alias: str) -> None:
    """The same savepoint again and again, with work in between."""
    with airlock.scope(), transaction.atomic(using=alias):
        write("kept", alias)
        sid = connections[alias].savepoint()
        for number in range(3):
            write(f"undone {number}", alias)
            transaction.savepoint_rollback(sid, using=alias)
        write("last", alias)
        transaction.savepoint_commit(sid, using=alias)
    assert sent == ["kept", "last"] == rows(alias)


def test_a_savepoint_that_was_released_inside_one_that_is_rolled_back(alias: str) -> None:
    """What an inner block committed is undone with the outer one."""
    with airlock.scope(), transaction.atomic(using=alias):
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            with transaction.atomic(using=alias):
                write("inner", alias)
            write("between", alias)
            raise ZeroDivisionError
        write("kept", alias)
    assert sent == ["kept"] == rows(alias)
