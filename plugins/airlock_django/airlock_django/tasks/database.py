"""The database backend of django-tasks-db, with a scope around each task."""

from __future__ import annotations

from typing import Any

from django_tasks_db.backend import DatabaseBackend

from airlock_django.tasks.execution import ScopedTaskMixin

_Task: Any = DatabaseBackend.task_class  # of Django, or of the backport


class ScopedTask(ScopedTaskMixin, _Task):  # type: ignore[misc]
    """A task that `db_worker` runs in a scope."""

    __slots__ = ()


class ScopedDatabaseBackend(DatabaseBackend):
    """Name it in `TASKS`: `"BACKEND": "airlock_django.tasks.ScopedDatabaseBackend"`."""

    task_class = ScopedTask
