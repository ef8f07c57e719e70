"""What belongs to procrastinate, told without importing it: it does not exist where that is not."""

from __future__ import annotations

import sys
from typing import Any


def _is(thing: object, module: str, kind: str) -> bool:
    """Whether it is an instance of a class whose module may not be loaded."""
    cls = getattr(sys.modules.get(module), kind, None)
    return cls is not None and isinstance(thing, cls)


def is_task(thing: object) -> bool:
    """Whether it is what `@app.task` makes of a function."""
    return _is(thing, "procrastinate.tasks", "Task")


def is_deferrer(thing: object) -> bool:
    """Whether it is what `task.configure()` or `app.configure_task()` returns."""
    return _is(thing, "procrastinate.jobs", "JobDeferrer")


def is_django_connector(connector: object) -> bool:
    """Whether it writes jobs through the connections of Django's ORM."""
    return _is(connector, "procrastinate.contrib.django.django_connector", "DjangoConnector")


def is_async_connector(connector: object) -> bool:
    """Whether it is a `PsycopgConnector`."""
    return _is(connector, "procrastinate.psycopg_connector", "PsycopgConnector")


def is_sync_connector(connector: object) -> bool:
    """Whether it is a `SyncPsycopgConnector`."""
    return _is(connector, "procrastinate.sync_psycopg_connector", "SyncPsycopgConnector")


def is_connection(thing: object) -> bool:
    """Whether it is a `psycopg.Connection`."""
    return _is(thing, "psycopg", "Connection")


def is_async_connection(thing: object) -> bool:
    """Whether it is a `psycopg.AsyncConnection`."""
    return _is(thing, "psycopg", "AsyncConnection")


def manager_of(task: Any) -> Any:
    """Return the `JobManager` of a task or deferrer, which knows the connector of its app.

    None for a task of a blueprint that no app has taken.
    """
    owner = task if is_deferrer(task) else task.blueprint
    return getattr(owner, "job_manager", None)
