"""A run of messages in one pipeline of Redis: all of them leave, or none does, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airlock import Failure
from airlock_huey.brokers import is_a_refusal
from airlock_huey.collecting import Collector
from airlock_huey.routes import Prepared, Route

#: What the commands to one queue have in common: the name of the command, and the key.
Queue = tuple[str, Any]


class Pipeline(Route):
    """The messages of all Hueys that are on one Redis, in one transaction of Redis.

    Args:
        storage: the storage of the first of them.
        address: where its Redis is.
    """

    def __init__(self, storage: Any, address: tuple[Any, ...]) -> None:
        """Share the route with whoever has the same address."""
        super().__init__(storage)
        self.key = ("redis", *address)

    def collector(self, huey: Any) -> Collector:
        """Return what keeps the commands by which Huey sends a message."""
        return Collector(huey, self._client)

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Send the messages together, and yield one outcome for each intent."""
        queues = _by_queue(prepared)
        with self._client.pipeline() as pipeline:
            for (name, key), messages in queues.items():
                _add(pipeline, name, key, messages)
            try:
                answers = dict(zip(queues, pipeline.execute(raise_on_error=False), strict=True))
            except Exception as error:
                if not is_a_refusal(error):
                    for outcome, _ in prepared:
                        own = isinstance(outcome, Failure)
                        yield outcome if own else Failure(error, uncertain=True)
                raise
        for outcome, commands in prepared:
            yield _judged(outcome, [answers[name, key] for name, (key, _) in commands])


def _by_queue(prepared: Sequence[Prepared]) -> dict[Queue, list[Any]]:
    """Collect what goes into each queue, in order: Redis takes it with one command."""
    queues: dict[Queue, list[Any]] = {}
    for _, commands in prepared:
        for name, (key, message) in commands:
            queues.setdefault((name, key), []).append(message)
    return queues


def _add(pipeline: Any, name: str, key: Any, messages: list[Any]) -> None:
    if name == "lpush":
        pipeline.lpush(key, *messages)
    else:  # a priority queue: each message comes with its score
        pipeline.zadd(key, {member: score for each in messages for member, score in each.items()})


def _judged(outcome: Any, answers: Sequence[Any]) -> Any:
    """Return the outcome of an intent, given what Redis has answered to its commands."""
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    if not errors:
        return outcome
    return Failure(errors[0], uncertain=len(errors) < len(answers))
