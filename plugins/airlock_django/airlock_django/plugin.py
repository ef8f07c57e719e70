"""The plugin: every intent waits for the transactions that are open where it is enqueued."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from airlock import Intent, IntentError, Scope, hookimpl

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class DjangoPlugin:
    """Adds a hold per database that is in a transaction at the `enqueue`."""

    @hookimpl
    def intent_created(self, intent: Intent, scope: Scope) -> None:
        """Hold the intent until each of its transactions has committed.

        Raises:
            IntentError: autocommit is off outside `atomic()`, so nobody can tell when the rows
                are committed.
        """
        if "django.db" not in sys.modules:
            return
        for connection in _connections(_using(scope)):
            if connection.in_atomic_block and connection.commit_on_exit:
                from airlock_django.ledgers import ledger_of

                hold = ledger_of(connection).hold()
                if hold is not None:
                    intent.hold(hold)
            elif connection.connection is not None and not connection.autocommit:
                raise IntentError(
                    f"{intent.name} was enqueued while autocommit is off on the database "
                    f"{connection.alias!r}, so airlock cannot tell when its rows are committed. "
                    "Use transaction.atomic(), or leave that database out: "
                    "airlock.scope(using=[...]) or AIRLOCK['USING']."
                )


def _connections(using: Collection[str] | None) -> Iterator[Any]:
    """Yield this thread's open connections; none is opened for the sake of asking."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    try:
        connection: BaseDatabaseWrapper
        for connection in connections.all(initialized_only=True):
            if using is None or connection.alias in using:
                yield connection
    except ImproperlyConfigured:  # Django was imported, and is not in use
        return


def _using(scope: Scope | None) -> Collection[str] | None:
    """Return the databases that the nearest scope names, or None for all."""
    while scope is not None:
        using: Collection[str] | None = getattr(scope, "using", None)
        if using is not None:
            return using
        scope = scope.parent
    return None


plugin = DjangoPlugin()
