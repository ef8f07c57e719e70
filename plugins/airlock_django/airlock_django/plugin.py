"""The plugin: every intent waits for the transactions that are open where it is enqueued."""

from __future__ import annotations

import sys
import threading
from asyncio import _get_running_loop
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airlock import Intent, IntentError, Scope, hookimpl

if TYPE_CHECKING:
    from airlock_core.findings import Finding


class DjangoPlugin:
    """Adds a hold per database that is in a transaction at the `enqueue`."""

    @hookimpl
    def intent_created(self, intent: Intent, scope: Scope) -> None:
        """Hold the intent until each of its transactions has committed.

        Raises:
            IntentError: autocommit is off outside `atomic()`, so nobody can tell when the rows
                are committed.
        """
        database = sys.modules.get("django.db")
        if database is None:
            return
        for connection in open_connections(database.connections):
            if connection.in_atomic_block and connection.commit_on_exit:
                if _waits_for(scope, connection.alias):
                    ledger = connection.__dict__.get("_airlock_ledger") or _new_ledger(connection)
                    hold = ledger.hold()
                    if hold is not None:
                        intent.hold(hold)
            elif (
                connection.connection is not None
                and not connection.autocommit
                and _waits_for(scope, connection.alias)
            ):
                raise IntentError(
                    f"{intent.name} was enqueued while autocommit is off on the database "
                    f"{connection.alias!r}, so airlock cannot tell when its rows are committed. "
                    "Use transaction.atomic(), or leave that database out: "
                    "airlock.scope(using=[...]) or AIRLOCK['USING']."
                )

    def findings(self) -> Iterator[Finding]:
        """Run airlock's system checks for `airlock doctor`."""
        from airlock_django.checks import findings_of_django

        return findings_of_django()


def open_connections(connections: Any) -> Iterable[Any]:
    """Return this thread's connections; none is made for the sake of asking.

    As `connections.all(initialized_only=True)`, which costs 2 µs for each database there is. It
    looks each up in a thread's storage by name; outside an event loop that is a plain dictionary.
    """
    if _get_running_loop() is None:
        storage = getattr(connections._connections, "_storage", None)
        if type(storage) is threading.local:
            return [found for found in storage.__dict__.values() if hasattr(found, "alias")]
    from django.core.exceptions import ImproperlyConfigured

    try:
        found: list[Any] = connections.all(initialized_only=True)
    except ImproperlyConfigured:  # Django was imported, and is not in use
        return ()
    return found


def _waits_for(scope: Scope, alias: str) -> bool:
    """Whether the nearest scope that names databases names this one, or none names any."""
    nearest: Scope | None = scope
    while nearest is not None:
        using: Collection[str] | None = getattr(nearest, "using", None)
        if using is not None:
            return alias in using
        nearest = nearest.parent
    return True


def _new_ledger(connection: Any) -> Any:
    from airlock_django.ledgers import Ledger

    return Ledger(connection)


plugin = DjangoPlugin()
