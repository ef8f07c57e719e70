"""What belongs to Django's tasks, told without importing them: none exists where they are not."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

_BASES = ("django.tasks.base", "django_tasks.base")

_COLUMNS = {
    "id", "status", "enqueued_at", "started_at", "finished_at", "args_kwargs", "priority",
    "task_path", "worker_ids", "queue_name", "backend_name", "run_after", "return_value",
    "exception_class_path", "traceback",
}  # fmt: skip


def base_of(thing: object) -> Any:
    """Return the module `base` of the tasks that it is one of, Django's or the backport's.

    Returns:
        The module, or None where it is no task.
    """
    for name in _BASES:
        module = sys.modules.get(name)
        if module is not None and isinstance(thing, module.Task):
            return module
    return None


def backends_of(task: Any) -> Any:
    """Return the backends that a task can name: `task_backends` of its package."""
    return sys.modules[base_of(task).__package__].task_backends


def normalize(task: Any, value: Any) -> Any:
    """Return a value as the tasks' JSON would have it.

    Raises:
        TypeError: it is no JSON.
        ValueError: it is bytes that are no text.
    """
    return base_of(task).normalize_json(value)


def is_database(backend: object) -> bool:
    """Whether it is the database backend of django-tasks-db, or derives from it."""
    module = sys.modules.get("django_tasks_db.backend")
    return module is not None and isinstance(backend, module.DatabaseBackend)


def writes_rows(task: Any) -> bool:
    """Whether enqueueing the task writes one row, and nothing else than the row and its signals.

    Where somebody has a say in it, by a subclass or by replacing `enqueue()`, only they know.
    """
    backend = task.get_backend()
    return (
        is_database(backend)
        and _is_from(_BASES, type(task), "enqueue")
        and _is_from(("django_tasks_db.backend",), type(backend), "enqueue")
        and _is_from(("django_tasks_db.backend",), type(backend), "_task_to_db_task")
        and _makes_ids_here(backend)
        and _has_columns_that_are_known()
    )


def _is_from(modules: tuple[str, ...], cls: type, name: str) -> bool:
    """Whether a method was defined there; what wraps it may look like it, and has other globals."""
    method = getattr(cls, name, None)
    return getattr(method, "__globals__", {}).get("__name__") in modules


def _makes_ids_here(backend: Any) -> bool:
    from django.db.models import Expression

    # An `id_function` may return an expression, for the database to make the id.
    return not backend.options.get("id_function") or not isinstance(backend._get_id(), Expression)


@cache
def _has_columns_that_are_known() -> bool:
    """Whether the table is that of the versions whose rows we make: 0.12 and 0.13."""
    from django_tasks_db.models import DBTaskResult

    return {field.name for field in DBTaskResult._meta.concrete_fields} == _COLUMNS
