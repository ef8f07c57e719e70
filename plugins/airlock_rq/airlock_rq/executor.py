"""The executor, which is also the plugin: functions with RQ's `@job` go to RQ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock import ConfigurationError, IntentError
from airlock_core import configuration
from airlock_rq.kinds import decorator_of, is_queue
from airlock_rq.options import linked

if TYPE_CHECKING:
    from airlock import Intent


class RQExecutor(airlock.Executor):
    """Enqueues functions, methods and dotted paths to them as RQ's jobs.

    `_dispatch_options` are RQ's own options, unchanged. The receipt is RQ's `Job`.

    Args:
        queue: where jobs go that name no queue of their own: an `rq.Queue`, the name of one, or a
            function that takes a name and returns a queue.
    """

    supports_many = True
    supports_client_id = True
    supports_meta = True
    cannot = {"transactional": "Redis is in no transaction of the database."}

    def __init__(self, queue: Any | str | Callable[[str], Any] | None = None) -> None:
        """Keep the default queue."""
        if not (queue is None or isinstance(queue, str) or callable(queue) or is_queue(queue)):
            raise ConfigurationError(
                f"RQExecutor({queue!r}) needs an rq.Queue, the name of one, or a function that "
                "takes a name and returns one."
            )
        self.queue = queue

    @airlock.hookimpl
    def dispatch(self, intent: Intent) -> RQExecutor | None:
        """Claim the functions with `@job`: others are RQ's only where it is named."""
        return self if decorator_of(intent.task) is not None else None

    def check(self, intent: Intent) -> None:
        """Refuse what no worker could import, and options that RQ does not have.

        Where `strict`, also arguments that do not fit or cannot be encoded.
        """
        try:
            from airlock_rq.checking import check
        except ModuleNotFoundError as error:
            if error.name != "rq":
                raise
            raise IntentError("airlock-rq needs rq, which is not installed: pip install rq") from (
                error
            )
        check(intent, self.queue, configuration.current.strict)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(self.dispatch_many([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run, in one transaction for each Redis."""
        from airlock_rq.publishing import publish

        return publish(intents, self.queue)

    def given_id(self, intent: Intent) -> str | None:
        """Return the `job_id` in the options."""
        given: str | None = intent.dispatch_options.get("job_id")
        return given

    def members(self, task: Any) -> Iterable[Any] | None:
        """List the callbacks in a function's `@job`."""
        decorator = decorator_of(task)
        return None if decorator is None else linked(vars(decorator))

    def linked(self, options: Mapping[str, Any]) -> Iterable[Any]:
        """List the callbacks in dispatch options."""
        return linked(options)


#: The one that entry point `rq` registers.
rq_executor = RQExecutor()
