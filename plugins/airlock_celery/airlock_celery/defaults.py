"""The settings that `production_app()` starts from. What the project sets itself wins.

docs/how-to/run-celery-in-production.md says of each why it is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Seconds to wait for a broker, or for Redis with the results, that does not answer.
_DEADLINE = 5

#: Whatever the broker is.
SETTINGS: Mapping[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_time_limit": 30 * 60,
    "task_publish_retry_policy": {
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.2,
    },
    "broker_connection_retry_on_startup": True,
    "redis_socket_timeout": _DEADLINE,
    "redis_socket_connect_timeout": _DEADLINE,
}

#: Into `broker_transport_options`, by the kind of broker.
TRANSPORT: Mapping[str, Mapping[str, Any]] = {
    "redis": {
        "socket_timeout": _DEADLINE,
        "socket_connect_timeout": _DEADLINE,
        "socket_keepalive": True,
    },
    "amqp": {
        "confirm_publish": True,
        "read_timeout": _DEADLINE,
        "write_timeout": _DEADLINE,
    },
}

#: Seconds after which Redis gives a message that was not acknowledged to another worker, at least.
VISIBILITY = 60 * 60


def transport_options(kind: str, time_limit: float | None) -> dict[str, Any]:
    """Return the defaults of `broker_transport_options`.

    Args:
        kind: the kind of transport, as Kombu's `driver_type` names it.
        time_limit: the hard time limit of the tasks, in seconds, where there is one.
    """
    options = dict(TRANSPORT.get(kind, {}))
    if kind == "redis":
        # A message may wait for a free process as long as a task runs, and then runs as long.
        options["visibility_timeout"] = max(VISIBILITY, 2 * (time_limit or 0))
    return options
