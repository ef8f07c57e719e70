"""What belongs to RQ, told without importing it: none of it exists where RQ is not loaded."""

from __future__ import annotations

import sys
from typing import Any

from airlock_core.calls import is_queue_task

# Whose tasks can be called like functions, and would run elsewhere than their queue if RQ did it.
_OTHER_QUEUES = frozenset({"celery", "django_tasks", "dramatiq", "huey", "procrastinate", "taskiq"})


def decorator_of(task: object) -> Any:
    """Return the `@job` decorator of a function, or None.

    RQ gives the function itself back, and keeps the decorator in the closure of its `enqueue`.
    """
    module = sys.modules.get("rq.decorators")
    if module is None:
        return None
    for name in ("enqueue", "delay"):
        for cell in getattr(getattr(task, name, None), "__closure__", None) or ():
            if isinstance(content := _content(cell), module.job):
                return content
    return None


def is_queue(thing: object) -> bool:
    """Whether it is an `rq.Queue`."""
    module = sys.modules.get("rq.queue")
    return module is not None and isinstance(thing, module.Queue)


def is_of_another_queue(task: object) -> bool:
    """Whether it is a task of another queue library."""
    package = type(task).__module__.partition(".")[0]
    return package in _OTHER_QUEUES or is_queue_task(task)


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # empty still: the function is being defined
        return None
