"""A run of messages in one pipeline: all that go to one Redis, whatever their queues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airlock import Failure
from airlock_django_q.clients import client_of, is_a_refusal, knock
from airlock_django_q.routes import Prepared, Route


class Pipeline(Route):
    """One transaction of Redis.

    Args:
        broker: a Redis broker of django-q's.
    """

    def __init__(self, broker: Any) -> None:
        """Take a client that keeps the deadline."""
        self._client = client_of(broker.connection)
        self.key = ("redis", id(self._client))

    def knock(self) -> None:
        """Make sure that Redis answers."""
        knock(self._client)

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Send the messages together, and yield one outcome for each."""
        queues: dict[str, list[str]] = {}
        for message in prepared:
            if not isinstance(message, Failure):
                queues.setdefault(message.queue, []).append(message.payload)
        with self._client.pipeline(transaction=True) as pipeline:
            for queue, payloads in queues.items():
                pipeline.rpush(queue, *payloads)
            try:
                answers = dict(zip(queues, pipeline.execute(raise_on_error=False), strict=True))
            except Exception as error:
                if not is_a_refusal(error):
                    for message in prepared:
                        own = isinstance(message, Failure)
                        yield message if own else Failure(error, uncertain=True)
                raise
        for message in prepared:
            if isinstance(message, Failure):
                yield message
                continue
            answer = answers[message.queue]
            yield Failure(answer) if isinstance(answer, Exception) else message.id
