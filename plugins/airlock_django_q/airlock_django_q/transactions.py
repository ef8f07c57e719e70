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
    pending: list[Any] = [hold for hold in intent.holds if hold.pending]
    if not pending or any(getattr(hold, "connection", None) is not connection for hold in pending):
        return False
    if connection._airlock_ledger._commit_rolls_back():
        return False  # it waits, to be rolled back as the rows are
    # airlock-django's hold knows whether a younger savepoint could take the row with it.
    return all(hold.covers_now() for hold in pending)
