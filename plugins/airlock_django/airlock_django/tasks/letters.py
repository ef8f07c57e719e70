"""The messages of a run, made before the first is sent: one that cannot be made fails alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock import Failure
from airlock_django.tasks.checking import check_json, check_row
from airlock_django.tasks.kinds import writes_rows
from airlock_django.tasks.options import prepared

if TYPE_CHECKING:
    from airlock import Intent

#: The route of all that are rows of one table, whatever their backends.
ROWS = "rows"


class Letter:
    """One intent on its way to a backend.

    Args:
        intent: the intent.

    Attributes:
        task: the task, with the options of the enqueue.
        backend: its backend.
        route: what it shares with those that are sent, or fail, together with it.
        row: the row that it will be, where it is one.
        inserted: whether the row was written.
        outcome: a `Failure`, where it has failed already.
    """

    __slots__ = ("backend", "inserted", "intent", "outcome", "route", "row", "task")

    def __init__(self, intent: Intent) -> None:
        """Make the message, or remember why it cannot be made."""
        self.intent = intent
        self.route: Any = None
        self.row: Any = None
        self.inserted = False
        self.outcome: Failure | None = None
        try:
            self._make()
        except Exception as error:
            self.outcome = Failure(error)

    def _make(self) -> None:
        self.task = prepared(self.intent)
        # Here, and not where it is sent: in the context of each intent there may be none yet.
        self.backend = self.task.get_backend()
        self.backend.validate_task(self.task)
        if not writes_rows(self.task):
            check_json(self.intent, self.task, allow_nan=True)
            self.route = self.backend.alias
            return
        from airlock_django.tasks.rows import make

        check_row(self.task)
        self.row = make(self.intent, self.task, self.backend)
        self.route = ROWS
