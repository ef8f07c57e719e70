"""The executor, which is also the plugin: Huey's tasks, pipelines, groups and chords go to Huey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock_core import configuration
from airlock_huey.checking import check_call, check_kind
from airlock_huey.kinds import is_carried
from airlock_huey.members import members
from airlock_huey.owners import huey_of
from airlock_huey.publishing import publish
from airlock_huey.sending import given_id, message_of

if TYPE_CHECKING:
    from airlock import Intent


class HueyExecutor(airlock.Executor):
    """Sends Huey's tasks with `huey.enqueue()`.

    `_dispatch_options` are the options of a task's `schedule()`. The receipt is what Huey
    returns: a `Result`, a `ResultGroup` or a `ChordResult`.
    """

    supports_many = True
    supports_client_id = True
    #: Of a Huey with `install_scopes()`.
    supports_meta = True
    cannot = {"transactional": "A storage in SQL has a connection of its own."}

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> HueyExecutor | None:
        """Claim what belongs to Huey."""
        return self if is_carried(intent.task) else None

    def check(self, intent: Intent) -> None:
        """Refuse what is no Huey task and, where `strict`, arguments that cannot arrive."""
        check_kind(intent)
        if configuration.current.strict:
            huey = huey_of(intent.task)
            check_call(message_of(intent, huey), huey)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(publish([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run, in one pipeline or transaction where the storage has them."""
        return publish(intents)

    def given_id(self, intent: Intent) -> str | None:
        """Return the `id` in the options, or that of a ready-made task."""
        return given_id(intent) if is_carried(intent.task) else None

    def members(self, task: Any) -> Iterable[Any] | None:
        """List the tasks in a pipeline, group or chord, callbacks and error handlers included."""
        return members(task)


#: The one that entry point `huey` registers.
huey_executor = HueyExecutor()
