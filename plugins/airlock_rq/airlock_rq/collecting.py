"""Having RQ make its jobs without sending them: the commands are collected, for a transaction."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airlock_rq.brokers import version_of
from airlock_rq.folding import Command
from airlock_rq.sending import enqueue

if TYPE_CHECKING:
    from airlock import Intent


class Collector:
    """Takes down what RQ would send to one Redis, in one run of intents.

    Args:
        client: airlock's own connection to it.
    """

    def __init__(self, client: Any) -> None:
        """Begin with nothing collected."""
        self.client = client
        # One pipeline, and one copy of each queue, for the whole run: 10 µs less for each job.
        self._pipeline = client.pipeline(transaction=True)
        self._encoder = client.get_encoder()
        self._copies: dict[int, tuple[Any, Any]] = {}

    def collect(
        self, intent: Intent, queue: Any, options: Mapping[str, Any]
    ) -> tuple[Any, list[Command]]:
        """Make a job and its commands, and encode them.

        Args:
            intent: the intent.
            queue: its queue.
            options: those of the job.

        Returns:
            RQ's own job, and the commands that enqueue it.

        Raises:
            Exception: RQ does not take it, or it cannot be encoded.
        """
        pipeline = self._pipeline
        try:
            job = enqueue(intent, self._collecting(queue), options, pipeline)
            return job, [self._encoded(*command) for command in pipeline.command_stack]
        finally:
            pipeline.reset()

    def _collecting(self, queue: Any) -> Any:
        known, collecting = self._copies.get(id(queue), (None, None))
        if known is None:
            # Before RQ 3, what is scheduled goes past the pipeline, to the queue's connection.
            collecting = reconnected(queue, self._pipeline, self.client)
            if _is_plain(queue):
                # None is the same, and RQ does not look it over again for each job: 7 µs less.
                collecting.serializer = None
            self._copies[id(queue)] = queue, collecting  # while it is kept, its id is its own
        return collecting

    def _encoded(self, command: tuple[Any, ...], options: dict[str, Any]) -> Command:
        # Forty parts for each job, and mostly of these two types, which redis-py asks for last.
        encoder = self._encoder
        encoding, errors = encoder.encoding, encoder.encoding_errors
        parts = [command[0]]
        for part in command[1:]:
            kind = type(part)
            if kind is str:
                part = part.encode(encoding, errors)
            elif kind is not bytes:
                part = encoder.encode(part)
            parts.append(part)
        return tuple(parts), options


def reconnected(queue: Any, connection: Any, client: Any) -> Any:
    """Return a copy of a queue that talks with another connection.

    Args:
        queue: the queue.
        connection: what it is to use, of `client` or itself.
        client: airlock's own connection to its Redis, which knows the version.
    """
    queue = copy.copy(queue)
    queue.connection = connection
    queue.redis_server_version = version_of(client)
    return queue


def _is_plain(queue: Any) -> bool:
    """Whether queue, jobs and serializer are RQ's own, and so nobody else asks for the last."""
    from rq import Queue
    from rq.job import Job
    from rq.serializers import resolve_serializer

    return (
        type(queue) is Queue
        and queue.job_class is Job
        and queue.serializer is resolve_serializer(None)
    )
