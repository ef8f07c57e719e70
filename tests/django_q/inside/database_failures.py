"""A PostgreSQL that goes away under the ORM broker."""

from __future__ import annotations

import socket
import time

import pytest
from django.db import OperationalError, connection, transaction

import airlock
import django_q_shop
from django_q_packages import packages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server_at():
    """A function that has Django connect to a port from now on; None is the project's own."""
    own = connection.settings_dict["PORT"]

    def move(port=None):
        connection.close()
        connection.settings_dict["PORT"] = port or own

    yield move
    move()


def enqueue_each(count):
    return [airlock.enqueue(django_q_shop.add, number) for number in range(count)]


def numbers():
    return [package["args"][0] for package in packages()]


def test_a_connection_that_has_died():
    """One error, nothing has left, and the retry takes a new connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        enqueue_each(50)
        other = connection.copy()
        other.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
        other.close()

    assert (len(caught.value.failed), len(caught.value.undelivered)) == (1, 49)
    caught.value.retry()
    assert numbers() == list(range(50))


def test_a_server_that_refuses(server_at, free_port):
    """One error for all, and at once."""
    server_at(free_port())
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        enqueue_each(50)

    assert (len(caught.value.failed), len(caught.value.undelivered)) == (1, 49)
    assert time.monotonic() - started < 2
    server_at()
    caught.value.retry()
    assert numbers() == list(range(50))


def test_a_server_that_does_not_answer(server_at, monkeypatch):
    """`connect_timeout` in the database's `OPTIONS` bounds the wait, once per flush."""
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server_at(silent.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            enqueue_each(50)

    assert (len(caught.value.failed), len(caught.value.undelivered)) == (1, 49)
    assert 1 < time.monotonic() - started < 6


def test_a_table_that_is_locked():
    """`lock_timeout` bounds the wait for another transaction, once per flush."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
        other = connection.copy()
        other.set_autocommit(False)
        other.cursor().execute("LOCK TABLE django_q_ormq")
        try:
            with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
                enqueue_each(50)
            transaction.set_rollback(True)
        finally:
            other.close()

    assert isinstance(caught.value.exceptions[0], OperationalError)
    assert (len(caught.value.failed), len(caught.value.undelivered)) == (1, 49)
    assert numbers() == []
