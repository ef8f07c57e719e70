"""A way into a database, as the connector of an app has it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from procrastinate.exceptions import ConnectorException

from airlock_procrastinate.batches import Batch
from airlock_procrastinate.deadlines import Attempt


class Route:
    """As the connector itself does it: for those of other databases, drivers and tests.

    Args:
        manager: the `JobManager` of the app.
        connection: what `configure(connection=...)` was given, or None.

    Attributes:
        key: equal where jobs can share an INSERT.
        joined: the connection in whose transaction the jobs are inserted that is open there, or
            None where they have one of their own.
    """

    joined: Any = None

    def __init__(self, manager: Any, connection: Any = None) -> None:
        """Keep both."""
        self.manager = manager
        self.connection = connection
        self.key: Hashable = (type(self), id(manager.connector), id(connection))

    def send(self, batch: Batch) -> None:
        """Insert the jobs of a batch, each of which gets its outcome.

        Raises:
            Exception: the database cannot be reached. What has no outcome has not left.
        """
        while jobs := batch.part():
            attempt = Attempt()
            try:
                inserted = self.insert(jobs, attempt)
            except Exception as error:
                batch.refused(error, committing=attempt.committing)
            else:
                batch.inserted(inserted)

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        try:
            return self.manager.batch_defer_jobs(jobs, self.connection)
        except ConnectorException:
            attempt.commit()  # with that very statement, as far as is known here
            raise
