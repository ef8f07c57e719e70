"""Jobs as a part of the transaction that is open on a connection of the caller's."""

from __future__ import annotations

import asyncio
from typing import Any

from procrastinate.manager import JobManager
from psycopg.pq import TransactionStatus

from airlock_procrastinate.deadlines import Attempt, on_loop
from airlock_procrastinate.routes import Route


class ConnectionRoute(Route):
    """The caller's own connection: the jobs are a part of the transaction that is open there."""

    def __init__(self, manager: Any, connection: Any) -> None:
        """Take the connection."""
        from procrastinate import SyncPsycopgConnector

        super().__init__(_without_a_pool(SyncPsycopgConnector, manager.connector), connection)
        self.key = (type(self), id(manager.connector), id(connection))
        self.joined = connection

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        connection = self.connection
        if _is_idle(connection) and not connection.autocommit:
            # Begins the caller's transaction: transaction() would begin and commit one of its own.
            connection.execute("SELECT 1")
        with connection.transaction():
            inserted = self.manager.batch_defer_jobs(jobs, connection)
            attempt.commit()
        return inserted


class AsyncConnectionRoute(Route):
    """The caller's own `AsyncConnection`, in the event loop of the scope."""

    def __init__(self, manager: Any, connection: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Take connection and loop."""
        from procrastinate import PsycopgConnector

        super().__init__(_without_a_pool(PsycopgConnector, manager.connector), connection)
        self.key = (type(self), id(manager.connector), id(connection))
        self.joined = connection
        self.loop = loop

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        # Without a deadline, as the caller's own statements: given up here, it would still keep the
        # connection, and the savepoint, from the transaction that it is a part of.
        return on_loop(self.loop, self._insert(jobs, attempt)).result()

    async def _insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        connection = self.connection
        if _is_idle(connection) and not connection.autocommit:
            await connection.execute("SELECT 1")  # as above
        async with connection.transaction():
            inserted = await self.manager.batch_defer_jobs_async(jobs, connection)
            attempt.commit()
        return inserted


class DjangoRoute(Route):
    """The connection of Django's ORM in this thread."""

    def __init__(self, manager: Any) -> None:
        """Take the connection."""
        super().__init__(manager)
        self.joined = manager.connector.connection

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        from django.db import transaction

        with transaction.atomic(using=self.joined.alias):
            inserted = self.manager.batch_defer_jobs(jobs)
            attempt.commit()
        return inserted


def _without_a_pool(kind: Any, connector: Any) -> Any:
    """Make a `JobManager` for a connection of the caller's, which encodes as the app does."""
    encode = getattr(connector, "_json_dumps", None)
    return JobManager(kind(json_dumps=encode))


def _is_idle(connection: Any) -> bool:
    """Whether no transaction is open on a connection of psycopg's."""
    return bool(connection.info.transaction_status == TransactionStatus.IDLE)
