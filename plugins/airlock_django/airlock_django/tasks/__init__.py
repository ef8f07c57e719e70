"""Django's own tasks: `django.tasks` of Django 6, and the backport `django-tasks`.

Importing it imports neither, nor the database backend: what needs that is loaded when it is first
asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_django.tasks.execution import ScopedTaskMixin
from airlock_django.tasks.executor import DjangoTasksExecutor, django_tasks_executor

if TYPE_CHECKING:
    from airlock_django.tasks.database import ScopedDatabaseBackend

__all__ = [
    "DjangoTasksExecutor",
    "ScopedDatabaseBackend",
    "ScopedTaskMixin",
    "django_tasks_executor",
]


def __getattr__(name: str) -> Any:
    # It derives from a class of django-tasks-db, so its module imports that.
    if name == "ScopedDatabaseBackend":
        from airlock_django.tasks.database import ScopedDatabaseBackend

        return ScopedDatabaseBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
