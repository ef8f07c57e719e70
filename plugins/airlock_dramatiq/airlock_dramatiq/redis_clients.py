"""Redis clients of airlock's own: to the application's server, with a deadline and no retries."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary, finalize

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from airlock_core import configuration

# What a pool adds for itself: it belongs to that pool.
_OF_THE_POOL = (
    "connection_pool",
    "himport_registry",
    "maint_notifications_pool_handler",
    "orig_host_address",
    "orig_socket_connect_timeout",
    "orig_socket_timeout",
)

_lock = threading.Lock()
_clients: WeakKeyDictionary[Any, tuple[float, Redis]] = WeakKeyDictionary()


def own_client(client: Redis) -> Redis:
    """Return a client to the same server that waits for `broker_timeout` and never tries again.

    Args:
        client: the application's. It stays as it is.
    """
    timeout = configuration.current.broker_timeout
    pool = client.connection_pool
    with _lock:
        known = _clients.get(pool)
        if known is None or known[0] != timeout:
            known = timeout, Redis(connection_pool=_pool_like(pool, timeout))
            _clients[pool] = known
            finalize(pool, known[1].connection_pool.disconnect)
    return known[1]


def _pool_like(pool: Any, timeout: float) -> ConnectionPool:
    settings = {
        name: value for name, value in pool.connection_kwargs.items() if name not in _OF_THE_POOL
    }
    settings |= {
        "connection_class": pool.connection_class,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "retry_on_timeout": False,
    }
    if isinstance(pool, SentinelConnectionPool):
        settings |= {"is_master": pool.is_master, "check_connection": pool.check_connection}
        sentinel_pool: Any = SentinelConnectionPool  # not annotated
        found: ConnectionPool = sentinel_pool(pool.service_name, pool.sentinel_manager, **settings)
        return found
    return ConnectionPool(**settings)
