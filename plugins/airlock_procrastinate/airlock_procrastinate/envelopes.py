"""What travels with a job: in an argument that only `scoped_jobs` knows, and takes out again.

A job has no headers. So it travels where the app itself says that its workers have `scoped_jobs`:
in its `worker_defaults`, which the process that sends knows as the worker does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airlock_procrastinate.kinds import is_task

#: The argument.
META = "_airlock_meta"


def carries_meta(task: Any, middleware: Any) -> bool:
    """Whether the workers of a task's app have a middleware that takes the argument out.

    A deferrer does not know its app.
    """
    if not is_task(task):
        return False
    defaults = getattr(task.blueprint, "worker_defaults", None) or {}
    return middleware in (defaults.get("worker_middleware") or ())


@contextmanager
def opened(arguments: dict[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """Take out what travelled, for as long as the job runs: a job may be tried again."""
    meta: Mapping[str, Any] | None = arguments.pop(META, None)
    try:
        yield meta
    finally:
        if meta is not None:
            arguments[META] = meta
