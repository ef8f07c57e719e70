"""What can be known at the `enqueue` line: the backend, the options, and whether it can travel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_core.calls import check_arguments
from airlock_django.tasks.kinds import base_of, is_database, normalize
from airlock_django.tasks.options import check_options, prepared

if TYPE_CHECKING:
    from airlock import Intent


def check(intent: Intent, strict: bool) -> None:
    """Raise `IntentError` where its backend cannot carry the intent.

    Args:
        intent: the intent.
        strict: whether the arguments are to fit the function, and to be JSON, too.
    """
    if base_of(intent.task) is not None:
        check_options(intent.task, intent.dispatch_options)
    try:
        task = prepared(intent)
        task.get_backend().validate_task(task)
    except IntentError:
        raise
    except Exception as error:  # each backend has its own, and a wrong type fails anyhow
        raise IntentError(
            f"{intent.name} cannot be carried by the backend {_alias(intent)!r} of TASKS: "
            f"{str(error).rstrip('.')}. Correct @task or _dispatch_options, or choose another "
            "backend."
        ) from error
    if is_database(task.get_backend()):
        check_row(task)
    if strict:
        # The worker gives the context, the caller does not.
        arguments = (None, *intent.args) if task.takes_context else intent.args
        check_arguments(task.func, arguments, intent.kwargs)
        check_json(intent, task, allow_nan=False)


def check_row(task: Any) -> None:
    """Raise `IntentError` where a worker would not find the task of a row."""
    from django.apps import apps
    from django.utils.module_loading import import_string

    if not apps.is_installed("django_tasks_db"):
        raise IntentError(
            f"{task.module_path} goes to django-tasks-db, which has no table here. Add "
            "'django_tasks_db' to INSTALLED_APPS, and migrate."
        )
    try:
        found = import_string(task.module_path)
    except ImportError:
        found = None
    if base_of(found) is None:
        raise IntentError(
            f"a worker looks for a task at {task.module_path}, and there is none. Put @task above "
            "the function itself, in a module that the worker can import."
        )


def check_json(intent: Intent, task: Any, *, allow_nan: bool) -> None:
    """Raise `IntentError` where the arguments are no JSON.

    Args:
        intent: the intent.
        task: its task.
        allow_nan: whether to let NaN and the infinities pass, which some backends can carry.
    """
    try:
        value = normalize(task, [intent.args, intent.kwargs])
        if not allow_nan:
            json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise IntentError(
            f"{intent.name}: Django's tasks take JSON alone: {error}. Pass keys instead of objects."
        ) from error


def _alias(intent: Intent) -> str:
    alias: str = intent.dispatch_options.get("backend") or intent.task.backend
    return alias
