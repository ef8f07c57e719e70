"""The executor, which is also a plugin: Django's tasks go to their own backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock_core import configuration
from airlock_django.tasks.kinds import base_of

if TYPE_CHECKING:
    from airlock import Intent


class DjangoTasksExecutor(airlock.Executor):
    """Enqueues Django's tasks.

    `_dispatch_options` are those of `Task.using()`: `priority`, `queue_name`, `run_after` and
    `backend`. The receipt is the `TaskResult`.
    """

    # Both with the database backend; others take one at a time, after the commit.
    supports_many = True
    transactional = True
    #: To a backend whose `task_class` has `ScopedTaskMixin`.
    supports_meta = True
    cannot = {
        "supports_client_id": "The database backend does; all others pick an id in `enqueue()`."
    }

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> DjangoTasksExecutor | None:
        """Claim Django's tasks."""
        return self if base_of(intent.task) is not None else None

    def check(self, intent: Intent) -> None:
        """Refuse what the backend cannot carry and, where `strict`, wrong arguments."""
        from airlock_django.tasks.checking import check

        check(intent, configuration.current.strict)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(self.dispatch_many([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run, in one INSERT where the backend is the database."""
        from airlock_django.tasks.publishing import publish

        return publish(intents)

    def joins(self, intent: Intent) -> bool:
        """Whether its row would be of the transactions that it waits for."""
        from airlock_django.tasks.transactions import joins

        return joins(intent)

    def given_id(self, intent: Intent) -> str | None:
        """Return what the `id_function` of the database backend makes, where there is one."""
        if base_of(intent.task) is None:
            return None
        from airlock_django.tasks.rows import given_id

        return given_id(intent)


#: The one that entry point `django-tasks` registers.
django_tasks_executor = DjangoTasksExecutor()
