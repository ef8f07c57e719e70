"""The broker behind an app: can it be reached, has it pipelines, was an error its own."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_POLICY = ("max_retries", "interval_start", "interval_step", "interval_max")


def batch_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that say that a pipeline broke on its way; none before Kombu 5.7."""
    from kombu import exceptions

    error = getattr(exceptions, "BatchPublishError", None)
    return () if error is None else (error,)


def is_unreachable(error: BaseException | None, app: Any) -> bool:
    """Whether an error says that the broker or the result backend cannot be reached.

    Anything else is the fault of the one message that was being sent.
    """
    from kombu.exceptions import OperationalError

    errors = (OperationalError, OSError, *_pool_of(app).connection.connection_errors)
    # Celery gives up on its result backend with a RuntimeError.
    return isinstance(error, errors) or (
        isinstance(error, RuntimeError) and isinstance(error.__cause__, errors)
    )


def is_lost_on_the_way(error: BaseException, app: Any) -> bool:
    """Whether a broker that had answered went away while it was given a message.

    It may have the message all the same. Where Celery gave up on the result backend, with a
    `RuntimeError`, it had not come to sending yet.
    """
    return is_unreachable(error, app) and not isinstance(error, RuntimeError)


def stops_the_task(error: BaseException) -> bool:
    """Whether it is the soft time limit of the task in which the flush happens.

    It strikes wherever the task just is, and is no fault of the message that was being sent.
    """
    from billiard.exceptions import SoftTimeLimitExceeded

    return isinstance(error, SoftTimeLimitExceeded)


def has_pipelines(producer: Any) -> bool:
    """Whether the messages of a block can leave in one pipeline."""
    return bool(getattr(producer, "supports_batch_publish", False))


def pipeline(producer: Any) -> AbstractContextManager[Any]:
    """Collect what the producer publishes in the block, and send it at the end.

    An exception sends none of it.
    """
    if not has_pipelines(producer):
        return nullcontext()
    # Never in several parts: what came before a part that failed would have left.
    batch: AbstractContextManager[Any] = producer.batch(max_size=sys.maxsize)
    return batch


def knock(app: Any, producer: Any) -> None:
    """Make sure that the broker answers, before anything is on its way that could get lost.

    A connection out of the pool may be long dead, and a pipeline that is sent through it fails
    with nobody knowing what arrived. So it is tried first, and made anew, as often as the app's
    `task_publish_retry_policy` says.

    Raises:
        OperationalError: it does not; nothing has left.
    """
    retries = app.conf.task_publish_retry
    given = dict(app.conf.task_publish_retry_policy or {}) if retries else {"max_retries": 0}
    policy = {key: value for key, value in given.items() if key in _POLICY}
    connection = producer.connection
    connection.ensure_connection(**policy)
    connection.ensure(producer, _ping, **policy)(producer)


def _ping(producer: Any) -> None:
    ping = getattr(getattr(producer.channel, "client", None), "ping", None)
    if ping is not None:
        ping()


def _pool_of(app: Any) -> Any:
    return app.producer_pool.connections
