"""What a real worker does, `manage.py db_worker`: each task in a scope, and none lost or doubled."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import airlock
import django_tasks_processes
import django_tasks_shop as shop
from django_tasks_processes import work_off
from django_tasks_tables import BACKEND, rows
from twinapp.models import Row

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "pg"])


def written(alias: str) -> set[str]:
    """The tokens of the rows that tasks and effects have written."""
    return {row.token for row in Row.objects.using(alias).all()}


def ends() -> dict[str, str]:
    """How each task that asks for others has ended, by its token."""
    return {
        row.args_kwargs["args"][0]: row.exception_class_path or row.status
        for row in rows()
        if row.task_path.startswith("django_tasks_shop.asks")
    }


def test_success_flushes_and_failure_discards(task_alias: str) -> None:
    """Also where the flush is what fails, and where the result cannot be stored."""
    with airlock.scope():
        for end in ("succeeds", "raises", "flush fails", "no JSON"):
            airlock.enqueue(shop.asks, end, end)
            airlock.enqueue(shop.asks_async, f"async {end}", end)
        airlock.enqueue(shop.asks_with_context, "attempt")
    said = work_off(task_alias)
    assert ends() == {
        "succeeds": "SUCCESSFUL",
        "async succeeds": "SUCCESSFUL",
        "attempt": "SUCCESSFUL",
        "raises": "builtins.LookupError",
        "async raises": "builtins.LookupError",
        "flush fails": "airlock.DispatchError",
        "async flush fails": "airlock.DispatchError",
        "no JSON": "builtins.TypeError",
        "async no JSON": "builtins.TypeError",
    }, said
    left = {"succeeds", "async succeeds", "attempt 1", "flush fails", "async flush fails"}
    awaited = {f"{token} awaited" for token in left if token.startswith("async")}
    assert written(task_alias) == {*left, *(f"{token} inline" for token in left), *awaited}


def test_without_a_scope_a_task_cannot_enqueue(task_alias: str) -> None:
    """The plain backend runs a task without one, unless its function has its own."""
    with airlock.scope():
        airlock.enqueue(shop.asks, "none")
        airlock.enqueue(shop.asks_scoped, "scoped")
        airlock.enqueue(shop.asks_scoped, "raises", "raises")
        airlock.enqueue(shop.asks_scoped, "flush fails", "flush fails")
        airlock.enqueue(shop.asks_scoped_async, "async")
    work_off(task_alias, BACKEND)
    assert ends() == {
        "none": "airlock.NoScopeError",
        "scoped": "SUCCESSFUL",
        "raises": "builtins.LookupError",
        "flush fails": "airlock.DispatchError",
        "async": "SUCCESSFUL",
    }
    left = {"scoped", "async", "flush fails"}
    assert written(task_alias) == {*left, *(f"{token} inline" for token in left)}


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_kill_loses_neither_row_nor_task(task_alias: str, when: str) -> None:
    """A process is killed right before or after its commit: both are there, or neither is."""
    program = Path(django_tasks_processes.SUPPORT) / "django_tasks_crashing.py"
    killed = django_tasks_processes.run(task_alias, str(program), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    committed = when == "after the commit"
    assert written(task_alias) == ({"order"} if committed else set())
    assert len(rows()) == committed
    work_off(task_alias)
    assert written(task_alias) == ({"order", "confirmation"} if committed else set())
