"""The rule of the twin row, on random programs.

No intent ever leaves whose row is not there: a row inserted next to its enqueue, in each database
that was in a transaction at that moment. And every intent that its scopes flush leaves if its
rows are there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import Error, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import airlock
from airlock import State
from twinapp.models import Row

numbers = itertools.count()


class Boom(Exception):
    """What the random programs raise."""


class Stop(BaseException):
    """What they raise instead of KeyboardInterrupt."""


Program = list[Any]


@st.composite
def programs(draw: Any, pair: tuple[str, str]) -> Program:
    """Random trees of scopes, transactions, savepoints, databases and exceptions.

    Dense on purpose: most leaves enqueue, most of what fails is caught further out, and most
    programs are inside a scope and a transaction from the start.
    """

    def one_of(**weights: int) -> str:
        return str(draw(st.sampled_from([name for name, n in weights.items() for _ in range(n)])))

    def alias() -> str:
        return pair[0] if draw(st.integers(0, 3)) else pair[1]

    def block(depth: int) -> Program:
        return [statement(depth) for _ in range(draw(st.integers(1, 4)))]

    def failing(depth: int) -> Program:
        return [*block(depth), ("raise", Boom)]

    def statement(depth: int) -> Any:
        if depth == 0 or one_of(leaf=2, tree=3) == "leaf":
            return leaf()
        kind = one_of(scope=3, atomic=4, savepoint=2, catch=1, failing_atomic=3, failing_scope=1)
        if kind == "scope":
            return ("scope", block(depth - 1))
        if kind == "atomic":
            body = block(depth - 1)
            if one_of(fine=5, spoilt=1) == "spoilt":  # the COMMIT will be a rollback on PostgreSQL
                body.append(("raw error", alias()))
            return ("atomic", alias(), one_of(yes=4, no=1) == "yes", body)
        if kind == "savepoint":
            return ("savepoint", alias(), one_of(back=2, kept=1) == "back", block(depth - 1))
        if kind == "failing_atomic":
            savepoint = one_of(yes=3, no=1) == "yes"
            return ("catch", [("atomic", alias(), savepoint, failing(depth - 1))])
        if kind == "failing_scope":
            return ("catch", [("scope", failing(depth - 1))])
        return ("catch", block(depth - 1))

    def leaf() -> Any:
        kind = one_of(enqueue=24, raw_error=4, orm_error=1, callback=3, doom=1, close=2, stop=1)
        if kind == "enqueue":
            return ("enqueue", draw(st.booleans()))
        if kind == "callback":
            return ("callback", alias(), draw(st.booleans()))
        if kind == "stop":
            return ("raise", draw(st.sampled_from([Boom, Stop])))
        return (kind.replace("_", " "), alias())

    program = block(4)
    for kind in draw(
        st.sampled_from([("s",), ("a", "s"), ("s", "a"), ("s", "a", "b"), ("a", "s", "b")])
    ):
        if kind == "s":
            program = [("scope", program)]
        else:
            program = [("catch", [("atomic", pair[kind == "b"], True, program)])]
    return program


@dataclass
class ScopeRecord:
    """A scope of the program, and whether it flushed."""

    flushed: bool = False


@dataclass
class Twin:
    """An enqueue: its intent, where its rows were written, and the scopes around it."""

    token: str
    intent: airlock.Intent
    aliases: list[str]
    scopes: tuple[ScopeRecord, ...]
    written: int = 0


@dataclass
class World:
    """One run of a program."""

    pair: tuple[str, str]
    twins: list[Twin] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    scopes: tuple[ScopeRecord, ...] = ()

    def run(self, program: Program) -> None:
        """Run the statements in order."""
        for statement in program:
            getattr(self, "do_" + statement[0].replace(" ", "_"))(*statement[1:])

    def do_scope(self, block: Program) -> None:
        """A scope of its own, inside those around it."""
        record = ScopeRecord()
        before, self.scopes = self.scopes, (*self.scopes, record)
        try:
            with airlock.scope():
                self.run(block)
                record.flushed = True
        except BaseException:
            # Also where the exit itself raised, because the block did not.
            raise
        finally:
            self.scopes = before

    def do_atomic(self, alias: str, savepoint: bool, block: Program) -> None:
        """A transaction, or a savepoint in one."""
        with transaction.atomic(using=alias, savepoint=savepoint):
            self.run(block)

    def do_savepoint(self, alias: str, back: bool, block: Program) -> None:
        """A savepoint by hand, taken back or kept."""
        if not connections[alias].in_atomic_block:
            return self.run(block)
        sid = connections[alias].savepoint()
        self.run(block)
        if back:
            connections[alias].savepoint_rollback(sid)
        else:
            connections[alias].savepoint_commit(sid)
        return None

    def do_catch(self, block: Program) -> None:
        """Swallow what goes wrong inside."""
        with suppress(Exception):
            self.run(block)

    def do_raise(self, error: type[BaseException]) -> None:
        """Fail."""
        raise error

    def do_doom(self, alias: str) -> None:
        """Ask for a rollback without an exception."""
        if connections[alias].in_atomic_block:
            transaction.set_rollback(True, using=alias)

    def do_raw_error(self, alias: str) -> None:
        """A statement fails in a raw cursor, and the error is swallowed."""
        with suppress(Error), connections[alias].cursor() as cursor:
            cursor.execute("INSERT INTO twinapp_row (token) VALUES (NULL)")

    def do_orm_error(self, alias: str) -> None:
        """A statement fails in the ORM, and the error is swallowed."""
        with suppress(Error):
            Row(token=None).save(using=alias)

    def do_callback(self, alias: str, raises: bool) -> None:
        """Another library's callback at the commit."""

        def callback() -> None:
            if raises:
                raise Boom

        transaction.on_commit(callback, using=alias)

    def do_close(self, alias: str) -> None:
        """The connection goes away."""
        connections[alias].close()

    def do_enqueue(self, row_first: bool) -> None:
        """Enqueue, and write the twin rows next to it."""
        if not self.scopes:
            return
        token = f"t{next(numbers)}"
        inside = [alias for alias in self.pair if connections[alias].in_atomic_block]
        aliases = inside or [self.pair[0]]
        if row_first:
            self._write(token, aliases)
        intent = airlock.enqueue(self.sent.append, token)
        twin = Twin(token, intent, aliases, self.scopes)
        self.twins.append(twin)
        if not row_first:
            self._write(token, aliases)

    def _write(self, token: str, aliases: list[str]) -> None:
        for alias in aliases:
            Row.objects.using(alias).create(token=token)


