"""Whether a row that is written now shares the fate of the transactions that its intent awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_django.tasks.kinds import writes_rows
from airlock_django.tasks.options import prepared

if TYPE_CHECKING:
    from airlock import Intent


def joins(intent: Intent) -> bool:
    """Whether the task's row, written now in this thread, is kept or undone with all its holds."""
    if not writes_rows(prepared(intent)):
        return False
    from django.db import connections

    from airlock_django.tasks.rows import database

    connection: Any = connections[database()]
    pending = [hold for hold in intent.holds if hold.pending]
    if not pending or any(getattr(hold, "connection", None) is not connection for hold in pending):
        return False
    if connection.needs_rollback or connection._airlock_ledger._commit_rolls_back():
        return False  # it waits, to be rolled back as the rows are
    return all(hold.covers_now() for hold in pending)  # type: ignore[attr-defined]
