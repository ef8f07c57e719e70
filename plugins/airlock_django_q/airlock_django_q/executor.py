"""The executor, which is also the plugin: what django-q is named for goes to its clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import airlock
from airlock import ConfigurationError
from airlock_core import configuration
from airlock_core.choosing import explicit_executor
from airlock_django_q.options import linked, options_of

if TYPE_CHECKING:
    from airlock import Intent


class DjangoQExecutor(airlock.Executor):
    """Queues functions, and dotted paths to them, as django-q's `async_task()` does.

    `_dispatch_options` are django-q's own `q_options`, unchanged. The receipt is what
    `async_task()` returns: the id of the task.

    Args:
        cluster: the name of the cluster for tasks that name none; by default django-q's own.
        broker: a broker of django-q's, instead of a cluster's name.
    """

    supports_many = True
    supports_client_id = True
    supports_meta = True
    #: With the ORM broker; `joins()` knows.
    transactional = True

    def __init__(self, cluster: str | None = None, *, broker: Any = None) -> None:
        """Keep the defaults."""
        if not (cluster is None or (isinstance(cluster, str) and cluster)):
            raise ConfigurationError(
                f"DjangoQExecutor({cluster!r}) needs the name of a cluster. Give a broker as "
                "DjangoQExecutor(broker=...)."
            )
        if not (broker is None or callable(getattr(broker, "enqueue", None))):
            raise ConfigurationError(
                f"DjangoQExecutor(broker={broker!r}) needs a broker, such as "
                "django_q.brokers.get_broker() returns."
            )
        if cluster is not None and broker is not None:
            raise ConfigurationError(
                "DjangoQExecutor() takes a cluster or a broker, which has a cluster of its own. "
                "Give one of them."
            )
        self.cluster, self.broker = cluster, broker

    def check(self, intent: Intent) -> None:
        """Refuse what no worker could import, and options that django-q does not have.

        Where `strict`, also arguments that do not fit or cannot be pickled.
        """
        from airlock_django_q.checking import check

        check(intent, self._options(intent), configuration.current.strict)

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        outcome = next(self.dispatch_many([intent]))
        if isinstance(outcome, airlock.Failure):
            raise outcome.error
        return outcome

    def dispatch_many(self, intents: Sequence[Intent]) -> Iterator[Any]:
        """Send a run: with one INSERT, or in one pipeline, where the broker has them."""
        from airlock_django_q.publishing import publish

        return publish([(intent, self._options(intent)) for intent in intents])

    def joins(self, intent: Intent) -> bool:
        """Whether the message is a row of the transaction that the intent waits for."""
        from airlock_django_q.transactions import joins

        return joins(intent, self._options(intent))

    def given_id(self, intent: Intent) -> str | None:
        """Return a new id as django-q's tasks have them: 32 characters, without hyphens."""
        # Where nobody is named, this is asked of every executor, about other queues' tasks.
        return None if explicit_executor(intent) is None else uuid4().hex

    def linked(self, options: Mapping[str, Any]) -> Iterable[Any]:
        """List the hook and the tasks of a chain in dispatch options."""
        return linked(options)

    def _options(self, intent: Intent) -> dict[str, Any]:
        return options_of(intent.dispatch_options, self.cluster, self.broker)


#: The one that entry point `django_q` registers.
django_q_executor = DjangoQExecutor()
