"""The Redis behind a broker: a client of it that keeps a deadline. And what errors mean."""

from __future__ import annotations

import copy
import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary, finalize

from airlock_core import configuration

# What a pool of redis-py keeps among the arguments of its connections, and makes anew for itself.
_THE_POOLS_OWN = (
    "connection_pool", "event_dispatcher", "himport_registry", "maint_notifications_", "orig_",
)  # fmt: skip

_lock = threading.Lock()
# By the application's pool: the deadline in force, and the client that keeps it.
_clients: WeakKeyDictionary[Any, tuple[float, Any]] = WeakKeyDictionary()


def client_of(broker: Any) -> Any:
    """Return a client for the Redis of a broker that gives up at the deadline, and never retries.

    The application's own client is left as it is.

    Args:
        broker: a `RedisBroker`.
    """
    seconds = configuration.current.broker_timeout
    pool = broker.client.connection_pool
    with _lock:
        known = _clients.get(pool)
        if known is None or known[0] != seconds:
            known = _clients[pool] = seconds, _client(pool, seconds)
            finalize(pool, known[1].connection_pool.disconnect)
    return known[1]


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


def _client(pool: Any, seconds: float) -> Any:
    from redis import Redis

    return Redis(connection_pool=_bounded(pool, seconds))


def _bounded(pool: Any, seconds: float) -> Any:
    """Make a pool of connections to the same server, with a deadline and without retries."""
    from redis import ConnectionPool
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    arguments = {
        name: value
        for name, value in pool.connection_kwargs.items()
        if not name.startswith(_THE_POOLS_OWN)
    }
    arguments |= {
        "connection_class": pool.connection_class,
        "socket_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    if "path" not in arguments:  # there is nothing to wait for, and some redis-py 4 do not take it
        arguments["socket_connect_timeout"] = seconds
    try:
        from redis.maint_notifications import MaintNotificationsConfig
    except ImportError:  # before redis-py 6.4
        pass
    else:
        # A server that announces its maintenance would have the deadline relaxed.
        arguments["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    sentinels = getattr(pool, "sentinel_manager", None)
    if sentinels is None:
        return ConnectionPool(**arguments)
    sentinels = copy.copy(sentinels)
    # One that does not answer leaves the others their share of the deadline.
    share = seconds / len(sentinels.sentinels)
    sentinels.sentinels = [_client(each.connection_pool, share) for each in sentinels.sentinels]
    arguments |= {"is_master": pool.is_master, "check_connection": pool.check_connection}
    return type(pool)(pool.service_name, sentinels, **arguments)
