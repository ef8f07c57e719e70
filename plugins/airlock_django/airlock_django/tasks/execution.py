"""A scope around each execution of a task: success flushes, failure discards."""

from __future__ import annotations

from typing import Any

import airlock
from airlock_core.calls import is_coroutine_function
from airlock_django.tasks.kinds import normalize


class ScopedTaskMixin:
    """Makes the tasks of a backend run in a scope, as its `task_class`.

        class ScopedTask(ScopedTaskMixin, SomeBackend.task_class):
            pass

        class ScopedBackend(SomeBackend):
            task_class = ScopedTask

    What a task enqueues leaves when its function has returned, and is discarded where it raises.
    An error of the flush is the task's own. Every worker runs a task by its `call()`.
    """

    __slots__ = ()

    func: Any
    module_path: str

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function in a scope, a coroutine function in one that can await."""
        if is_coroutine_function(self.func):
            from asgiref.sync import async_to_sync

            return async_to_sync(self.acall)(*args, **kwargs)
        with airlock.scope(name=f"task {self.module_path}"):
            result = super().call(*args, **kwargs)  # type: ignore[misc]
            # A result that cannot be stored fails the task: better before the flush than after.
            normalize(self, result)
        return result

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Do what `call()` does, in an event loop."""
        async with airlock.scope(name=f"task {self.module_path}"):
            result = await super().acall(*args, **kwargs)  # type: ignore[misc]
            normalize(self, result)
        return result
