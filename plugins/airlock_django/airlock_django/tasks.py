"""Django's own tasks as a queue: `django.tasks` of Django 6, and the backport `django-tasks`."""

from __future__ import annotations

import sys
from typing import Any

from airlock import Executor, Intent, IntentError, hookimpl

_MODULES = ("django.tasks.base", "django_tasks.base")


class DjangoTasksExecutor(Executor):
    """Sends through the task's own backend.

    Options are those of `Task.using()`: `priority`, `queue_name`, `run_after`, `backend`.
    """

    # supports_client_id stays False: the backend picks the id in `enqueue`.

    @hookimpl
    def dispatch(self, intent: Intent) -> DjangoTasksExecutor | None:
        """Claim Django's tasks; where their module is not imported, none can exist."""
        return self if _is_task(intent.task) else None

    def check(self, intent: Intent) -> None:
        """Refuse what is no Django task, options it does not have, and values that are no JSON."""
        if not _is_task(intent.task):
            raise IntentError(
                f"{intent.name} is no Django task. Put @task above it, or enqueue it in a scope "
                "with another executor."
            )
        try:
            task = self._prepared(intent)
        except Exception as error:  # unknown to using(), or refused by the backend
            raise IntentError(
                f"{intent.name} does not take these _dispatch_options: {error} "
                "Use those of Task.using() that its backend supports."
            ) from error
        from airlock import get_configuration
        from airlock_core.calls import check_arguments

        if get_configuration().strict:
            arguments = (None, *intent.args) if task.takes_context else intent.args
            check_arguments(task.func, arguments, intent.kwargs)
            _check_json(intent)

    def __call__(self, intent: Intent) -> Any:
        """Enqueue the task; the receipt is its `TaskResult`."""
        return intent.run(self._prepared(intent).enqueue, *intent.args, **intent.kwargs)

    def _prepared(self, intent: Intent) -> Any:
        options = intent.dispatch_options
        return intent.task.using(**options) if options else intent.task


def _is_task(task: Any) -> bool:
    for name in _MODULES:
        module = sys.modules.get(name)
        if module is not None and isinstance(task, module.Task):
            return True
    return False


def _check_json(intent: Intent) -> None:
    import json

    try:
        json.dumps((intent.args, intent.kwargs))
    except (TypeError, ValueError) as error:
        raise IntentError(
            f"{intent.name}: Django's tasks take JSON alone: {error}. Pass keys instead of objects."
        ) from error


django_tasks_executor = DjangoTasksExecutor()
