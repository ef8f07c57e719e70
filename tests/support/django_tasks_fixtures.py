"""The database backend of Django's tasks in the tests' own process, on SQLite and PostgreSQL.

pytest_plugins = ["django_tasks_fixtures"]

def test_a_task(task_alias):  # once for each database
    ...
    assert rows() == [...]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_tasks_tables import ALIASES, BACKEND, Router


@pytest.fixture(scope="module")
def task_tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The app is installed, and its table is there, in both databases."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings

    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "django_tasks_db"]):
        with django_db_blocker.unblock():
            for alias in ALIASES:
                call_command("migrate", "django_tasks_database", database=alias, verbosity=0)
        yield


@pytest.fixture(params=ALIASES)
def task_alias(
    request: pytest.FixtureRequest,
    task_tables: None,
    transactional_db: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Each case on SQLite and on PostgreSQL: the database that the rows go to."""
    alias: str = request.param
    monkeypatch.setattr(Router, "alias", alias)
    settings.DATABASE_ROUTERS = [Router()]
    settings.TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default", "emails"]}}
    return alias
