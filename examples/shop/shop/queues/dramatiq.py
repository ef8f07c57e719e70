"""Dramatiq, on Redis."""

from collections.abc import Callable
from typing import Any

import dramatiq
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker
from orders.executions import executed

from airlock_dramatiq import AirlockMiddleware


class Audit(dramatiq.Middleware):
    """Writes down what the worker has executed."""

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        """Write it down."""
        said = result if exception is None else exception
        executed(message.message_id, message.actor_name, message.args, said)


broker = RedisBroker(url=settings.REDIS_URL)
broker.add_middleware(AirlockMiddleware())  # each execution is a scope
broker.add_middleware(Audit())
dramatiq.set_broker(broker)


def task(function: Callable[[str], str]) -> Any:
    """Make a function an actor, with its module in its name, as the other queues name it."""
    name = f"{function.__module__}.{function.__name__}"
    return dramatiq.actor(function, actor_name=name, queue_name="shop", max_retries=0)
