"""A Redis that is down, goes away, hangs or breaks a pipeline: nothing is lost or sent twice."""

from __future__ import annotations

import subprocess
import sys
import time

import dramatiq
import pytest
import redis.exceptions

import airlock
import servers
import tcp_proxy
from airlock import State
from dramatiq_messages import first_arguments, sent

DEADLINE = 1.5


@pytest.fixture(autouse=True)
def _quick():
    airlock.configure(broker_timeout=DEADLINE)


@pytest.fixture
def proxy(redis_server):
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_add(make_broker, make_actor, url, redis_server, proxy):
    """An actor whose broker is behind the proxy."""
    broker = make_broker(url.replace(str(redis_server.port), str(proxy.port)))
    dramatiq.set_broker(broker)
    return make_actor(broker)


def warm_up(actor) -> None:
    """Connect, and load the script, as a process that has been up for a while has."""
    with airlock.scope():
        airlock.enqueue(actor, -1)


def test_a_thousand_intents_leave_in_one_pipeline(far_add, proxy, url):
    """A thousand messages, of two queues and with delays, cost a knock and a pipeline."""
    warm_up(far_add)
    far_add.broker.declare_queue("other")
    with proxy.counting() as counted, airlock.scope():
        for number in range(0, 999, 3):
            airlock.enqueue(far_add, number)
            airlock.enqueue(far_add.message(number + 1).copy(queue_name="other"))
            airlock.enqueue(far_add, number + 2, _dispatch_options={"delay": 60_000})

    assert counted == [2]
    assert first_arguments(url) == [-1, *range(0, 999, 3)]
    assert first_arguments(url, "other") == list(range(1, 999, 3))
    assert first_arguments(url, "default.DQ") == list(range(2, 999, 3))


def test_a_broker_that_refuses_is_asked_once_per_flush(make_broker, make_actor, free_port):
    """The first intent has failed, the others were not tried; it takes no time."""
    add = make_actor(make_broker(f"redis://127.0.0.1:{free_port()}/0"))

    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(200)]

    assert time.monotonic() - started < DEADLINE
    assert isinstance(caught.value.exceptions[0], redis.exceptions.ConnectionError)
    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])


def test_retry_sends_each_once_when_the_broker_is_back(make_broker, make_actor):
    """When the broker is back, `error.retry()` sends what had not left, each once, in order."""
    with servers.Redis() as server:
        add = make_actor(make_broker(server.url))
        warm_up(add)
        server.kill()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(10)]
        assert {intent.state for intent in intents} == {State.FAILED, State.UNDELIVERED}
        with pytest.raises(airlock.DispatchError) as again:
            caught.value.retry()
        server.restart()
        again.value.retry()

        assert {intent.state for intent in intents} == {State.DISPATCHED}
        assert first_arguments(server.url) == list(range(10))
        again.value.retry()
        assert len(sent(server.url)) == 10


def test_a_connection_that_died_unnoticed_is_made_anew(far_add, proxy, url):
    """Where the pool's connection is dead and the broker is up, everything leaves at once."""
    warm_up(far_add)
    proxy.cut()

    with airlock.scope():
        for number in range(3):
            airlock.enqueue(far_add, number)

    assert first_arguments(url) == [-1, 0, 1, 2]


def test_a_broker_that_goes_away_between_flushes_is_down(far_add, proxy, url):
    """Where the pool's connection is dead and the broker gone, nothing is uncertain: none left."""
    warm_up(far_add)
    proxy.stop()

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(3)]

    assert caught.value.uncertain == ()
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    assert first_arguments(url) == [-1]


@pytest.mark.parametrize("warm", [True, False])
def test_a_broker_that_hangs_costs_one_deadline(make_broker, make_actor, warm):
    """A stopped server that still accepts: the caller has its error after `broker_timeout`."""
    with servers.Redis() as server:
        add = make_actor(make_broker(server.url))
        if warm:
            warm_up(add)
        server.pause()

        started = time.monotonic()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(50)]
        took = time.monotonic() - started
        server.resume()

        assert DEADLINE <= took < 2 * DEADLINE
        assert isinstance(caught.value.exceptions[0], redis.exceptions.TimeoutError)
        assert caught.value.failed + caught.value.undelivered == tuple(intents)
        caught.value.retry()
        assert first_arguments(server.url)[-50:] == list(range(50))


