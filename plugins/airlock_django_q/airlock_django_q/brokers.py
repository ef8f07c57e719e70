"""The broker that django-q is set up with, and what is known of its kind."""

from __future__ import annotations

from typing import Any


def configured_class() -> Any:
    """Return the class of which django-q's `get_broker()` would make a broker; None for others.

    Asked without making one: that of the ORM broker closes the connections of the thread, and may
    not be made in an event loop.
    """
    from django_q.conf import Conf

    if Conf.BROKER_CLASS:
        from django.utils.module_loading import import_string

        return import_string(Conf.BROKER_CLASS)
    if Conf.IRON_MQ or isinstance(Conf.SQS, dict):
        return None
    if Conf.ORM:
        from django_q.brokers.orm import ORM

        return ORM
    if Conf.MONGO:
        return None
    from django_q.brokers.redis_broker import Redis

    return Redis


def is_orm(kind: Any) -> bool:
    """Whether brokers of a class write rows where django-q's own ORM broker does."""
    from django_q.brokers.orm import ORM

    return _sends_as(kind, ORM)


def is_redis(kind: Any) -> bool:
    """Whether brokers of a class push to Redis as django-q's own does."""
    try:
        from django_q.brokers.redis_broker import Redis
    except ModuleNotFoundError:  # redis-py is not needed elsewhere
        return False
    return _sends_as(kind, Redis)


def orm_connection() -> Any:
    """Return Django's connection, in this thread, to the database of the ORM broker."""
    from django.db import connections
    from django_q.conf import Conf

    # By its alias alone: a queryset that was told one does not ask the routers.
    return connections[Conf.ORM]


def _sends_as(kind: Any, known: Any) -> bool:
    """Whether a class has no way of sending of its own, of which nothing is known."""
    return (
        isinstance(kind, type)
        and issubclass(kind, known)
        and all(
            getattr(kind, name) is getattr(known, name) for name in ("enqueue", "get_connection")
        )
    )
