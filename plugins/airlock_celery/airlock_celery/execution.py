"""A scope around each execution of a task: success flushes, failure and retry discard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airlock import DispatchError, scope
from airlock_celery.replacing import defines

# On a task's request: its execution has a scope. A task that calls itself, and a class that calls
# the `__call__` of its base, run in the scope that is there.
_HAS_SCOPE = "_airlock_scope"


def execute(
    task: Any,
    call: Callable[..., Any],
    own_call: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run a task in a scope where a worker executes it, or `task.apply()`.

    An error of the flush is the task's own: it fails before its result is stored and, with
    `acks_late`, before its message is acknowledged.

    Args:
        task: the task.
        call: its `__call__`.
        own_call: whether that is the application's. Celery's tracer goes past its own, straight
            to `run`; its `__call__` would run the task on a copy of the request.
        args: the task's positional arguments.
        kwargs: its keyword arguments.
    """
    request = task.request
    if request.called_directly or getattr(request, _HAS_SCOPE, False):
        return call(*args, **kwargs)
    setattr(request, _HAS_SCOPE, True)
    body = call if own_call or _celerys_call_is_patched() else task.run
    current = scope(name=f"task {task.name}")
    try:
        with current:
            return body(*args, **kwargs)
    except DispatchError as error:
        if error.scope is not current or not getattr(task, "autoretry_for", ()):
            raise
        return _autoretried(task, error)


def _celerys_call_is_patched() -> bool:
    """Whether something other than Celery has replaced `Task.__call__`, to watch executions."""
    from celery import Task

    return Task.__call__.__module__ not in ("celery.app.task", "celery.app.trace")


def _autoretried(task: Any, error: DispatchError) -> Any:
    """Raise the error of a flush where Celery looks at `autoretry_for`: around the body."""
    from celery.app.autoretry import add_autoretry_behaviour

    def body() -> None:
        raise error

    stand_in = _Bodied(task, body)
    add_autoretry_behaviour(stand_in)
    return stand_in.run()


class _Bodied:
    """A task with another body."""

    def __init__(self, task: Any, body: Callable[[], Any]) -> None:
        self._task = task
        self.run = body

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_run":  # the sign of a task that has been given its retries
            raise AttributeError(name)
        return getattr(self._task, name)


def is_executed(task: Any) -> bool:
    """Whether its executions get a scope: those of Celery's own tasks do not.

    All but map and starmap, which call the application's tasks one after the other.
    """
    own = type(task).__module__ == "celery.app.builtins"
    return not own or task.name in ("celery.map", "celery.starmap")


def has_own_call(cls: type) -> bool:
    """Whether a task class, or a base of it in the application, defines a `__call__`."""
    from celery import Task

    bases = (base for base in cls.__mro__ if not issubclass(Task, base))
    return any(defines(base, "__call__") for base in bases)
