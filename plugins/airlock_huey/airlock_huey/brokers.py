"""The Redis behind a Huey: a client of it that keeps a deadline, and what errors mean."""

from __future__ import annotations

import copy
import sys
from typing import Any
from weakref import WeakKeyDictionary

from airlock_core import configuration

# What a pool of redis-py keeps among the arguments of its connections, and makes anew for itself.
_THE_POOLS_OWN = ("event_dispatcher", "himport_registry", "maint_notifications_", "orig_")
_REDIS_LISTENS_AT = {
    "host": "localhost", "port": 6379, "path": None, "db": 0, "username": None, "password": None,
}  # fmt: skip

# By the application's pool: the deadline in force, and the client that keeps it.
_clients: WeakKeyDictionary[Any, tuple[float, Any]] = WeakKeyDictionary()


def is_on_redis(storage: Any) -> bool:
    """Whether a storage of Huey's speaks to Redis through redis-py."""
    redis_storage = sys.modules["huey.storage"].RedisStorage
    redis = sys.modules.get("redis")
    return (
        redis is not None
        and isinstance(storage, redis_storage)
        and isinstance(vars(storage).get("conn"), redis.Redis)
    )


def address_of(storage: Any) -> tuple[Any, ...]:
    """Return the server, database and user of a storage on Redis."""
    pool = storage.conn.connection_pool
    arguments = pool.connection_kwargs
    # Objects that answer for themselves: only the very same one leads to the same server.
    others = getattr(pool, "sentinel_manager", None), arguments.get("credential_provider")
    where = (arguments.get(*item) for item in _REDIS_LISTENS_AT.items())
    return (*where, getattr(pool, "service_name", None), *map(id, others))


def bounded_client(storage: Any) -> Any:
    """Return a client of a storage's Redis that waits no longer than `broker_timeout` says.

    It never sends a command twice. The application's own connections are left as they are.
    """
    seconds = configuration.current.broker_timeout
    pool = storage.conn.connection_pool
    known = _clients.get(pool)
    if known is None or known[0] != seconds:
        known = _clients[pool] = seconds, _client(pool, seconds)
    return known[1]


def _client(pool: Any, seconds: float) -> Any:
    from redis import Redis

    return Redis(connection_pool=_bounded(pool, seconds))


def _bounded(pool: Any, seconds: float) -> Any:
    """Make a pool of connections to the same server, with a deadline and without retries."""
    from redis.backoff import NoBackoff
    from redis.connection import ConnectionPool
    from redis.retry import Retry

    arguments = {
        name: value
        for name, value in pool.connection_kwargs.items()
        if not name.startswith(_THE_POOLS_OWN)
    }
    arguments |= {
        "connection_class": pool.connection_class,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "health_check_interval": 0,
    }
    if "path" in arguments:
        arguments.pop("socket_timeout", None)
        arguments["connection_class"] = _with_a_deadline(pool.connection_class, seconds)
    else:
        arguments |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
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
    sentinels.sentinels = [_client(each.connection_pool, seconds) for each in sentinels.sentinels]
    arguments |= {
        "connection_pool": None,
        "is_master": pool.is_master,
        "check_connection": pool.check_connection,
    }
    del arguments["connection_pool"]  # the pool is an argument of its own connections
    return type(pool)(pool.service_name, sentinels, **arguments)


def _with_a_deadline(kind: type, seconds: float) -> type:
    """Derive from a class of connections at a path: some redis-py 4 and 5 forget its timeout."""

    def __init__(self: Any, **arguments: Any) -> None:
        kind.__init__(self, **arguments)  # type: ignore[misc]
        self.socket_timeout = seconds

    return type(kind.__name__, (kind,), {"__init__": __init__})


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


def is_unreachable(error: Exception) -> bool:
    """Whether an error says that Redis cannot be reached, and is no fault of one message."""
    redis = sys.modules.get("redis")
    errors: tuple[type[Exception], ...] = (OSError,)
    if redis is not None:
        errors += (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
    return isinstance(error, errors)


def is_a_refusal(error: Exception) -> bool:
    """Whether Redis has answered, and said no: the pipeline was not carried out."""
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


def is_lost_on_the_way(error: Exception, storage: Any) -> bool:
    """Whether a storage may have the message all the same that it was just given.

    Those that are files or in memory say what they have; of any other, only a refusal is certain.
    """
    module = sys.modules["huey.storage"]
    local = (module.FileStorage, module.MemoryStorage, module.SqliteStorage)
    if isinstance(storage, local) or isinstance(error, ConnectionRefusedError):
        return False
    return not (is_on_redis(storage) and is_a_refusal(error))


def stops_the_task(error: Exception) -> bool:
    """Whether it is the timeout of the task in which the flush happens.

    It strikes wherever the task just is, and is no fault of the message that was being sent.
    """
    timeout = getattr(sys.modules.get("huey.exceptions"), "TaskTimeout", None)
    return timeout is not None and isinstance(error, timeout)
