"""The executor, which is also the plugin: procrastinate's tasks become jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock import ConfigurationError, IntentError
from airlock_core import configuration
from airlock_procrastinate.kinds import (
    is_async_connection,
    is_connection,
    is_deferrer,
    is_task,
)

if TYPE_CHECKING:
    from airlock import Intent


class ProcrastinateExecutor(airlock.Executor):
    """Defers procrastinate's tasks.

    `_dispatch_options` are those of `task.configure()`, unchanged. The receipt is procrastinate's
    `Job`, with the id that the database gave it.

    Args:
        connection: a `psycopg.Connection` or `psycopg.AsyncConnection` in whose transaction the
            jobs are inserted that name no connection of their own, or a function that returns the
            current one, or None where there is none.

    Raises:
        ConfigurationError: the connection is none of these.
    """

    supports_many = True
    #: Of an app with `scoped_jobs` in its `worker_defaults`.
    supports_meta = True
    transactional = True
    cannot = {"supports_client_id": "The id of a job is a number that the database chooses."}

    def __init__(self, connection: Any = None) -> None:
        """Keep the connection."""
        known = connection is None or is_connection(connection) or is_async_connection(connection)
        if not known and (isinstance(connection, type) or not callable(connection)):
            raise ConfigurationError(
                f"ProcrastinateExecutor(connection={connection!r}) needs a psycopg.Connection, a "
                "psycopg.AsyncConnection, or a function that returns one."
            )
        self.connection = connection

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> ProcrastinateExecutor | None:
        """Claim procrastinate's tasks, configured ones included."""
        return self if is_task(intent.task) or is_deferrer(intent.task) else None

    def check(self, intent: Intent) -> None:
        """Refuse what is no task, arguments without a name, unknown options, an app not open.

        Where `strict`, also arguments that cannot be encoded.
        """
        if not (is_task(intent.task) or is_deferrer(intent.task)):
            raise IntentError(
                f"{intent.name} is no procrastinate task. Put @app.task above its function, and "
                "enqueue what that makes of it; a task of another program is "
                "app.configure_task(name)."
            )
        from airlock_procrastinate.checking import check

        check(intent, self.connection, configuration.current.strict)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(self.dispatch_many([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run, in one INSERT for each database."""
        from airlock_procrastinate.publishing import publish

        return publish(intents, self.connection)

    def joins(self, intent: Intent) -> bool:
        """Whether the job's row would be written in the very transaction that it waits for."""
        if not (is_task(intent.task) or is_deferrer(intent.task)):
            return False
        from airlock_procrastinate.joining import joins

        return joins(intent, self.connection)

    def members(self, task: Any) -> Iterable[Any] | None:
        """Name the task that a deferrer is for."""
        return [task.job.task_name] if is_deferrer(task) else None


#: The one that entry point `procrastinate` registers.
procrastinate_executor = ProcrastinateExecutor()
