"""The Redis behind a queue: a connection of airlock's own, and what its errors mean."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any

from airlock_core import configuration
from airlock_rq.packing import Packer

# What a pool hands to each of its connections and is the application's own: how often it tries
# again, and how it keeps its books.
_NOT_COPIED = (
    "retry", "health_check", "cache", "connection_pool", "driver_info", "event_dispatcher",
    "himport_registry", "maint_notifications", "oss_cluster", "orig_",
)  # fmt: skip


def client_of(queue: Any) -> Any:
    """Return a client for the Redis of a queue that gives up at the deadline, and never retries.

    RQ has no deadline, and a client that retries by itself may push a job twice. The connection
    of the application stays as it is. Queues on one Redis share the client.

    Args:
        queue: an `rq.Queue`.

    Returns:
        A `redis.Redis`.
    """
    pool = queue.connection.connection_pool
    settings = frozenset(_settings(pool))
    sentinel = getattr(pool, "sentinel_manager", None)
    service = None
    if sentinel is not None:
        service = (type(pool), pool.service_name, _Same(sentinel), pool.is_master)
    deadline = configuration.current.broker_timeout
    return _client(pool.connection_class, service, settings, deadline, os.getpid())


def knock(client: Any) -> None:
    """Make sure that Redis answers, before anything is on its way that could get lost.

    Raises:
        Exception: it does not; nothing has left.
    """
    client.ping()
    version_of(client)


@lru_cache(maxsize=32)
def version_of(client: Any) -> Any:
    """Return the version of a Redis: asked once, where each new queue of RQ's would ask again."""
    from rq.utils import get_version

    return get_version(client)


def is_lost_on_the_way(error: Exception) -> bool:
    """Whether Redis went away, or did not answer in time; otherwise it is the fault of the job."""
    from redis.exceptions import ConnectionError, TimeoutError

    return isinstance(error, ConnectionError | TimeoutError | OSError)


def stops_the_job(error: Exception) -> bool:
    """Whether it is the time limit of the job in which the flush happens.

    It strikes wherever the job just is, and is no fault of what was being sent.
    """
    from rq.timeouts import BaseTimeoutException

    return isinstance(error, BaseTimeoutException)


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
    if _packs_in_python(connection_class):
        pool.connection_kwargs.setdefault("command_packer", Packer(pool.get_encoder().encode))
    return Redis.from_pool(pool)


def _packs_in_python(connection_class: Any) -> bool:
    """Whether its connections take a packer, and have none in C."""
    from redis import connection
    from redis.utils import HIREDIS_AVAILABLE

    since_redis_5 = getattr(connection, "AbstractConnection", ())
    return not HIREDIS_AVAILABLE and issubclass(connection_class, since_redis_5)


def _without_notifications() -> dict[str, Any]:
    """Turn off the messages by which a server may ask for more time than the deadline."""
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:  # before redis 7
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
