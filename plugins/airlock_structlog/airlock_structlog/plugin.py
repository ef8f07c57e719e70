"""The plugin: carries ids to the worker, and logs what becomes of intents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import airlock
from airlock import State
from airlock_core.observing import facts
from airlock_structlog.arguments import logged
from airlock_structlog.context import StructlogPropagator, shared
from airlock_structlog.dispatching import LoggedExecutor
from airlock_structlog.logs import is_on, log
from airlock_structlog.settings import current

if TYPE_CHECKING:
    from airlock import Intent, Scope

# What has an event of its own for each intent.
_EVENTS = {
    State.DENIED: "policy_denied",
    State.ROLLED_BACK: "intent_rolled_back",
    State.DISCARDED: "intent_discarded",
}
# What many intents have for one reason, and one event for all of them.
_FAILURES = {
    State.FAILED: "dispatch_failed",
    State.UNDELIVERED: "dispatch_failed",
    State.UNCERTAIN: "dispatch_uncertain",
}


class StructlogPlugin(StructlogPropagator, airlock.Observer):
    """Logs events on structlog's logger `airlock`, with the ids of who asked for the intents."""

    def __init__(self) -> None:
        """Begin."""
        self._last: LoggedExecutor | None = None

    @airlock.hookimpl(trylast=True)
    def intent_created(self, intent: Intent) -> None:
        """Let the ids travel with the intent, and log that there is one."""
        super().intent_created(intent)
        log("debug", "intent_created", partial(_created, intent))

    @airlock.hookimpl(wrapper=True)
    def dispatch(self, intent: Intent) -> Generator[None, Any, Any]:
        """Put around the executor that was chosen what logs its batches."""
        executor = yield
        if not callable(executor) or not is_on():
            return executor
        last = self._last
        if last is None or last.inner is not executor:
            # Kept, since most intents go where the one before went: it takes 1.3 µs to make.
            last = self._last = LoggedExecutor(executor)
        return last

    def settled(self, scope: Scope, intents: Sequence[Intent]) -> None:
        """Log what did not leave and why, and the end of the scope."""
        failed: dict[tuple[State, str], list[Intent]] = {}
        for intent in intents:
            if event := _EVENTS.get(intent.state):
                log("info", event, partial(_settled, intent, scope))
            elif intent.state in _FAILURES:
                # Its class alone: a message may show an argument, or a password in an address.
                error = type(intent.outcome.error).__qualname__ if intent.outcome else ""
                failed.setdefault((intent.state, error), []).append(intent)
        for (state, error), group in failed.items():
            log("error", _FAILURES[state], partial(_failed, group, error, scope))
        log("info", "scope_exit", partial(_exit, intents, scope))


def _created(intent: Intent) -> dict[str, Any]:
    return {
        **shared([intent]),
        "task": intent.name,
        "intent_id": intent.id,
        "scope": intent.scope.name,
        "origin": intent.origin,
        "arguments": logged(intent, current()),
    }


def _settled(intent: Intent, scope: Scope) -> dict[str, Any]:
    fields = {**shared([intent]), **facts(intent, scope)}
    del fields["state"]  # the event says it
    return fields


def _failed(intents: Sequence[Intent], error: str, scope: Scope) -> dict[str, Any]:
    return {
        **shared(intents),
        "scope": scope.name,
        "state": intents[0].state.value,
        "tasks": list(dict.fromkeys(intent.name for intent in intents)),
        "ids": [intent.id for intent in intents],
        "error": error,
    }


def _exit(intents: Sequence[Intent], scope: Scope) -> dict[str, Any]:
    counts = Counter(intent.state for intent in intents)
    if any(state in counts for state in _FAILURES):
        outcome = "failed"
    elif counts.keys() <= {State.DISCARDED}:
        outcome = "discarded"
    else:
        outcome = "flushed"
    return {
        **shared(intents),
        "scope": scope.name,
        "outcome": outcome,
        "counts": {state.value: count for state, count in counts.items()},
    }


#: The one that entry point `structlog` registers.
structlog_plugin = StructlogPlugin()
