"""A scope around each execution of a task: success flushes, failure discards."""

from __future__ import annotations

import pydoc
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import airlock

# What the package has brought whose function the worker calls next.
_arriving: ContextVar[Mapping[str, Any] | None] = ContextVar("airlock_django_q", default=None)


class ScopedTask:
    """A function, or its dotted path, that a worker calls in a scope.

    It travels in the place of the function. An error of the flush is raised from within it, so
    that it is the task's own: django-q takes the task for failed.

    Args:
        function: a function, or the dotted path of one.
    """

    def __init__(self, function: Any) -> None:
        """Keep the function."""
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with what the package has brought, and flush what it has enqueued."""
        meta = _arriving.get()
        _arriving.set(None)  # a task that it calls like a function brings nothing
        function = self._found()
        if function is None:
            raise ValueError(f"Function {self.function} is not defined")
        with airlock.received(meta), airlock.scope(name=f"task {self}"):
            return function(*args, **kwargs)

    def _found(self) -> Any:
        return self.function if callable(self.function) else pydoc.locate(self.function)

    def __getattr__(self, name: str) -> Any:
        """Look like the function to the receivers of django-q's signals."""
        return getattr(self._found(), name)

    def __str__(self) -> str:
        """Return the name by which django-q logs, saves and shows the function."""
        from django_q.utils import get_func_repr

        return str(get_func_repr(self.function))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the function alone."""
        return type(self), (self.function,)


def arrives(*, task: Mapping[str, Any], **_: Any) -> None:
    """Note what a package has brought: a receiver of django-q's `pre_execute`."""
    _arriving.set(task.get("meta"))
