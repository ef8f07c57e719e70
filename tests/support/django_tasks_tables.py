"""The table of django-tasks-db, in the database of the test."""

from __future__ import annotations

from typing import Any

ALIASES = ("default", "pg")
BACKEND = "django_tasks_db.DatabaseBackend"


class Router:
    """Sends the rows to the database of the test."""

    alias = "default"

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """Answer for the one table."""
        return Router.alias if model._meta.app_label == "django_tasks_database" else None

    db_for_read = db_for_write


def rows() -> list[Any]:
    """The rows that are there, in the order in which a worker takes them."""
    from django_tasks_db.models import DBTaskResult

    return list(DBTaskResult.objects.all())


def numbers() -> list[int]:
    """The first argument of each."""
    return [row.args_kwargs["args"][0] for row in rows()]