def test_a_line_that_breaks_is_uncertain(far_add, proxy, url):
    """What was on its way and not answered may have left. airlock never sends it again."""
    warm_up(far_add)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(1500)]
        proxy.cut_after = 50_000  # after the knock
    arrived = first_arguments(url)[1:]

    dispatched = len(caught.value.dispatched)

    assert 0 < len(arrived) < 750
    assert arrived == list(range(len(arrived)))
    assert dispatched <= len(arrived)
    assert caught.value.dispatched + caught.value.uncertain == tuple(intents[:1000])
    assert caught.value.failed == (intents[1000],)
    assert caught.value.undelivered == tuple(intents[1001:])
    caught.value.retry()
    assert first_arguments(url)[1:] == [*arrived, *range(1000, 1500)]
    assert {intent.state for intent in intents[dispatched:1000]} == {State.UNCERTAIN}


def test_a_line_that_stalls_is_uncertain_after_the_deadline(far_add, proxy, url):
    """A broker that falls silent in the middle of a pipeline costs one deadline, too."""
    warm_up(far_add)
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(900)]
        proxy.stall_after = 20_000

    assert time.monotonic() - started < 2 * DEADLINE
    dispatched = len(caught.value.dispatched)
    assert caught.value.dispatched + caught.value.uncertain == tuple(intents)
    assert 0 < dispatched <= len(first_arguments(url)[1:]) < 500


def test_two_brokers_of_which_one_is_down(make_broker, make_actor, url, free_port):
    """The actors of the other broker leave all the same."""
    down = make_actor(make_broker(f"redis://127.0.0.1:{free_port()}/0"))
    up = make_actor(make_broker(url))

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue((down, up)[number % 2], number) for number in range(6)]

    assert caught.value.dispatched == tuple(intents[1::2])
    assert caught.value.failed + caught.value.undelivered == tuple(intents[::2])
    assert first_arguments(url) == [1, 3, 5]


PRODUCER = """
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

import airlock

broker = RedisBroker(url=sys.argv[1])


@dramatiq.actor(broker=broker)
def add(number, more): ...


with airlock.scope():
    airlock.enqueue(add, -1, "")
print("ready", flush=True)
with airlock.scope():
    for number in range(20_000):
        airlock.enqueue(add, number, "x" * 1000)
    print("flushing", flush=True)
"""


def test_a_producer_that_is_killed_in_the_middle(url):
    """What had left is there, in order and each once; the rest is not."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRODUCER, url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    assert process.stdout.readline() == "flushing\n"
    with redis.Redis.from_url(url) as client:
        while client.llen("dramatiq:default") < 2:
            assert process.poll() is None
        process.kill()
        process.communicate()
    arrived = first_arguments(url)[1:]

    assert 0 < len(arrived) < 20_000
    assert arrived == list(range(len(arrived)))


def test_a_smaller_deadline_holds_at_once(make_broker, make_actor, url, redis_server, proxy):
    """`configure(broker_timeout=...)` goes for brokers that have been used before."""
    add = make_actor(make_broker(url.replace(str(redis_server.port), str(proxy.port))))
    airlock.configure(broker_timeout=60)
    warm_up(add)
    airlock.configure(broker_timeout=0.2)
    proxy.silent = True

    started = time.monotonic()
    with pytest.raises(airlock.DispatchError), airlock.scope():
        airlock.enqueue(add, 1)
    assert time.monotonic() - started < 10


def test_the_stub_broker_fails_one_by_one(make_broker, make_actor):
    """On the stub broker, a message whose queue has gone fails alone."""
    broker = make_broker("stub")
    add, other = make_actor(broker), make_actor(broker, "other", queue_name="others")
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(actor, 1) for actor in (add, other, add)]
        del broker.queues["others"]

    assert caught.value.failed == (intents[1],)
    assert isinstance(caught.value.exceptions[0], dramatiq.QueueNotFound)
    assert broker.queues["default"].qsize() == 2
