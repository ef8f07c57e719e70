"""The broker of a run: which carrier serves it, can it be reached, was an error a message's own."""

from __future__ import annotations

import sys
from typing import Any

from airlock_dramatiq.carriers import Carrier


def carrier_for(broker: Any) -> Carrier:
    """Return a carrier of messages to a broker.

    Args:
        broker: the application's broker.
    """
    module = sys.modules.get("dramatiq.brokers.redis")
    if module is not None and isinstance(broker, module.RedisBroker):
        from airlock_dramatiq.on_redis import RedisCarrier, is_one_redis

        return RedisCarrier(broker) if is_one_redis(broker.client) else Carrier(broker)
    module = sys.modules.get("dramatiq.brokers.rabbitmq")
    if module is not None and isinstance(broker, module.RabbitmqBroker):
        from airlock_dramatiq.on_rabbitmq import RabbitmqCarrier

        return RabbitmqCarrier(broker)
    return Carrier(broker)


def is_unreachable(error: BaseException) -> bool:
    """Whether an error says that the broker cannot be reached, whichever message was being sent."""
    return isinstance(error, _refusing()) or is_lost_on_the_way(error)


def is_lost_on_the_way(error: BaseException) -> bool:
    """Whether a broker went away, or was silent, while it was given a message.

    It may have the message all the same.
    """
    from dramatiq.errors import ConnectionClosed

    errors: tuple[type[BaseException], ...] = (ConnectionClosed, OSError)
    redis = sys.modules.get("redis.exceptions")
    if redis is not None:
        errors = (*errors, redis.ConnectionError, redis.TimeoutError)
    return isinstance(error, errors) and not isinstance(error, _refusing())


def _refusing() -> tuple[type[BaseException], ...]:
    from dramatiq.errors import ConnectionFailed

    return (ConnectionFailed, ConnectionRefusedError)
