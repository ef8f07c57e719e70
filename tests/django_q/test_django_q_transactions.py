"""With the ORM broker a message is a row, and commits with the rows beside it."""

from __future__ import annotations

import signal

import pytest

from django_q_projects import on_sqlite

KILLED_AFTER_THE_COMMIT = """
import os, signal
from django.db import connection, transaction
import airlock, django_q_shop
from twinapp.models import Row

commit = connection.commit
def commit_and_die():
    commit()
    os.kill(os.getpid(), signal.SIGKILL)
connection.ensure_connection()

with transaction.atomic():
    {around}
        Row.objects.create(token="a")
        airlock.enqueue(django_q_shop.add, 1)
    connection.commit = commit_and_die
"""

WHAT_IS_THERE = """
from django_q_packages import packages
from twinapp.models import Row
print(Row.objects.count(), len(packages()))
"""


@pytest.fixture
def make(make_project, tmp_path, postgres):
    """A function that makes a project with two databases."""

    def make(broker):
        if broker == "sqlite":
            default = on_sqlite(tmp_path)
        else:
            default = postgres.create_database("django_q").django
        databases = {"default": default, "other": on_sqlite(tmp_path, "other")}
        return make_project(broker, databases=databases)

    return make


@pytest.mark.parametrize("broker", ["sqlite", "postgres"])
def test_messages_commit_with_the_rows(make, broker):
    """The claims of tests/django_q/inside/transactions.py hold."""
    make(broker).passes("transactions.py")


@pytest.mark.parametrize("broker", ["sqlite", "postgres"])
def test_a_process_that_is_killed_after_the_commit_has_lost_nothing(make, broker):
    """Where the scope ends inside the transaction, row and message are there, both or neither."""
    project = make(broker)
    project.migrate()

    died = project.runs(KILLED_AFTER_THE_COMMIT.format(around="with airlock.scope():"))

    assert died.returncode == -signal.SIGKILL, died.stderr
    assert project.prints(WHAT_IS_THERE) == ["1 1"]


def test_a_process_that_is_killed_before_the_commit_has_sent_nothing(make):
    """The other half of both or neither."""
    project = make("sqlite")
    project.migrate()
    program = KILLED_AFTER_THE_COMMIT.replace("    commit()\n", "", 1)

    died = project.runs(program.format(around="with airlock.scope():"))

    assert died.returncode == -signal.SIGKILL, died.stderr
    assert project.prints(WHAT_IS_THERE) == ["0 0"]
