"""A producer for whatever Celery publishes for an intent.

Celery takes a producer of its own for each step that it publishes: for the first of a chain, for
the header of a chord, for what unlocks it. In the meantime an app gives out the one that is lent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

R = TypeVar("R")

# The app, and the producer that stands for those of its pool here.
_lent: ContextVar[tuple[Any, Any] | None] = ContextVar("airlock_celery_lent", default=None)


def lending(app: Any, producer: Any, function: Callable[[], R]) -> R:
    """Call `function`, and have the app publish with this producer meanwhile."""
    if not isinstance(app.__dict__.get("producer_or_acquire"), _Lender):
        app.producer_or_acquire = _Lender(app)
    token = _lent.set((app, producer))
    try:
        return function()
    finally:
        _lent.reset(token)


class _Lender:
    """Stands in for the method `producer_or_acquire` of one app, for good: it costs 0.1 µs."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._original = app.producer_or_acquire

    def __call__(self, producer: Any = None) -> Any:
        lent = _lent.get()
        if producer is None and lent is not None and lent[0] is self._app:
            producer = lent[1]
        return self._original(producer)
