"""Redis clients of many kinds: the flush goes where they go, and leaves nothing behind on a line."""

from __future__ import annotations

import os
import signal
import time

import dramatiq
import pytest
import redis
import redis.sentinel
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

import airlock
import redis_sentinel
import servers
import tcp_proxy
from airlock import State
from airlock_dramatiq.brokers import client_of
from dramatiq_messages import first_arguments


@pytest.fixture
def add_with(make_actor):
    """A function that declares an actor whose broker has a client of the caller's."""
    brokers = []

    def make(client: redis.Redis) -> dramatiq.Actor:
        brokers.append(RedisBroker(client=client))
        return make_actor(brokers[-1])

    yield make
    for broker in brokers:
        for client in (broker.client, client_of(broker)):
            client.connection_pool.disconnect()


def flush(actor: dramatiq.Actor, *numbers: int) -> None:
    with airlock.scope():
        for number in numbers:
            airlock.enqueue(actor, number)


@pytest.mark.parametrize(
    "settings",
    [
        {"decode_responses": True},
        {"encoding": "latin-1"},
        {"health_check_interval": 1},
        {"client_name": "shop"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_client_with_settings(add_with, url, settings):
    """Whatever the application's client decodes, encodes or retries: the messages arrive."""
    add = add_with(redis.Redis.from_url(url, **settings))
    flush(add, 1, 2)
    flush(add, 3)

    assert first_arguments(url) == [1, 2, 3]


def test_a_client_that_tries_again_and_again(add_with, url, redis_server):
    """However often the application's client tries, the flush waits for one deadline."""
    airlock.configure(broker_timeout=1)
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        far = url.replace(str(redis_server.port), str(proxy.port))
        retry = Retry(ExponentialBackoff(1, 0.1), 5)
        add = add_with(redis.Redis.from_url(far, retry_on_timeout=True, retry=retry))
        proxy.silent = True
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError):
            flush(add, 1)

    assert 1 <= time.monotonic() - started < 2


def test_a_blocking_pool(add_with, url):
    """A client whose pool has one connection, which the application holds, is not waited for."""
    pool = redis.BlockingConnectionPool.from_url(url, max_connections=1, timeout=30)
    add = add_with(redis.Redis(connection_pool=pool))
    with redis.Redis(connection_pool=pool).client():
        flush(add, 1, 2)

    assert first_arguments(url) == [1, 2]


def test_a_server_at_a_path(add_with):
    """A Redis at a path is reached there; one that hangs costs one deadline."""
    airlock.configure(broker_timeout=1)
    with redis_sentinel.PathRedis() as server:
        add = add_with(redis.Redis(unix_socket_path=server.path))
        flush(add, 1, 2)
        assert first_arguments(server.url) == [1, 2]

        server.pause()
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError):
            flush(add, 3)
        assert 1 <= time.monotonic() - started < 2
        server.resume()


def test_a_server_behind_a_sentinel(add_with):
    """The master is asked for, and so is a Sentinel, within the deadline."""
    airlock.configure(broker_timeout=1)
    with servers.Redis() as master, redis_sentinel.Sentinel(master) as sentinel:
        asked = redis.sentinel.Sentinel([(sentinel.host, sentinel.port)])
        add = add_with(asked.master_for("shop"))
        flush(add, 1)
        assert first_arguments(master.url) == [1]

        client_of(add.broker).connection_pool.disconnect()
        sentinel.pause()
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError) as caught:
            flush(add, 2)
        took = time.monotonic() - started
        sentinel.resume()
        asked.sentinels[0].close()

        assert 1 <= took < 2
        caught.value.retry()
        assert first_arguments(master.url) == [1, 2]


def test_a_forked_process_has_a_line_of_its_own(add_with, url):
    """A child of a process that has flushed before does not speak on the parent's connection."""
    add = add_with(redis.Redis.from_url(url))
    flush(add, 0)
    child = os.fork()
    if child == 0:
        flush(add, 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    flush(add, 2)

    assert first_arguments(url) == [0, 1, 2]


def test_an_interrupt_leaves_no_answers_behind(add_with, url, redis_server):
    """After Ctrl-C in a pipeline, the next flush does not take its answers for its own."""
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        add = add_with(redis.Redis.from_url(url.replace(str(redis_server.port), str(proxy.port))))
        flush(add, 0)

        def strike(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, strike)
        try:
            with pytest.raises(KeyboardInterrupt), airlock.scope():
                intents = [airlock.enqueue(add, number) for number in range(1, 500)]
                proxy.stall_after = 20_000
                signal.setitimer(signal.ITIMER_REAL, 0.5)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        arrived = first_arguments(url)
        with airlock.scope():
            last = airlock.enqueue(add, 1000)

        assert {intent.state for intent in intents} == {State.UNCERTAIN}
        assert arrived == list(range(len(arrived)))
        assert first_arguments(url) == [*arrived, 1000]
        assert last.state is State.DISPATCHED


def test_a_flush_that_is_refused_halfway_says_which(add_with):
    """Where Redis runs out of memory, each message that it has refused has failed, and no other."""
    with servers.Redis() as server:
        add = add_with(redis.Redis.from_url(server.url))
        with redis.Redis.from_url(server.url) as client:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", used + 400_000)
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number, "x" * 2000) for number in range(500)]
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 0)
        arrived = first_arguments(server.url)
        failed = caught.value.failed

        assert 0 < len(arrived) < 500
        assert [i.args[0] for i in caught.value.dispatched] == arrived
        assert {*failed, *caught.value.dispatched} == set(intents)
        caught.value.retry()
        assert sorted(first_arguments(server.url)) == list(range(500))
