"""Questions about callables: is it a coroutine function, does it take these arguments."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any

from airlock_core.errors import IntentError
from airlock_core.names import name_of

COROUTINE = 0x80 | 0x100  # inspect.CO_COROUTINE | CO_ITERABLE_COROUTINE, without its import


def unwrapped(function: Any) -> Any:
    """Return the function inside partials and bound methods."""
    while isinstance(function, functools.partial | MethodType):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    return function


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling it makes a coroutine; sees through partials, methods and `__call__`."""
    if type(function) is FunctionType:  # as most are: 150 ns less
        return bool(function.__code__.co_flags & COROUTINE)
    function = unwrapped(function)
    if not isinstance(function, FunctionType):
        call = getattr(type(function), "__call__", None)  # noqa: B004  (we look into it)
        function = unwrapped(call)
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & COROUTINE)


def is_queue_task(task: Any) -> bool:
    """Whether it looks like a task of some queue: its class knows how to send it.

    Where no plugin claims such a task, running it here would be wrong, and silent.
    """
    kind = task.__class__  # sees through the lazy proxies that queues make
    methods = ("delay", "apply_async", "send_with_options", "defer_async")
    return any(hasattr(kind, method) for method in methods)


class Kind:
    """What a task is that is no plain function; asking a queue's lazy proxy takes 4 µs.

    Attributes:
        task: the task.
        is_coroutine: whether calling it makes a coroutine.
        is_queue_task: whether it looks like a task of some queue.
        has_to_be_asked: whether somebody may have to refuse it.
    """

    __slots__ = ("has_to_be_asked", "is_coroutine", "is_queue_task", "task")

    def __init__(self, task: Any) -> None:
        """Ask."""
        self.task = task
        self.is_coroutine = is_coroutine_function(task)
        self.is_queue_task = is_queue_task(task)
        self.has_to_be_asked = not callable(task) or self.is_coroutine or self.is_queue_task


def check_arguments(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise `IntentError` where `function(*args, **kwargs)` would not fit its signature.

    That of a decorated function is its decorator's, which may well give it further arguments.

    Raises:
        IntentError: the arguments do not fit.
    """
    from inspect import signature

    try:
        expected = signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return  # built-ins without a signature say so themselves when they are called
    try:
        expected.bind(*args, **kwargs)
    except TypeError as error:
        raise IntentError(
            f"{name_of(function)}{expected} does not take these arguments: {error}. "
            "Correct the enqueue() call."
        ) from None
