"""A run of messages in one transaction of Huey's SQL storages: all of them leave, or none does."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from airlock import Failure
from airlock_huey.routes import Prepared, Route


class Transaction(Route):
    """One transaction of the storage's own connection, which Huey commits for each message."""

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Insert the messages, commit, and yield one outcome for each intent."""
        complete = False
        try:
            with self.storage.db(commit=True) as cursor:
                self._insert(prepared, _within(self.storage, cursor))
                complete = True
        except Exception as error:
            if complete:  # it was the commit that failed
                for outcome, _ in prepared:
                    own = isinstance(outcome, Failure)
                    yield outcome if own else Failure(error, uncertain=True)
            raise
        for outcome, _ in prepared:
            yield outcome

    def _insert(self, prepared: Sequence[Prepared], storage: Any) -> None:
        try:
            for _, commands in prepared:
                for _, arguments in commands:
                    storage.enqueue(*arguments)
        except BaseException as error:
            if not isinstance(error, Exception):  # Huey rolls back after the others
                self.storage.conn.rollback()
            raise


def _within(storage: Any, cursor: Any) -> Any:
    """Return a copy of the storage that works in the transaction of a cursor."""

    def db(commit: bool = False, close: bool = False) -> AbstractContextManager[Any]:
        return nullcontext(cursor)

    storage = copy.copy(storage)
    storage.db = db
    return storage
