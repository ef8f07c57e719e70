"""What became of intents, told when they have their ends: to plugins that watch, and to the log.

The logger `airlock` has a line for each at DEBUG, so that an on-call engineer needs no plugin.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airlock_core.names import name_of

if TYPE_CHECKING:
    from airlock_core.intents import Intent
    from airlock_core.scopes import Scope

logger = logging.getLogger("airlock")


class Observer:
    """Base of a plugin that is told what became of intents, for logs and metrics.

    Register it as any plugin: by an entry point, or with `airlock.register()`.
    """

    def settled(self, scope: Scope, intents: Sequence[Intent]) -> None:
        """Learn that intents have their ends: left, denied, discarded, rolled back or failed.

        Called once for each flush and for each scope that discards, by the thread that did it, also
        by one that runs an event loop: it must not block. What it raises is logged. An intent that
        failed and is sent again is told again.

        Args:
            scope: the outermost scope of the intents.
            intents: the intents, in order, with their outcomes.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define settled(scope, intents)")


_observers: tuple[Observer, ...] = ()


def watch(plugins: Iterable[object]) -> None:
    """Take over which plugins observe."""
    global _observers
    _observers = tuple(plugin for plugin in plugins if isinstance(plugin, Observer))


def is_watched() -> bool:
    """Whether anybody is to be told: otherwise a flush without failures need not be summed up."""
    return bool(_observers) or logger.isEnabledFor(logging.DEBUG)


def settled(scope: Scope, intents: Sequence[Intent]) -> None:
    """Tell whoever watches that intents have their ends."""
    if not intents:
        return
    for observer in _observers:
        try:
            observer.settled(scope, intents)
        except Exception:
            logger.exception("%s failed to observe %r", name_of(observer), scope)
    if logger.isEnabledFor(logging.DEBUG):
        for intent in intents:
            found = facts(intent, scope)
            why = found.get("reason") or found.get("error")
            logger.debug(
                "%s, enqueued at %s: %s%s%s",
                intent.name,
                intent.origin,
                intent.state.value,
                f" by {found['by']}" if "by" in found else "",
                f": {why}" if why else "",
                extra={"airlock": found},
            )


def facts(intent: Intent, scope: Scope) -> dict[str, Any]:
    """Describe how an intent ended, in plain values that hold no secret.

    Returns:
        `task`, `intent_id`, `state`, `scope` and `origin`; `by` and `reason` where it was kept
        back; where it failed `error`, the class alone: a message may show an argument, or the
        password in a broker's address.
    """
    found = {
        "task": intent.name,
        "intent_id": intent.id,
        "state": intent.state.value,
        "scope": scope.name,
        "origin": intent.origin,
    }
    outcome = intent.outcome
    if outcome is not None:
        if outcome.by:
            found["by"] = outcome.by
        if outcome.reason:
            found["reason"] = outcome.reason
        if outcome.error is not None:
            found["error"] = type(outcome.error).__qualname__
    return found
