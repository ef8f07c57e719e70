"""A client of the broker's Redis that keeps a deadline, and what its errors mean."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any

from airlock_core import configuration

# What a pool hands to each of its connections and is the application's own: how often it tries
# again, and how it keeps its books.
_NOT_COPIED = (
    "retry", "health_check", "cache", "connection_pool", "driver_info", "event_dispatcher",
    "himport_registry", "maint_notifications", "oss_cluster", "orig_",
)  # fmt: skip


def client_of(connection: Any) -> Any:
    """Return a client for a broker's Redis that gives up at the deadline, and never retries.

    django-q has no deadline, and makes a client for each message. This one is kept; a broker's own
    stays as it is.

    Args:
        connection: the `redis.Redis` of a broker.
    """
    pool = connection.connection_pool
    sentinel = getattr(pool, "sentinel_manager", None)
    service = None
    if sentinel is not None:
        service = (type(pool), pool.service_name, _Same(sentinel), pool.is_master)
    deadline = configuration.current.broker_timeout
    return _client(
        pool.connection_class, service, frozenset(_settings(pool)), deadline, os.getpid()
    )


def knock(client: Any) -> None:
    """Make sure that Redis answers, before anything is on its way that could get lost.

    A connection out of the pool may be long dead: it is made anew, once.

    Raises:
        redis.RedisError: it does not answer; nothing has left.
    """
    from redis.exceptions import ConnectionError, ResponseError

    try:
        client.ping()
    except ResponseError:  # a user that may not say PING has been answered
        pass
    except ConnectionError:
        client.ping()


def is_a_refusal(error: Exception) -> bool:
    """Whether Redis has answered, and said no: the pipeline was not carried out."""
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


def _settings(pool: Any) -> Iterator[tuple[str, Hashable]]:
    for name, value in pool.connection_kwargs.items():
        if not name.startswith(_NOT_COPIED):
            plain = value is None or isinstance(value, str | bytes | int | float)
            yield name, value if plain else _Same(value)


# A few for each Redis, where the deadline changes; a program that talks to more makes them anew.
@lru_cache(maxsize=32)
def _client(
    connection_class: Any,
    service: tuple[Any, ...] | None,
    settings: frozenset[tuple[str, Any]],
    deadline: float,
    process: int,  # the locks of a pool may be held for ever in a fork: it has a client of its own
) -> Any:
    from redis import ConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        name: value.value if isinstance(value, _Same) else value for name, value in settings
    }
    options.update(
        _without_notifications(),
        connection_class=connection_class,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        retry=Retry(NoBackoff(), 0),
    )
    if service is None:
        pool: Any = ConnectionPool(**options)
    else:
        pool_class, name, sentinel, is_master = service
        pool = pool_class(name, sentinel.value, is_master=is_master, **options)
    return Redis(connection_pool=pool)


def _without_notifications() -> dict[str, Any]:
    """Turn off the messages by which a server may ask for more time than the deadline."""
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:  # before redis 6.4
        return {}
    return {"maint_notifications_config": MaintNotificationsConfig(enabled=False)}


class _Same:
    """A value that is equal to itself alone, whatever it says about it."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return hash(id(self.value))
