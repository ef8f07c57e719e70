"""Whether a job commits with the work: its row is written in the transaction of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus

from airlock_procrastinate.routing import route_of

if TYPE_CHECKING:
    from airlock import Intent


def joins(intent: Intent, default: Any) -> bool:
    """Whether the job, inserted now, commits and rolls back with every hold of its intent.

    Args:
        intent: an intent whose holds are pending.
        default: the executor's connection, a function that returns it, or None.
    """
    joined = route_of(intent, default).joined
    return joined is not None and all(
        _shares_its_fate(hold, joined) for hold in intent.holds if hold.pending
    )


def _shares_its_fate(hold: Any, joined: Any) -> bool:
    """Whether a row that is written now is undone exactly when a hold's work is.

    Args:
        hold: what an intent waits for; airlock-django's names its connection.
        joined: the connection that would insert the job: Django's, or the psycopg's inside it.
    """
    connection = getattr(hold, "connection", None)
    if connection is None or not (connection is joined or connection.connection is joined):
        return False
    if not connection.in_atomic_block or connection.needs_rollback:
        return False
    if connection.connection.info.transaction_status == TransactionStatus.INERROR:
        return False
    # The hold knows whether a younger savepoint could take the row with it.
    return bool(hold.covers_now())
