"""The executor, which is also the plugin: Celery's tasks, signatures and canvases go to Celery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock import IntentError
from airlock_celery.kinds import is_carried, is_signature
from airlock_celery.members import linked, members
from airlock_celery.ownership import is_replacement
from airlock_celery.publishing import publish
from airlock_celery.sending import given_id
from airlock_core import configuration

if TYPE_CHECKING:
    from airlock import Intent
    from airlock_core.findings import Finding


class CeleryExecutor(airlock.Executor):
    """Sends Celery tasks, signatures and canvases with their own `apply_async`.

    `_dispatch_options` are the options of `apply_async`, unchanged. The receipt is what Celery
    returns: an `AsyncResult`, for a group a `GroupResult`.
    """

    supports_many = True
    supports_client_id = True
    supports_meta = True
    cannot = {"transactional": "The broker is in no transaction of the database."}

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> CeleryExecutor | None:
        """Claim what belongs to Celery."""
        return self if is_carried(intent.task) else None

    @airlock.hookimpl
    def scope_exit(self, error: BaseException | None) -> airlock.Exit | None:
        """Flush what a task had enqueued that has replaced itself: its work is done."""
        return airlock.Exit.FLUSH if error is not None and is_replacement(error) else None

    def check(self, intent: Intent) -> None:
        """Refuse what is no Celery task and, where `strict`, arguments that cannot arrive."""
        if not is_carried(intent.task):
            raise IntentError(
                f"{intent.name} is no Celery task. Put @app.task or @shared_task above it; where "
                'only its name is known here, enqueue celery.signature("its.name").'
            )
        if reserved := {"args", "kwargs"} & intent.dispatch_options.keys():
            raise IntentError(
                f"_dispatch_options cannot hold {min(reserved)!r}. Give the task's arguments to "
                "enqueue() itself."
            )
        if configuration.current.strict:
            from airlock_celery.checking import check_call

            check_call(intent.task, intent.args, intent.kwargs, intent.dispatch_options)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(publish([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run, in one pipeline where the broker has pipelines."""
        return publish(intents)

    def given_id(self, intent: Intent) -> str | None:
        """Return the `task_id` in the options, or that of a frozen signature."""
        return given_id(intent) if is_carried(intent.task) else None

    def members(self, task: Any) -> Iterable[Any] | None:
        """List the tasks in a canvas, callbacks included."""
        return members(task) if is_signature(task) else None

    def linked(self, options: Mapping[str, Any]) -> Iterable[Any]:
        """List the callbacks in dispatch options."""
        return linked(options)

    def findings(self) -> Iterator[Finding]:
        """Name the settings of the apps in this process with which messages can be lost."""
        from airlock_celery.losses import findings_of_process

        return findings_of_process()


#: The one that entry point `celery` registers.
celery_executor = CeleryExecutor()
