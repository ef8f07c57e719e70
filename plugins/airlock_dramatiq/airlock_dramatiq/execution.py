"""A scope around each execution of an actor: success flushes, failure and retry discard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from airlock import scope
from airlock_core.calls import is_coroutine_function

# The name of the actor whose message a worker has just taken up, until its execution begins. An
# actor that is called like a function runs in the scope of who calls it.
_begins: ContextVar[str | None] = ContextVar("airlock_dramatiq_begins", default=None)

# On the function of an actor: its executions have a scope.
_HAS_SCOPE = "_airlock_has_scope"


def begin(actor_name: str | None) -> None:
    """Note that a worker executes an actor next, or that it does not come to that."""
    _begins.set(actor_name)


def execute_in_scopes(actor: Any) -> None:
    """Give an actor a scope for each execution by a worker.

    An error of the flush is the actor's own: its message is retried like any other that failed.

    Args:
        actor: the actor, whose `fn` is replaced once.
    """
    if getattr(actor.fn, _HAS_SCOPE, False):
        return
    coroutine_function = _coroutine_function_of(actor.fn)
    if coroutine_function is None:
        actor.fn = _scoped(actor.actor_name, actor.fn)
    else:
        from dramatiq.asyncio import async_to_sync

        scoped = async_to_sync(_scoped_coroutine(actor.actor_name, coroutine_function))
        actor.fn = _either(actor.actor_name, scoped, actor.fn)
    setattr(actor.fn, _HAS_SCOPE, True)


def function_of(actor: Any) -> Callable[..., Any]:
    """Return the function that an actor was made from, from under what Dramatiq and airlock add."""
    function: Callable[..., Any] = actor.fn
    if getattr(function, _HAS_SCOPE, False):
        function = function.__wrapped__  # type: ignore[attr-defined]
    return _coroutine_function_of(function) or function


def _scoped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with scope(name=f"actor {name}"):
            return function(*args, **kwargs)

    return _either(name, run, function)


def _scoped_coroutine(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        # In the event loop: what leaves at its end does not block that, and may be awaited.
        async with scope(name=f"actor {name}"):
            return await function(*args, **kwargs)

    return run


def _either(
    name: str, scoped: Callable[..., Any], function: Callable[..., Any]
) -> Callable[..., Any]:
    """Call the one where a worker executes the actor, and the other where anybody calls it."""

    @wraps(function)
    def execute(*args: Any, **kwargs: Any) -> Any:
        if _begins.get() != name:
            return function(*args, **kwargs)
        _begins.set(None)
        return scoped(*args, **kwargs)

    return execute


def _coroutine_function_of(function: Any) -> Callable[..., Any] | None:
    """Return the `async def` that Dramatiq has wrapped, or None where it is a plain function."""
    module = sys.modules.get("dramatiq.asyncio")
    if module is None or getattr(function, "__globals__", None) is not vars(module):
        return None
    inner: Callable[..., Any] | None = getattr(function, "__wrapped__", None)
    return inner if is_coroutine_function(inner) else None
