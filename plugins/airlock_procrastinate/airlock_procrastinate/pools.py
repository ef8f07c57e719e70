"""Jobs in a transaction of their own, on a connection of the app's pool."""

from __future__ import annotations

import asyncio
from typing import Any

from procrastinate.exceptions import AppNotOpen

from airlock_core import configuration
from airlock_procrastinate.deadlines import Attempt, in_a_thread, on_loop, wait
from airlock_procrastinate.routes import Route


class PoolRoute(Route):
    """A transaction on a connection of the app's pool."""

    def __init__(self, manager: Any, connector: Any) -> None:
        """Take the pool, which must be open."""
        super().__init__(manager)
        self._pool = connector.pool
        if self._pool.closed:
            raise AppNotOpen

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        return wait(attempt, in_a_thread(lambda: self._insert(jobs, attempt)))

    def _insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        # Not in autocommit, which would save two round trips: what is given up before the COMMIT
        # has certainly not left.
        with self._pool.connection(configuration.current.broker_timeout) as connection:
            with connection.transaction():
                inserted = self.manager.batch_defer_jobs(jobs, connection)
                attempt.commit()
        return inserted


class AsyncPoolRoute(Route):
    """A transaction on a connection of the app's pool, in the event loop that the pool is of."""

    def __init__(self, manager: Any) -> None:
        """Take the pool, which must be open."""
        super().__init__(manager)
        self._pool = manager.connector.pool
        if self._pool.closed:
            raise AppNotOpen
        # The pool does not tell its loop otherwise, and works in no other.
        self.loop: asyncio.AbstractEventLoop = self._pool._sched_runner.get_loop()

    def insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        """Insert jobs with one statement, and return them with their ids."""
        return wait(attempt, on_loop(self.loop, self._insert(jobs, attempt)))

    async def _insert(self, jobs: list[Any], attempt: Attempt) -> Any:
        async with self._pool.connection(configuration.current.broker_timeout) as connection:
            async with connection.transaction():
                inserted = await self.manager.batch_defer_jobs_async(jobs, connection)
                attempt.commit()
        return inserted
