"""The broker behind an app: can it be reached, has it pipelines, was an error its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic
from typing import Any

from airlock_celery.connections import producer_for
from airlock_core import configuration

# On an app: a connection that tells the pool of airlock's own, and what it was made for.
_CONNECTION = "_airlock_connection"

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

    unreachable: list[type[Exception]] = [OperationalError, OSError, *_connection_errors(app)]
    errors = tuple(unreachable)
    # Celery gives up on its result backend with a RuntimeError.
    return isinstance(error, errors) or (
        isinstance(error, RuntimeError) and isinstance(error.__cause__, errors)
    )


def _connection_errors(app: Any) -> tuple[type[Exception], ...]:
    # Kombu counts a KeyError among those of Redis: it may be that of an option, as an unknown
    # compression, and keep back what comes after it.
    errors: tuple[type[Exception], ...] = _pool_of(app).connection.connection_errors
    return tuple(error for error in errors if not issubclass(error, LookupError))


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


# What ends a wait on a connection, by the kind of transport.
_TIMEOUTS = {
    "redis": ("socket_timeout", "socket_connect_timeout"),
    "amqp": ("read_timeout", "write_timeout"),
}


@contextmanager
def producer_of(app: Any) -> Iterator[Any]:
    """Acquire a producer for an app's broker, whose waits end after `broker_timeout`.

    It comes from a pool beside that of the app, whose connections may wait for ever.
    """
    with _acquired(app) as producer:
        try:
            yield producer
        except Exception as error:
            if is_unreachable(error, app):
                _hang_up(producer)
            raise


def _hang_up(producer: Any) -> None:
    """Close the socket to a broker that does not answer: saying goodbye would be one more wait."""
    connection = getattr(producer.__dict__.get("_channel"), "connection", None)
    collect = getattr(connection, "collect", None)
    if collect is not None:
        collect()


def _acquired(app: Any) -> AbstractContextManager[Any]:
    timeout = configuration.current.broker_timeout
    known = app.__dict__.get(_CONNECTION)
    if known is None or known[0] != (timeout, app.pool):
        known = app.__dict__[_CONNECTION] = (timeout, app.pool), _connection(app, timeout)
    if known[1] is None:
        found: AbstractContextManager[Any] = app.producer_or_acquire()
        return found
    return producer_for(known[1])


def _connection(app: Any, timeout: float) -> Any:
    """Make a connection for the pool to be told by, or None where its waits cannot be ended."""
    connection = app.connection_for_write()
    names = _TIMEOUTS.get(connection.transport.driver_type)
    if names is None:
        return None
    given = app.conf.broker_transport_options
    return app.connection_for_write(
        connect_timeout=min(timeout, app.conf.broker_connection_timeout or timeout),
        transport_options={name: min(timeout, given.get(name) or timeout) for name in names},
    )


def knock(app: Any, producer: Any) -> None:
    """Make sure that the broker answers, before anything is on its way that could get lost.

    A connection out of the pool may be long dead, and a pipeline that is sent through it fails
    with nobody knowing what arrived. So it is tried first, and made anew, as often as the app's
    `task_publish_retry_policy` says, and not for longer than `broker_timeout`.

    Raises:
        OperationalError: it does not; nothing has left.
    """
    retries = app.conf.task_publish_retry
    given = dict(app.conf.task_publish_retry_policy or {}) if retries else {"max_retries": 0}
    policy = {key: value for key, value in given.items() if key in _POLICY}
    timeout = configuration.current.broker_timeout
    deadline = monotonic() + 0.9 * timeout  # a wait that has just ended is as good as over
    connection = producer.connection
    connection.ensure_connection(**policy, timeout=timeout)
    connection.ensure(producer, _ping, **policy)(producer, deadline)


def _ping(producer: Any, deadline: float) -> None:
    """Have the broker answer something that changes nothing."""
    from kombu.exceptions import OperationalError

    channel = producer.channel
    try:
        if producer.connection.transport.driver_type == "amqp":
            channel.basic_qos(0, 0, False)
        elif ping := getattr(getattr(channel, "client", None), "ping", None):
            ping()
    except Exception as error:
        if monotonic() < deadline:
            raise
        # Kombu would connect anew, and wait once more.
        raise OperationalError(
            f"the broker did not answer within broker_timeout: {error!r}. Nothing has left."
        ) from error


def _pool_of(app: Any) -> Any:
    return app.producer_pool.connections
