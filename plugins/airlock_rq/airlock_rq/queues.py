"""Which queue a job is for, and so on which Redis."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airlock import IntentError
from airlock_rq.kinds import decorator_of, is_queue

if TYPE_CHECKING:
    from airlock import Intent

# Django-rq makes a connection with each queue; one for each of its settings is enough.
_of_django: dict[str, tuple[Any, Any]] = {}


def queue_of(intent: Intent, default: Any, made: dict[tuple[int, str], Any]) -> Any:
    """Find the queue of an intent.

    Asked in this order: the option `queue`, the function's `@job`, the executor's default,
    django-rq, the environment. Where the option is a name, the next of them has its Redis.

    Args:
        intent: the intent.
        default: the executor's default: a queue, a name, a function from names to queues, or None.
        made: the queues that had to be made so far, in one run; the new one is added.

    Returns:
        An `rq.Queue`.

    Raises:
        IntentError: there is none.
    """
    name = intent.dispatch_options.get("queue")
    if is_queue(name):
        return name
    decorator = decorator_of(intent.task)
    if decorator is not None:
        if decorator.connection is not None or is_queue(decorator.queue):
            return _decorated(decorator, name, made)
        name = name or decorator.queue
    if isinstance(default, str):
        name = name or default
    elif is_queue(default):
        return _named(default, name, made)
    elif default is not None:
        return _checked(default(name or "default"), default)
    found = _django_queue(name or "default")
    if found is None:
        found = _environment_queue(name or "default")
    if found is None:
        raise IntentError(
            f"it is not known which Redis {intent.name} is for. Set RQ_REDIS_URL, give "
            '_dispatch_options={"queue": Queue("default", connection=...)}, put @job above the '
            "function, or use scope(executor=RQExecutor(queue))."
        )
    return found


def _decorated(decorator: Any, name: str | None, made: dict[tuple[int, str], Any]) -> Any:
    if is_queue(decorator.queue):
        return _named(decorator.queue, name, made)
    name = name or decorator.queue
    key = id(decorator), name
    if key not in made:
        made[key] = decorator.queue_class(name=name, connection=decorator.connection)
    return made[key]


def _named(queue: Any, name: str | None, made: dict[tuple[int, str], Any]) -> Any:
    """Return a queue, or one of another name with the same settings."""
    if name is None or name == queue.name:
        return queue
    key = id(queue), name
    if key not in made:
        made[key] = type(queue)(
            name,
            connection=queue.connection,
            default_timeout=queue._default_timeout,
            is_async=queue.is_async,
            job_class=queue.job_class,
            serializer=queue.serializer,
            death_penalty_class=queue.death_penalty_class,
        )
    return made[key]


def _checked(queue: Any, function: Any) -> Any:
    if not is_queue(queue):
        raise IntentError(f"{function!r} returned {queue!r}, and should return an rq.Queue.")
    return queue


def _django_queue(name: str) -> Any:
    """Ask django-rq, where the application has imported and configured it."""
    django_rq = sys.modules.get("django_rq")
    if django_rq is None:
        return None
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        configured = getattr(settings, "RQ_QUEUES", None)
    except ImproperlyConfigured:
        return None
    if not configured:
        return None
    if name not in configured:
        raise IntentError(
            f"RQ_QUEUES has no queue {name!r}. It has: {', '.join(configured)}. Add it there, or "
            "choose one of them."
        )
    known, queue = _of_django.get(name, (None, None))
    if known != configured[name]:
        queue = django_rq.get_queue(name)
        _of_django[name] = (dict(configured[name]), queue)
    return queue


def _environment_queue(name: str) -> Any:
    url = os.environ.get("RQ_REDIS_URL")
    if not url:
        return None
    from rq import Queue

    return Queue(name, connection=_connection(url))


@lru_cache(maxsize=8)
def _connection(url: str) -> Any:
    from redis import Redis

    try:
        return Redis.from_url(url)
    except ValueError as error:
        # Not the address itself: there may be a password in it.
        raise IntentError(f"RQ_REDIS_URL cannot serve: {error}") from None
