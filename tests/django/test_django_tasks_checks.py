"""What the rows of a worker need is checked at the `enqueue`, and by `manage.py check`."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

import airlock
from airlock_django.tasks import ScopedTaskMixin
from django_tasks_shop import add, task
from django_tasks_tables import BACKEND, rows

pytest_plugins = ["django_tasks_fixtures"]

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "pg"])

SCOPED = "airlock_django.tasks.ScopedDatabaseBackend"


def said(*tasks_backends: str) -> list[tuple[str | None, str]]:
    """What the checks say about Django's tasks with these backends."""
    backends = {f"number {n}": {"BACKEND": path} for n, path in enumerate(tasks_backends)}
    with override_settings(TASKS=backends):
        found = run_checks(tags=["airlock"])
    return [(message.id, message.msg) for message in found if "asks" in message.msg]


@pytest.mark.usefixtures("task_tables")
def test_a_database_backend_without_scopes() -> None:
    """I002 names it, and how its tasks get them."""
    assert said(SCOPED, BACKEND) == [
        (
            "airlock.I002",
            "TASKS['number 1'] runs its tasks without a scope, so none of them can enqueue.",
        )
    ]


@pytest.mark.usefixtures("task_tables")
def test_backends_that_have_nothing_to_be_said_about() -> None:
    """One with scopes, one that is no database, one that its own check complains about."""
    package = type(add).__module__.removesuffix(".base")
    assert said(SCOPED) == []
    assert said(f"{package}.backends.dummy.DummyBackend") == []
    assert said("nowhere.Backend") == []


def test_an_executor_without_tasks(run_django: Any) -> None:
    """E005 says what brings them, where neither Django nor the backport has them."""
    settings = """
        import sys

        sys.modules["django.tasks"] = sys.modules["django_tasks"] = None
        AIRLOCK = {"EXECUTOR": "django-tasks"}
    """
    done = run_django("check", settings=settings)
    assert "airlock.E005" in done.stderr, done.stderr
    assert "pip install django-tasks" in done.stderr


def hidden(function: Any) -> Any:
    """A decorator above @task that gives a function back."""
    return function.func


@hidden
@task
def covered(number: int) -> None:
    """Its name leads to a function, not to a task."""


@functools.partial(lambda made: [made])
@task
def listed(number: int) -> None:
    """Its name leads to a list."""


nowhere = task(covered)


@pytest.mark.parametrize("lost", [nowhere, listed[0]], ids=["a function", "a list"])
@pytest.mark.usefixtures("task_alias")
def test_a_task_that_no_worker_would_find(lost: Any) -> None:
    """The backend itself would notice it when the row is there already."""
    with airlock.scope():
        with pytest.raises(airlock.IntentError, match="a worker looks for a task at"):
            airlock.enqueue(lost, 1)
    assert rows() == []


@pytest.mark.usefixtures("task_alias")
def test_a_table_that_is_not_installed(settings: Any) -> None:
    """The `enqueue` says which app is missing."""
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_tasks_db"]
    with airlock.scope(), pytest.raises(airlock.IntentError, match="INSTALLED_APPS, and migrate"):
        airlock.enqueue(add, 1)


def test_a_task_with_scopes_is_a_task() -> None:
    """`using()` keeps its class, which can be found by its name, as pickle has to."""
    with override_settings(TASKS={"default": {"BACKEND": SCOPED}}):
        made = task(covered)
        assert isinstance(made, ScopedTaskMixin)
        changed = made.using(priority=3)
        assert (type(changed), changed.priority) == (type(made), 3)
        assert pickle.loads(pickle.dumps(type(made))) is type(made)
