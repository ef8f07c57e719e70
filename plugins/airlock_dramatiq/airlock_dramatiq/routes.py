"""The ways from here to a broker: which one a broker has, and the plain one, for any kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from airlock import Failure
from airlock_dramatiq.brokers import is_lost_on_the_way, is_unreachable
from airlock_dramatiq.collecting import Keeper, hears

if TYPE_CHECKING:
    from airlock_dramatiq.letters import Letter


class Route:
    """One message after the other, with the broker's own `enqueue`.

    Entering it makes sure that the broker can be reached, where there is a way to ask.

    Args:
        broker: the application's broker.

    Attributes:
        broker: the same.
        hears_before: whether any middleware listens to `before_enqueue`.
        hears_after: whether any middleware listens to `after_enqueue`.
    """

    def __init__(self, broker: Any) -> None:
        """Nothing happens before it is entered."""
        self.broker = broker
        self.hears_before = hears(broker, "before_enqueue")
        self.hears_after = hears(broker, "after_enqueue")

    def __enter__(self) -> Self:
        """Make sure that the broker answers, before anything is on its way."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the connection."""

    def collecting(self, letter: Letter) -> Any:
        """Return what stands in for the broker, and puts messages into a letter."""
        return Keeper(self.broker, letter)

    def send(self, letters: Sequence[Letter]) -> Iterator[Any]:
        """Send letters in order.

        Yields:
            One outcome for each.
        """
        for letter in letters:
            if letter.error is not None:
                yield Failure(letter.error)
                continue
            sent = 0
            try:
                for message, delay in letter.kept:
                    enqueued = letter.intent.run(self.broker.enqueue, message, delay=delay)
                    sent += 1
                    if letter.receipt is message:
                        letter.receipt = enqueued
            except Exception as error:
                lost = is_lost_on_the_way(error)
                if lost or sent:
                    yield Failure(error, uncertain=True)
                elif not is_unreachable(error):
                    yield Failure(error)
                if is_unreachable(error):
                    raise
            else:
                yield letter.receipt


def route_of(broker: Any) -> Route:
    """Choose the shortest route to a broker."""
    module = sys.modules.get("dramatiq.brokers.redis")
    if module is not None and isinstance(broker, module.RedisBroker):
        from airlock_dramatiq.pipelines import Pipeline, is_one_redis

        return Pipeline(broker) if is_one_redis(broker.client) else Route(broker)
    module = sys.modules.get("dramatiq.brokers.rabbitmq")
    if module is not None and isinstance(broker, module.RabbitmqBroker):
        from airlock_dramatiq.channels import Channel

        return Channel(broker)
    return Route(broker)
