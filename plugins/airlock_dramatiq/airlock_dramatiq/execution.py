"""A scope around each execution of an actor: success flushes, failure and retry discard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import dramatiq
from dramatiq.asyncio import async_to_sync

from airlock import received, scope
from airlock_dramatiq.kinds import HAS_SCOPE, coroutine_function_of
from airlock_dramatiq.options import META

# The name of the actor whose message a worker has just taken up, until its execution begins. An
# actor that is called like a function runs in the scope of who calls it.
_begins: ContextVar[str | None] = ContextVar("airlock_dramatiq_begins", default=None)

# What the message has brought, to be taken away again when it has been processed.
_received: ContextVar[AbstractContextManager[None] | None] = ContextVar(
    "airlock_dramatiq_received", default=None
)


class AirlockMiddleware(dramatiq.Middleware):
    """Run actors in scopes: `broker.add_middleware(AirlockMiddleware())`.

    What an actor enqueues leaves when it has succeeded. An exception discards it, and so does a
    retry. Actors that the broker has already get it, too. What travelled with the message, such as
    a request id, is in place meanwhile.
    """

    def after_declare_actor(self, broker: Any, actor: Any) -> None:
        """Wrap the function of an actor. Dramatiq asks this also for those declared before."""
        _execute_in_scopes(actor)

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Note what the worker executes next, in its thread, and put in place what it brought."""
        _begins.set(message.actor_name)
        context = received(message.options.get(META))
        context.__enter__()
        _received.set(context)

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        """Take that away, and forget it where it did not come to that."""
        self._end()

    def after_skip_message(self, broker: Any, message: Any) -> None:
        """Take that away, and forget it where it did not come to that."""
        self._end()

    def _end(self) -> None:
        _begins.set(None)
        context = _received.get()
        if context is not None:
            _received.set(None)
            context.__exit__(None, None, None)


def _execute_in_scopes(actor: Any) -> None:
    """Give an actor a scope for each execution by a worker.

    An error of the flush is the actor's own: its message is retried like any other that failed.
    """
    if getattr(actor.fn, HAS_SCOPE, False):
        return
    coroutine_function = coroutine_function_of(actor.fn)
    if coroutine_function is None:
        actor.fn = _scoped(actor.actor_name, actor.fn)
    else:
        scoped = async_to_sync(_scoped_coroutine(actor.actor_name, coroutine_function))
        actor.fn = _either(actor.actor_name, scoped, actor.fn)
    setattr(actor.fn, HAS_SCOPE, True)


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
