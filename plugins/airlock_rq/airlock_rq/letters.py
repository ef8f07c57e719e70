"""The jobs of a run, each made before the first is sent: one that cannot be made sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airlock_rq.brokers import client_of
from airlock_rq.collecting import Collector, reconnected
from airlock_rq.folding import Command
from airlock_rq.options import goes_alone, options_of
from airlock_rq.queues import queue_of
from airlock_rq.sending import enqueue

if TYPE_CHECKING:
    from airlock import Intent


class Letter:
    """One intent on its way to a queue.

    Args:
        intent: the intent.

    Attributes:
        client: airlock's own connection to the Redis of the queue.
        alone: whether it cannot share a pipeline.
        commands: what a pipeline has to do for it.
        job: RQ's own job, once it was made.
        outcome: the job once it has left, or a `Failure`.
    """

    __slots__ = (
        "_collector", "_options", "_queue", "alone", "client", "commands", "intent", "job",
        "outcome",
    )  # fmt: skip

    def __init__(self, intent: Intent) -> None:
        """Begin without an address."""
        self.intent = intent
        self.client: Any = None
        self.alone = False
        self.commands: list[Command] = []
        self.job: Any = None
        self.outcome: Any = None

    def address(
        self,
        default: Any,
        queues: dict[tuple[int, str], Any],
        collectors: dict[int, Collector],
    ) -> None:
        """Find the queue and its Redis.

        Args:
            default: the executor's default queue, or None.
            queues: those that had to be made in this run so far.
            collectors: those of this run so far, by the pool of the application's connection.

        Raises:
            IntentError: there is none.
        """
        self._queue = queue_of(self.intent, default, queues)
        self._options = options_of(self.intent.task, self.intent.dispatch_options)
        self.alone = self.runs_here or goes_alone(self._options)
        pool = id(self._queue.connection.connection_pool)
        if pool not in collectors:
            collectors[pool] = Collector(client_of(self._queue))
        self._collector = collectors[pool]
        self.client = self._collector.client

    @property
    def runs_here(self) -> bool:
        """Whether its queue has no workers: RQ runs the job where it is enqueued."""
        return not self._queue.is_async

    def make(self) -> None:
        """Make the job and its commands, and encode them.

        Raises:
            Exception: RQ does not take it, or it cannot be encoded.
        """
        job, self.commands = self._collector.collect(self.intent, self._queue, self._options)
        self._keep(job)

    def send(self) -> None:
        """Enqueue the job at once, as RQ does it by itself."""
        queue = reconnected(self._queue, self.client, self.client)
        self._keep(enqueue(self.intent, queue, self._options))

    def _keep(self, job: Any) -> None:
        # What the application asks the job is asked through the application's connection.
        job.connection = self._queue.connection
        self.job = job
