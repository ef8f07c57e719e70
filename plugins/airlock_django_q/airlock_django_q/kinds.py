"""Whose task something is, told without importing the queue that it belongs to."""

from __future__ import annotations

from types import FunctionType

from airlock_core.calls import is_queue_task

# Whose tasks can be called like functions, and would run elsewhere than their queue.
_OTHER_QUEUES = ("celery", "django.tasks", "django_tasks", "dramatiq", "huey", "procrastinate",
                 "rq", "taskiq")  # fmt: skip


def is_of_another_queue(task: object) -> bool:
    """Whether it is a task of another queue library."""
    module = f"{type(task).__module__}."
    if module.startswith(tuple(f"{name}." for name in _OTHER_QUEUES)) or is_queue_task(task):
        return True
    # RQ's @job and Huey's on_commit_task give plain functions back, with these attributes.
    return isinstance(task, FunctionType) and (
        hasattr(task, "delay") or hasattr(task, "call_local")
    )
