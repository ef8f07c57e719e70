"""The executor, which is also the plugin: actors, messages, pipelines and groups go to Dramatiq."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock_dramatiq.kinds import is_carried, is_message, is_pipeline
from airlock_dramatiq.members import linked, members
from airlock_dramatiq.publishing import publish

if TYPE_CHECKING:
    from airlock import Intent


class DramatiqExecutor(airlock.Executor):
    """Sends actors, messages, pipelines and groups as Dramatiq itself does.

    `_dispatch_options` are the options of `send_with_options`, unchanged. The receipt of an actor
    or a message is the `Message` that was enqueued; that of a pipeline or group is itself.
    """

    supports_many = True
    supports_client_id = True
    supports_meta = True
    cannot = {"transactional": "The broker is in no transaction of the database."}

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> DramatiqExecutor | None:
        """Claim what belongs to Dramatiq."""
        return self if is_carried(intent.task) else None

    def check(self, intent: Intent) -> None:
        """Refuse what Dramatiq cannot carry and, where `strict`, arguments that cannot arrive."""
        from airlock_dramatiq.checking import check

        check(intent)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        (outcome,) = publish([intent])  # to its end: the connection is given back there
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run: on Redis in one pipeline, on RabbitMQ with one confirmation."""
        return publish(intents)

    def given_id(self, intent: Intent) -> str | None:
        """Return the id of a message, or of the last message of a pipeline: that of its result."""
        task = intent.task
        if is_pipeline(task) and task.messages:
            task = task.messages[-1]
        return str(task.message_id) if is_message(task) else None

    def members(self, task: Any) -> Iterable[Any] | None:
        """List what is in a message, pipeline or group, callbacks included."""
        return members(task)

    def linked(self, options: Mapping[str, Any]) -> Iterable[Any]:
        """List the actors that dispatch options name as callbacks."""
        return linked(options)


#: The one that entry point `dramatiq` registers.
dramatiq_executor = DramatiqExecutor()
