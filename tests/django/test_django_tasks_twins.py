"""A task's row is there exactly where its twin is, whatever scopes and transactions do."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import airlock
from django_tasks_shop import add
from django_tasks_tables import numbers, rows
from twinapp.models import Row

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other", "pg"])


class Undo(Exception):
    """Ends a block that is to be rolled back; it is caught right outside of it."""


#: A program is a list of these: a write, or a block around others and whether it is undone.
Node = Any
PROGRAMS = st.recursive(
    st.lists(st.just("write"), min_size=1, max_size=2),
    lambda blocks: st.lists(
        st.one_of(
            st.just("write"),
            st.tuples(st.just("scope"), st.just(False), blocks),
            st.tuples(st.sampled_from(["atomic", "elsewhere"]), st.booleans(), blocks),
            st.tuples(st.sampled_from(["savepoint", "crossing"]), st.booleans(), blocks),
        ),
        min_size=1,
        max_size=4,
    ),
    max_leaves=12,
)


class Runner:
    """Runs a program on one database, with another one beside it."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.connection = connections[alias]
        self.tokens = itertools.count()

    def run(self, program: list[Node]) -> None:
        """Do what each node says."""
        for node in program:
            if node == "write":
                with airlock.scope():  # the enclosing one has the authority, where there is one
                    self.write()
            else:
                kind, undone, inner = node
                getattr(self, kind)(undone, inner)

    def write(self) -> None:
        """Write a row, and enqueue its twin."""
        token = next(self.tokens)
        Row.objects.using(self.alias).create(token=str(token))
        airlock.enqueue(add, token)

    def scope(self, undone: bool, inner: list[Node]) -> None:
        """A scope, whose block succeeds."""
        with airlock.scope():
            self.run(inner)

    def atomic(self, undone: bool, inner: list[Node], using: str = "") -> None:
        """A transaction or a savepoint."""
        try:
            with transaction.atomic(using=using or self.alias):
                self.run(inner)
                if undone:
                    raise Undo
        except Undo:
            pass

    def elsewhere(self, undone: bool, inner: list[Node]) -> None:
        """A transaction on the other database, which commits."""
        self.atomic(False, inner, using="other")

    def savepoint(self, undone: bool, inner: list[Node], crossing: bool = False) -> None:
        """A savepoint that is taken and ended by hand."""
        if not self.connection.in_atomic_block:
            self.run(inner)
            return
        with ExitStack() as scopes:
            if crossing:  # the scope begins before the savepoint, and ends inside of it
                scopes.enter_context(airlock.scope())
                self.write()
            sid = self.connection.savepoint()
            self.run(inner)
            scopes.close()
            end = self.connection.savepoint_rollback if undone else self.connection.savepoint_commit
            end(sid)

    def crossing(self, undone: bool, inner: list[Node]) -> None:
        """A savepoint by hand that outlives the scope in which it was taken."""
        self.savepoint(undone, inner, crossing=True)


@settings(
    max_examples=settings.default.max_examples // 3,  # each is twenty transactions
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=PROGRAMS)
def test_a_task_is_there_where_its_twin_is(task_alias: str, program: list[Node]) -> None:
    """Neither is ever there without the other, and none twice."""
    for row in (*rows(), *Row.objects.using(task_alias).all()):
        row.delete()
    Runner(task_alias).run(program)
    twins = sorted(int(row.token) for row in Row.objects.using(task_alias).all())
    assert sorted(numbers()) == twins
