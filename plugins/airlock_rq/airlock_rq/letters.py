"""The jobs of a run, each made before the first is sent: one that cannot be made sends nothing."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airlock_rq.brokers import client_of, version_of
from airlock_rq.options import goes_alone, options_of
from airlock_rq.queues import queue_of
from airlock_rq.sending import enqueue

if TYPE_CHECKING:
    from airlock import Intent

Command = tuple[tuple[Any, ...], dict[str, Any]]


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

    __slots__ = ("_queue", "alone", "client", "commands", "intent", "job", "outcome")

    def __init__(self, intent: Intent) -> None:
        """Begin without an address."""
        self.intent = intent
        self.client: Any = None
        self.alone = False
        self.commands: list[Command] = []
        self.job: Any = None
        self.outcome: Any = None

    def address(self, default: Any, clients: dict[int, Any]) -> None:
        """Find the queue and its Redis.

        Args:
            default: the executor's default queue, or None.
            clients: those of this run so far, by the pool of the application's connection.

        Raises:
            IntentError: there is none.
        """
        self._queue = queue_of(self.intent, default)
        options = options_of(self.intent.task, self.intent.dispatch_options)
        self.alone = self.runs_here or goes_alone(options)
        pool = id(self._queue.connection.connection_pool)
        if pool not in clients:
            clients[pool] = client_of(self._queue)
        self.client = clients[pool]

    @property
    def runs_here(self) -> bool:
        """Whether its queue has no workers: RQ runs the job where it is enqueued."""
        return not self._queue.is_async

    def make(self) -> None:
        """Make the job and its commands, and encode them.

        Raises:
            Exception: RQ does not take it, or it cannot be encoded.
        """
        with self.client.pipeline(transaction=True) as collected:
            # Before RQ 3, what is scheduled goes past the pipeline, to the queue's connection.
            job = enqueue(self.intent, self._queue_on(collected), collected)
            encoder = self.client.get_encoder()
            self.commands = [
                ((command[0], *[_encoded(encoder, part) for part in command[1:]]), options)
                for command, options in collected.command_stack
            ]
        self._keep(job)

    def send(self) -> None:
        """Enqueue the job at once, as RQ does it by itself."""
        self._keep(enqueue(self.intent, self._queue_on(self.client)))

    def _queue_on(self, connection: Any) -> Any:
        queue = copy.copy(self._queue)
        queue.connection = connection
        queue.redis_server_version = version_of(self.client)
        return queue

    def _keep(self, job: Any) -> None:
        # What the application asks the job is asked through the application's connection.
        job.connection = self._queue.connection
        self.job = job


def _encoded(encoder: Any, value: Any) -> Any:
    # Twenty for each job, and mostly of these two types: redis-py's own way asks for many more.
    kind = type(value)
    if kind is bytes:
        return value
    if kind is str:
        return value.encode(encoder.encoding, encoder.encoding_errors)
    return encoder.encode(value)
