"""The ways to a queue: which one a task takes, and the plain one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from airlock import Failure
from airlock_django_q.brokers import configured_class, is_orm, is_redis
from airlock_django_q.sending import Message

#: The message of an intent, or why it could not be made.
Prepared = Message | Failure

#: A route, and the key of a queue.
Address = tuple["Route", str]


class Route:
    """One message after the other, as django-q sends them.

    Args:
        broker: a broker of django-q's.

    Attributes:
        key: equal where messages for several queues may take one route.
    """

    key: Hashable

    def __init__(self, broker: Any) -> None:
        """Keep the broker."""
        self.broker = broker
        self.key = id(broker)

    def knock(self) -> None:
        """Raise where it can be known that nothing would arrive."""

    def send(self, prepared: Sequence[Prepared]) -> Iterator[Any]:
        """Send what was prepared, in order, and yield one outcome for each."""
        for message in prepared:
            if isinstance(message, Failure):
                yield message
                continue
            try:
                self.broker.enqueue(message.payload)
            except ConnectionRefusedError:
                raise
            except Exception as error:
                yield Failure(error, uncertain=True)  # nobody knows where it broke
                raise
            yield message.id


def address_of(options: Mapping[str, Any], known: dict[Any, Address]) -> Address:
    """Find the route of an intent, and the key of its queue.

    Args:
        options: the options of the intent.
        known: what was found so far in this flush.
    """
    broker, cluster = options.get("broker"), options.get("cluster")
    key = cluster if broker is None else (id(broker),)
    if key not in known:
        known[key] = _address(broker, cluster)
    return known[key]


def _address(broker: Any, cluster: str | None) -> Address:
    from django_q.conf import Conf

    kind = configured_class() if broker is None else type(broker)
    if is_orm(kind):
        from airlock_django_q.rows import Rows

        # None is made for the sake of its name: that would close the connections of this thread.
        queue = cluster if broker is None else broker.list_key
        return Rows(), queue or Conf.CLUSTER_NAME
    if broker is None:
        from django_q.brokers import get_broker

        broker = get_broker(cluster)
    if is_redis(kind):
        from airlock_django_q.pipelines import Pipeline

        return Pipeline(broker), broker.list_key
    return Route(broker), broker.list_key
