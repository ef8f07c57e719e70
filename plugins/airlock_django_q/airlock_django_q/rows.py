"""A run of messages as rows of the ORM broker: all of them are there, or none is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airlock import Failure
from airlock_django_q.brokers import orm_connection
from airlock_django_q.routes import Prepared, Route


class Rows(Route):
    """One INSERT, in the transaction that is open here, or in one of its own."""

    def __init__(self) -> None:
        """Take Django's own connection."""
        self._connection = orm_connection()
        self.key = ("orm", self._connection.alias)

    def knock(self) -> None:
        """Take a new connection where the one that there is has failed before."""
        if self._connection.errors_occurred:
            self._connection.close_if_unusable_or_obsolete()

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Insert the messages, and yield one outcome for each."""
        from django.db import transaction
        from django.utils import timezone
        from django_q.models import OrmQ

        alias, now = self._connection.alias, timezone.now()
        rows = [
            OrmQ(key=message.queue, payload=message.payload, lock=now)
            for message in prepared
            if not isinstance(message, Failure)
        ]
        complete = False
        try:
            with transaction.atomic(using=alias):  # a row that is refused dooms no transaction
                OrmQ.objects.using(alias).bulk_create(rows)
                complete = True
        except Exception as error:
            if complete:  # it was the commit that failed
                for message in prepared:
                    own = isinstance(message, Failure)
                    yield message if own else Failure(error, uncertain=True)
            raise
        for message in prepared:
            yield message if isinstance(message, Failure) else message.id
