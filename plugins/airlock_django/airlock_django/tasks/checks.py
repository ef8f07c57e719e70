"""System checks: `manage.py check` names what is wrong about Django's tasks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info

from airlock_django import settings
from airlock_django.tasks.execution import ScopedTaskMixin
from airlock_django.tasks.kinds import is_database


def check_tasks(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """E005: the executor has tasks to carry. I002: those that are rows run in a scope."""
    messages: list[CheckMessage] = []
    if settings.get("EXECUTOR") == "django-tasks" and not _has_tasks():
        messages.append(
            Error(
                "AIRLOCK['EXECUTOR'] is 'django-tasks', and there are no Django tasks here.",
                hint="pip install django-tasks, which brings them before Django 6.",
                id="airlock.E005",
            )
        )
    messages += [
        Info(
            f"TASKS[{backend.alias!r}] runs its tasks without a scope, so none of them can "
            "enqueue.",
            hint="Name the BACKEND 'airlock_django.tasks.ScopedDatabaseBackend', or put "
            "@airlock.scoped() below @task where a task enqueues, and ignore this.",
            id="airlock.I002",
        )
        for backend in _database_backends()
        if not issubclass(backend.task_class, ScopedTaskMixin)
    ]
    return messages


def _has_tasks() -> bool:
    return find_spec("django.tasks") is not None or find_spec("django_tasks") is not None


def _database_backends() -> list[Any]:
    if not apps.is_installed("django_tasks_db"):
        return []  # its own check says so
    package = "django.tasks" if find_spec("django.tasks") is not None else "django_tasks"
    try:
        backends = import_module(package).task_backends.all()
    except Exception:  # a BACKEND that cannot be made: their own check says so
        return []
    return [backend for backend in backends if is_database(backend)]
