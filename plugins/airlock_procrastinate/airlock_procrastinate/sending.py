"""One intent on its way: the job that `task.configure(...).defer(...)` would make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_procrastinate.arguments import named_arguments
from airlock_procrastinate.envelopes import META, carries_meta
from airlock_procrastinate.execution import scoped_jobs
from airlock_procrastinate.kinds import is_deferrer, manager_of

if TYPE_CHECKING:
    from airlock import Intent


def job_of(intent: Intent) -> Any:
    """Make the job of an intent, with the context variables of its `enqueue` line.

    Returns:
        procrastinate's own `Job`, which has no id before it is inserted.
    """
    return intent.run(_job_of, intent)


def connection_of(intent: Intent, default: Any) -> Any:
    """Return the connection in whose transaction the job is inserted; None is the app's own.

    Asked in this order: the option `connection`, the deferrer, the executor.
    """
    connection = intent.dispatch_options.get("connection")
    if connection is None and is_deferrer(intent.task):
        connection = intent.task.connection
    if connection is None:
        connection = intent.run(default) if callable(default) else default
    return connection


def job_manager_of(intent: Intent) -> Any:
    """Return the `JobManager` of the app that an intent's task belongs to.

    Raises:
        IntentError: the task belongs to no app, or the app has no connector.
    """
    manager = manager_of(intent.task)
    if manager is None:
        raise IntentError(
            f"{intent.name} belongs to no app yet. Call app.add_tasks_from(blueprint, "
            "namespace=...) before it is enqueued."
        )
    if manager.connector is None:
        raise IntentError(
            f"the app of {intent.name} has no connector. Give it one: procrastinate.App("
            "connector=PsycopgConnector(...))."
        )
    return manager


def _job_of(intent: Intent) -> Any:
    arguments = named_arguments(intent)
    if is_deferrer(intent.task):
        return intent.task.make_new_job(**arguments)
    # The connection is not the job's: it says where the job is inserted.
    options = {
        name: value for name, value in intent.dispatch_options.items() if name != "connection"
    }
    if intent.has_meta and carries_meta(intent.task, scoped_jobs):
        arguments[META] = dict(intent.meta)
    # As `task_kwargs`, and not to make_new_job(): the function may have a parameter `self`.
    return intent.task.configure(**options, task_kwargs=arguments).job
