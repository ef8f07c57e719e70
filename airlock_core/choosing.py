"""Choosing the executor of an intent; the first match wins.

The nearest enclosing scope's explicit executor, the configured one, the plugin that claims the
task's own type, and last the process itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airlock_core import configuration
from airlock_core.calls import is_queue_task
from airlock_core.errors import IntentError, PluginError
from airlock_core.executors import async_executor, sync_executor
from airlock_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from airlock_core.hooks import Hooks
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope


class Explicit:
    """The core's own first answer to `dispatch`: the explicit or the configured executor."""

    @hookimpl(tryfirst=True)
    def dispatch(self, intent: Intent) -> Callable[[Intent], object] | None:
        """Answer where one was named."""
        return explicit_executor(intent)


class Inline:
    """The core's own last answer to `dispatch`: run it here."""

    @hookimpl(trylast=True)
    def dispatch(self, intent: Intent) -> Callable[[Intent], object]:
        """Answer for every intent."""
        return fallback(intent)


def explicit_executor(intent: Intent) -> Callable[[Intent], object] | None:
    """Return the nearest enclosing scope's executor, or the configured one."""
    executor = intent.scope.executor
    if executor is None:
        executor = configuration.current.executor
    return _inline(intent) if executor is sync_executor else executor


def standing_executor(hooks: Hooks, intent: Intent) -> Callable[[Intent], object] | None:
    """Return the executor that carries every intent of a scope, where that is clear from the first.

    It is so for an explicit executor that no plugin wraps, and spares a thousand intents 999
    choices of 300 ns.
    """
    if hooks.wrapped_dispatch:
        return None
    executor = intent.scope.executor
    if executor is None:
        executor = configuration.current.executor
    return None if executor is sync_executor or not callable(executor) else executor


def fallback(intent: Intent) -> Callable[[Intent], object]:
    """Return what carries an intent that nobody claims: it runs here.

    Raises:
        IntentError: it is a task of a queue, whose plugin is missing. Running it here would be
            wrong, and silent.
    """
    if is_queue_task(intent.task):
        kind = type(intent.task)
        raise IntentError(
            f"{intent.name} is a task of a queue ({kind.__module__}.{kind.__qualname__}), and no "
            "loaded plugin carries it. Install the plugin of its queue and look at "
            "AIRLOCK_PLUGINS, or say that it is to run here: executor=airlock.sync_executor."
        )
    return _inline(intent)


def _inline(intent: Intent) -> Callable[[Intent], object]:
    if intent.is_coroutine and intent.scope.root.is_async:
        return async_executor
    return sync_executor


def choose(hooks: Hooks, intent: Intent, scope: Scope) -> Callable[[Intent], Any]:
    """Choose the executor of an intent.

    Args:
        hooks: what to call at the hook `dispatch`.
        intent: the intent.
        scope: the scope that it is about to leave.

    Raises:
        PluginError: a plugin's `dispatch` returned something that is no executor.
        IntentError: it belongs to a queue whose plugin is missing.
    """
    chosen: Any = None
    name = "airlock"
    if not hooks.wrapped_dispatch:
        chosen = explicit_executor(intent)
    if chosen is None:
        for name, function in hooks.dispatch:  # noqa: B007  (told below)
            chosen = function(intent, scope)
            if chosen is not None:
                break
        else:
            chosen = fallback(intent)
    if not callable(chosen) or hasattr(chosen, "__await__"):
        raise PluginError(
            f"the dispatch hook of {name} returned {chosen!r}, which is no executor. "
            "Return a callable that takes an intent, or None."
        )
    executor: Callable[[Intent], Any] = chosen
    return _inline(intent) if executor is sync_executor else executor
