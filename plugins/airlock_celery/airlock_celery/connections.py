"""A call that brought its own connection: by the time that it leaves, that may be closed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

_PRODUCERS = ("producer", "publisher")


def only_foreign(app: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Copy options; of the connection or producer in them keep what leads to another broker.

    For the app's own broker the messages of a scope share a producer. A connection to another one
    is kept for its address, under the option `connection`.

    Args:
        app: the Celery app.
        options: the options of `apply_async`.
    """
    found = dict(options)
    given = found.pop("connection", None)
    for name in _PRODUCERS:
        producer = found.pop(name, None)
        given = getattr(producer, "connection", None) if given is None else given
    if given is not None and _address(given) != _address(app.connection_for_write()):
        found["connection"] = given
    return found


def producer_for(connection: Any) -> AbstractContextManager[Any]:
    """Return a producer out of Kombu's pool for the broker that a connection leads to."""
    from kombu.pools import producers

    found: AbstractContextManager[Any] = producers[connection].acquire(block=True)
    return found


def _address(connection: Any) -> str:
    return str(connection.as_uri(include_password=True))
