"""The results of calls that are held: waiting for one where it is held would wait for ever."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airlock import ScopeStateError, get_current_scope

if TYPE_CHECKING:
    from airlock import Intent, Scope

# Whatever waits: the methods of a result, and of the result of a group.
_WAITING = ("get", "wait", "get_leaf", "collect", "join", "join_native", "iter_native", "iterate")

# What `apply_async` has returned for the intents of these ids, as long as somebody keeps it.
_held: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def held(result: Any, intent: Intent) -> Any:
    """Have a result, and those it is made of, refuse to wait where the intent is held.

    Args:
        result: Celery's result object.
        intent: the intent that has to leave first.

    Returns:
        The same object.
    """
    _held[intent.id] = result
    for part in _parts(result):
        for name in _WAITING:
            if hasattr(part, name):
                setattr(part, name, _Guarded(part, name, intent))
    return result


def ran_eagerly(intent: Intent, result: Any) -> None:
    """Pass the results of tasks that ran in this process on to the objects that stand for them."""
    for waiting, found in zip(_parts(_held.get(intent.id)), _parts(result), strict=False):
        state = getattr(found, "state", None)
        if state is not None and hasattr(waiting, "_cache"):
            waiting._cache = {
                "status": state,
                "result": found.result,
                "traceback": found.traceback,
                "children": None,
            }


class _Guarded:
    """A method of a result that looks first whether waiting makes sense."""

    def __init__(self, result: Any, name: str, intent: Intent) -> None:
        # Weakly: a result is let go, with its place at the result backend, when the application
        # lets it go, and an intent when it is settled.
        self._result = weakref.ref(result)
        self._intent = weakref.ref(intent)
        self._name = name
        self._thread = threading.get_ident()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        intent, result = self._intent(), self._result()
        if intent is not None and intent.outcome is None and self._would_block(intent.scope):
            raise ScopeStateError(
                f"{type(result).__name__}.{self._name}() would wait for ever: {intent.name} is "
                f"held by {intent.scope!r} (enqueued at {intent.origin}), and leaves when that "
                "has ended. Keep `result.id`, and wait after the scope."
            )
        return getattr(type(result), self._name)(result, *args, **kwargs)

    def _would_block(self, holding: Scope) -> bool:
        """Whether the scope can only end when this call has returned."""
        scope = get_current_scope()
        while scope is not None and scope is not holding:
            scope = scope.parent
        return scope is holding or threading.get_ident() == self._thread


def _parts(result: Any) -> Iterator[Any]:
    """Yield a result, those it comes after, and those of a group."""
    while result is not None:
        yield result
        for member in getattr(result, "results", None) or ():
            yield from _parts(member)
        result = getattr(result, "parent", None)
