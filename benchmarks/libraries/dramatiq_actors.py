"""Dramatiq: `send()` in a loop, and airlock. It has no call for many messages."""

from __future__ import annotations

import dramatiq
from dramatiq import Broker

BROKERS = ["redis", "amqp"]
PEER = "dramatiq"


class Library:
    executor = None  # the task goes home by itself

    def __init__(self, url: str) -> None:
        self.broker = _broker(url)
        dramatiq.set_broker(self.broker)
        self.task = dramatiq.actor(_task)

    def loop(self, size: int) -> None:
        for number in range(size):
            self.task.send(number, name="name")

    def floor(self, size: int) -> None:
        for number in range(size):
            self.task.message(number, name="name").encode()

    def arrived(self) -> int:
        if hasattr(self.broker, "client"):
            count: int = self.broker.client.llen("dramatiq:default")
            return count
        return self.broker.get_queue_message_counts("default")[0]

    def clear(self) -> None:
        self.broker.declare_queue("default")
        self.broker.flush_all()


def _broker(url: str) -> Broker:
    if url.startswith("redis"):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=url)
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    return RabbitmqBroker(url=url)


def _task(number: int, name: str) -> None:
    """Do nothing."""
