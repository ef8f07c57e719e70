"""The ways from here into a Huey's queue: which one a Huey has, and the plain one."""

from __future__ import annotations

import copy
import sys
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from airlock import Failure
from airlock_huey.brokers import (
    address_of,
    bounded_client,
    is_lost_on_the_way,
    is_on_redis,
    knock,
    stops_the_task,
)
from airlock_huey.collecting import Collector, Command

#: What was made of an intent: its outcome if it leaves, or a `Failure`; and what is to be sent.
Prepared = tuple[Any, Sequence[Command]]


class Route:
    """One message after the other, as Huey itself sends them.

    Args:
        storage: the storage of a Huey.

    Attributes:
        key: equal where messages of several Hueys may take one route.
    """

    key: Hashable

    def __init__(self, storage: Any) -> None:
        """Take a client with a deadline, where there is one."""
        self.storage = storage
        self.key = id(storage)
        self._client: Any = None
        if is_on_redis(storage):
            self._client = bounded_client(storage)
            self.storage = copy.copy(storage)
            self.storage.conn = self._client

    def knock(self) -> None:
        """Raise where it can be known that nothing would arrive."""
        if self._client is not None:
            knock(self._client)

    def collector(self, huey: Any) -> Collector:
        """Return what makes the messages that this route can take."""
        return Collector(huey)

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Send what was prepared, in order, and yield one outcome for each."""
        for outcome, commands in prepared:
            sent = 0
            try:
                for _, arguments in commands:
                    self.storage.enqueue(*arguments)
                    sent += 1
            except Exception as error:
                own = isinstance(error, NotImplementedError | TypeError | ValueError)
                lost = sent > 0 or (not own and is_lost_on_the_way(error, self.storage))
                if own or lost or stops_the_task(error):
                    yield Failure(error, uncertain=lost or stops_the_task(error))
                if not own:
                    raise
            else:
                yield outcome


def route_of(huey: Any) -> Route:
    """Choose the shortest route to the queue of a Huey."""
    from airlock_huey.pipelines import Pipeline
    from airlock_huey.transactions import Transaction

    storage = huey.storage
    if _sends_as_huey_does(storage):
        if is_on_redis(storage):
            return Pipeline(storage, address_of(storage))
        if isinstance(storage, sys.modules["huey.storage"].BaseSqlStorage):
            return Transaction(storage)
    return Route(storage)


def _sends_as_huey_does(storage: Any) -> bool:
    """Whether the storage has no `enqueue` of the application's own, of which nothing is known."""
    method = type(storage).enqueue
    return method.__module__ == "huey.storage" and "enqueue" not in vars(storage)
