"""A scope around each execution of a task: success flushes, failure discards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import airlock
from airlock_core.calls import is_coroutine_function
from airlock_django.tasks.kinds import normalize

if TYPE_CHECKING:
    from airlock import Intent

#: The keyword in which `intent.meta` travels, for want of headers. Both ends have the same `TASKS`,
#: so that what the one puts in the other takes out, before the function is called.
META = "_airlock_meta"


class ScopedTaskMixin:
    """Makes the tasks of a backend run in a scope, as its `task_class`.

        class ScopedTask(ScopedTaskMixin, SomeBackend.task_class):
            pass

        class ScopedBackend(SomeBackend):
            task_class = ScopedTask

    What a task enqueues leaves when its function has returned, and is discarded where it raises.
    An error of the flush is the task's own. What plugins carry along, such as a request id, travels
    with the task and is in place around it. Every worker runs a task by its `call()`.
    """

    __slots__ = ()

    func: Any
    module_path: str

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function in a scope, a coroutine function in one that can await."""
        if is_coroutine_function(self.func):
            from asgiref.sync import async_to_sync

            return async_to_sync(self.acall)(*args, **kwargs)
        with airlock.received(kwargs.pop(META, None)):
            with airlock.scope(name=f"task {self.module_path}"):
                result = super().call(*args, **kwargs)  # type: ignore[misc]
                # A result that cannot be stored fails the task: better before the flush than after.
                normalize(self, result)
            return result

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Do what `call()` does, in an event loop."""
        with airlock.received(kwargs.pop(META, None)):
            async with airlock.scope(name=f"task {self.module_path}"):
                result = await super().acall(*args, **kwargs)  # type: ignore[misc]
                normalize(self, result)
            return result


def sent_kwargs(intent: Intent, task: Any) -> dict[str, Any]:
    """Return the keyword arguments of an intent as they are sent, with `meta` where it can travel.

    Args:
        intent: the intent.
        task: its task, with the options of the enqueue.
    """
    if intent.has_meta and isinstance(task, ScopedTaskMixin):
        return {**intent.kwargs, META: dict(intent.meta)}
    return dict(intent.kwargs)
