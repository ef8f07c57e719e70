"""The transactions that a message of the ORM broker can be a part of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airlock_django_q.brokers import configured_class, is_orm, orm_connection
from airlock_django_q.options import runs_here

if TYPE_CHECKING:
    from airlock import Intent


def joins(intent: Intent, options: Mapping[str, Any]) -> bool:
    """Whether the message, sent now, commits and rolls back with everything the intent waits for.

    Args:
        intent: the intent.
        options: its options.
    """
    broker = options.get("broker")
    if runs_here(options) or not is_orm(configured_class() if broker is None else type(broker)):
        return False
    connection = orm_connection()
    if not connection.in_atomic_block or connection.needs_rollback:
        return False
    return all(_is_of(connection, hold) for hold in intent.holds if hold.pending)


def _is_of(connection: Any, hold: Any) -> bool:
    """Whether a row that is written now has the fate that a hold waits for."""
    # airlock-django's hold knows whether a younger savepoint could take the row with it.
    return getattr(hold, "connection", None) is connection and hold.covers_now()