@pytest.fixture
def _clean() -> Iterator[None]:
    yield
    for connection in connections.all():
        connection.close()


def _check(pair: tuple[str, str], program: Program) -> None:
    world = World(pair)
    with suppress(Boom, Stop, Error, transaction.TransactionManagementError):
        world.run(program)
    for alias in pair:
        assert not connections[alias].in_atomic_block
    rows = {alias: set(Row.objects.using(alias).values_list("token", flat=True)) for alias in pair}
    for twin in world.twins:
        there = all(twin.token in rows[alias] for alias in twin.aliases)
        flushed = all(record.flushed for record in twin.scopes)
        left = twin.token in world.sent
        assert not left or there, f"{twin} left without its row"
        assert left or not (there and flushed), f"{twin} did not leave: {twin.intent.outcome}"
        assert twin.intent.outcome is not None, f"{twin} has no end"
        assert left == (twin.intent.state is State.DISPATCHED)
    assert len(world.sent) == len(set(world.sent)), "something left twice"
    order = [twin.token for twin in world.twins if twin.token in world.sent]
    if len([s for s in program if s[0] == "scope"]) == 1 and len(program) == 1:
        assert world.sent == order, "one scope sends in the order of the enqueues"


@pytest.mark.usefixtures("_clean")
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(programs(("default", "other")))
def test_twin_rows_on_sqlite(program: Program) -> None:
    """The rule holds on two SQLite databases."""
    _check(("default", "other"), program)


@pytest.mark.usefixtures("_clean")
@pytest.mark.django_db(transaction=True, databases=["pg", "pg_other"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(programs(("pg", "pg_other")))
def test_twin_rows_on_postgresql(program: Program) -> None:
    """The rule holds on two PostgreSQL databases."""
    _check(("pg", "pg_other"), program)
