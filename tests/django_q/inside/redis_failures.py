"""Redis that refuses, hangs or goes away, and how much it has to be asked."""

from __future__ import annotations

import time

import pytest
import redis
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf

import airlock
import django_q_shop
import tcp_proxy
from airlock_django_q import DjangoQExecutor
from django_q_packages import empty, packages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _bounded():
    empty(None, "reports")
    airlock.configure(broker_timeout=0.5)


@pytest.fixture
def proxy(monkeypatch):
    """A line to the project's Redis, which the broker uses in this test."""
    address = redis.Redis.from_url(Conf.REDIS).connection_pool.connection_kwargs
    with tcp_proxy.Proxy(address["port"]) as proxy:
        far = Conf.REDIS.replace(f":{address['port']}/", f":{proxy.port}/")
        monkeypatch.setattr(Conf, "REDIS", far)
        yield proxy


def enqueue_each(count, **options):
    return [
        airlock.enqueue(django_q_shop.add, number, _dispatch_options=options)
        for number in range(count)
    ]


def flush_fails(count=200):
    """Flush so many, which fails, and return the error and how long it took."""
    scope = airlock.scope()
    scope.enter()
    enqueue_each(count)
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught:
        scope.exit()
    return caught.value, time.monotonic() - started


def states(error):
    return len(error.failed), len(error.undelivered), len(error.uncertain)


def numbers(cluster=None):
    return [package["args"][0] for package in packages(cluster)]


def test_a_run_is_two_round_trips(proxy):
    """One knock and one pipeline, whatever the number of messages and their clusters."""
    with airlock.scope():
        enqueue_each(1)  # connects
    with proxy.counting() as trips:
        with airlock.scope():
            enqueue_each(100)
            enqueue_each(100, cluster="reports")

    assert trips == [2]
    assert len(numbers()) == 101


def test_a_redis_that_refuses(proxy):
    """One error, at once; a retry sends all when it is back."""
    proxy.stop()
    error, seconds = flush_fails()

    assert states(error) == (1, 199, 0)
    assert seconds < 0.5


def test_a_redis_that_hangs(proxy):
    """One wait per flush, not one per message; what was not tried goes on a retry."""
    proxy.silent = True
    error, seconds = flush_fails()

    assert states(error) == (1, 199, 0)
    assert 0.4 < seconds < 2
    proxy.silent = False
    error.retry()
    assert numbers() == list(range(200))


def test_the_deadline_can_be_changed(proxy):
    """The next flush keeps the new one."""
    proxy.silent = True
    airlock.configure(broker_timeout=0.1)

    assert flush_fails()[1] < 0.4


def test_a_line_that_breaks_in_the_pipeline(proxy):
    """Whether Redis has carried it out nobody knows; it is not sent again by itself."""
    with airlock.scope():
        enqueue_each(1)
    proxy.cut_after = 2000
    error, _ = flush_fails()

    assert states(error) == (0, 0, 200)
    error.retry()
    assert numbers() == [0]


def test_a_redis_that_hangs_in_the_pipeline(proxy):
    """So it is with an answer that does not come in time."""
    with airlock.scope():
        enqueue_each(1)
    proxy.stall_after = 2000
    error, seconds = flush_fails()

    assert states(error) == (0, 0, 200)
    assert seconds < 2


def test_a_connection_that_died_meanwhile(proxy):
    """It is made anew, and nobody notices."""
    with airlock.scope():
        enqueue_each(1)
    proxy.cut()
    with airlock.scope():
        enqueue_each(1)

    assert numbers() == [0, 0]


def test_a_key_of_another_kind():
    """What Redis refuses for one queue does not keep back the other."""
    broker = Redis("reports")
    broker.connection.set(broker.list_key, "no list")
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            enqueue_each(2)
            enqueue_each(2, cluster="reports")
    finally:
        broker.connection.delete(broker.list_key)
        broker.connection.close()

    assert (numbers(), states(caught.value)) == ([0, 1], (2, 0, 0))


def test_a_broker_of_the_applications():
    """Its Redis and its queue are those of the broker, its deadline is airlock's."""
    broker = Redis("reports")
    with airlock.scope(executor=DjangoQExecutor(broker=broker)):
        enqueue_each(2)
    broker.connection.close()

    assert (numbers(), numbers("reports")) == ([], [0, 1])


def test_it_waits_for_the_commit():
    """Redis is in no transaction of the database."""
    from django.db import transaction

    with transaction.atomic():
        with airlock.scope():
            enqueue_each(1)
        assert numbers() == []

    assert numbers() == [0]
