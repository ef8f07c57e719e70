"""The results of calls that are held: waiting for one where it is held would wait for ever."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any

from airlock import ScopeStateError, get_current_scope

if TYPE_CHECKING:
    from airlock import Intent, Scope

# Whatever waits: the methods of a result, and of the result of a group.
_WAITING = ("get", "wait", "get_leaf", "collect", "join", "join_native", "iter_native", "iterate")

# On a result: the intent that has to leave first, and the thread that asked for it.
_HOLDING = "_airlock_intent"
# On a class of results: the class derived from it.
_HELD_CLASS = "_airlock_held_class"

# What `apply_async` has returned for the intents of these ids, as long as somebody keeps it.
_held: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def held(result: Any, intent: Intent) -> Any:
    """Have a result, and those it is made of, refuse to wait where the intent is held.

    Args:
        result: Celery's result object.
        intent: the intent that has to leave first.

    Returns:
        The same object, of a class that is derived from its own.
    """
    _held[intent.id] = result
    for part in _parts(result):
        cls = type(part)
        part.__dict__[_HOLDING] = weakref.ref(intent), threading.get_ident()
        part.__class__ = cls.__dict__.get(_HELD_CLASS) or _held_class(cls)
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


def _held_class(cls: Any) -> type:
    """Derive the class of the results that refuse, once for each class of results.

    A class, not attributes of the object, which would have to refer to it: a result is let go, with
    its place at the result backend, when the application lets it go.
    """
    methods = {name: _guarded(getattr(cls, name)) for name in _WAITING if hasattr(cls, name)}
    held_class = type(cls.__name__, (cls,), {"__module__": cls.__module__, **methods})
    setattr(cls, _HELD_CLASS, held_class)
    return held_class


def _guarded(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def waiting(self: Any, *args: Any, **kwargs: Any) -> Any:
        reference, thread = self.__dict__.get(_HOLDING, (None, 0))
        intent = None if reference is None else reference()
        if intent is not None and intent.outcome is None and _would_block(intent.scope, thread):
            method = f"{type(self).__name__}.{original.__name__}()"
            raise ScopeStateError(
                f"{method} would wait for ever. {intent.name}, enqueued at {intent.origin}, is "
                f"held by {intent.scope!r} and leaves when that ends: keep the id, and wait then."
            )
        return original(self, *args, **kwargs)

    return waiting


def _would_block(holding: Scope, thread: int) -> bool:
    """Whether the scope can only end when the call that waits has returned."""
    scope = get_current_scope()
    while scope is not None and scope is not holding:
        scope = scope.parent
    return scope is holding or threading.get_ident() == thread


def _parts(result: Any) -> Iterator[Any]:
    """Yield a result, those it comes after, and those of a group."""
    while result is not None:
        yield result
        for member in getattr(result, "results", None) or ():
            yield from _parts(member)
        result = getattr(result, "parent", None)
