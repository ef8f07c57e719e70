"""`LegacyTaskShim`: a task class whose `.delay()` goes through airlock, to migrate task by task."""

from __future__ import annotations

from typing import Any

from celery import Task

from airlock import NoScopeError, get_current_scope
from airlock_celery.calls import Call
from airlock_celery.deprecation import warn_at
from airlock_celery.ownership import asking_frame


class LegacyTaskShim(Task):  # type: ignore[misc]  # Celery ships no annotations
    """Base class of tasks whose `.delay()` and `.apply_async()` become `airlock.enqueue()`.

    `@app.task(base=LegacyTaskShim)`. With a task class of your own, name the shim first:
    `class Task(LegacyTaskShim, OwnTask)`. Retries, replacements and whatever else the worker itself
    sends are left alone.
    """

    abstract = True

    def apply_async(self, *positional: Any, **named: Any) -> Any:
        """Enqueue the task in the current scope, and warn at the caller's line.

        Returns:
            The `AsyncResult` of the task that will be sent; waiting for it inside the scope
            would wait for ever.

        Raises:
            NoScopeError: no scope is active here.
        """
        call = Call(super().apply_async, positional, named)
        caller = asking_frame(self.app, self.name, call.options)
        if caller is None:
            return super().apply_async(*positional, **named)
        if get_current_scope() is None:
            raise NoScopeError(
                f"{self.name} is made with LegacyTaskShim and was called outside any scope at "
                f"{caller.f_code.co_filename}:{caller.f_lineno}. Put the work in `with "
                "airlock.scope():`, or take the shim off the task."
            )
        warn_at(
            caller,
            f"{self.name} is made with LegacyTaskShim: write airlock.enqueue({self.__name__}, ...) "
            "instead of .delay() or .apply_async().",
        )
        return call.enqueue_task(caller, self)
