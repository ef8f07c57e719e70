"""The ways into a database: whose connection inserts a job, and in whose transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procrastinate.exceptions import AppNotOpen

from airlock import IntentError
from airlock_procrastinate.connections import AsyncConnectionRoute, ConnectionRoute, DjangoRoute
from airlock_procrastinate.deadlines import is_running_here
from airlock_procrastinate.kinds import (
    is_async_connection,
    is_async_connector,
    is_connection,
    is_django_connector,
    is_sync_connector,
)
from airlock_procrastinate.pools import AsyncPoolRoute, PoolRoute
from airlock_procrastinate.routes import Route
from airlock_procrastinate.sending import connection_of, job_manager_of

if TYPE_CHECKING:
    from airlock import Intent


def route_of(intent: Intent, default: Any) -> Route:
    """Find the way of an intent.

    Args:
        intent: the intent.
        default: the executor's connection, a function that returns it, or None.

    Raises:
        IntentError: there is none: the app is not open, or the connection is not for here.
    """
    manager = job_manager_of(intent)
    connection = connection_of(intent, default)
    connector = manager.connector
    known = is_sync_connector(connector) or is_async_connector(connector)
    try:
        if connection is not None and (known or is_django_connector(connector)):
            return _route_through(intent, manager, connection)
        if is_django_connector(connector):
            return DjangoRoute(manager)
        if not known:
            return Route(manager, connection)
        sync_connector = connector.get_sync_connector()
        if is_sync_connector(sync_connector):
            return PoolRoute(manager, sync_connector)
        route = AsyncPoolRoute(manager)
    except AppNotOpen as error:
        raise IntentError(
            f"the app of {intent.name} is not open. Call app.open(), or `await app.open_async()`."
        ) from error
    if is_running_here(route.loop) and not intent.scope.root.is_async:
        raise IntentError(
            f"the app of {intent.name} is open for the event loop that runs here, and a plain "
            "`with airlock.scope()` cannot wait for it. Use `async with airlock.scope()`."
        )
    return route


def _route_through(intent: Intent, manager: Any, connection: Any) -> Route:
    if is_connection(connection):
        return ConnectionRoute(manager, connection)
    if not is_async_connection(connection):
        raise IntentError(
            f"connection={connection!r} must be a psycopg.Connection or a psycopg.AsyncConnection."
        )
    loop = intent.scope.root.loop
    if loop is None:
        raise IntentError(
            f"{intent.name} has a psycopg.AsyncConnection, and a plain `with airlock.scope()` "
            "cannot await it. Use `async with airlock.scope()`, or a psycopg.Connection."
        )
    return AsyncConnectionRoute(manager, connection, loop)
