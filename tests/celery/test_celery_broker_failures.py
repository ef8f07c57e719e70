"""Brokers that are down, go away, hang or break a pipeline: nothing is lost or sent twice."""

from __future__ import annotations

import time

import pytest
from celery import chain, group, signals
from kombu.exceptions import OperationalError

import airlock
import servers
import tcp_proxy
from airlock import State
from celery_abilities import PIPELINES
from celery_messages import sent

# How often Celery tries to connect, and how long it waits between: less than a second in all.
QUICK = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


@pytest.fixture
def proxy(redis_server):
    with tcp_proxy.Proxy(redis_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_app(make_app, broker, redis_server, proxy):
    """An app whose broker is behind the proxy."""
    url = broker.replace(str(redis_server.port), str(proxy.port))
    return make_app(
        url,
        task_publish_retry_policy=QUICK,
        broker_transport_options={"socket_timeout": 1, "socket_connect_timeout": 1},
    )


@pytest.fixture
def far_add(far_app):
    @far_app.task(shared=False, name="shop.add")
    def add(number, more=None): ...

    return add


def numbers(url: str) -> list[int]:
    return [message.args[0] for message in sent(url)]


def warm_up(task) -> None:
    """Connect, and declare the queue, as a process that has been up for a while has."""
    with airlock.scope():
        airlock.enqueue(task, -1)


def test_a_broker_that_refuses_is_asked_once_per_flush(make_app, free_port):
    """The first intent has failed, the others were not tried; it takes a second, not a minute."""
    app = make_app(f"redis://127.0.0.1:{free_port()}/0")

    @app.task(shared=False, name="shop.add")
    def add(number): ...

    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(200)]

    assert time.monotonic() - started < 5
    assert [type(error) for error in caught.value.exceptions] == [OperationalError]
    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])


def test_retry_sends_each_once_when_the_broker_is_back(make_app, free_port):
    """When the broker is back, `error.retry()` sends what had not left, each once, in order."""
    with servers.Redis() as redis:
        app = make_app(redis.url, task_publish_retry_policy=QUICK)

        @app.task(shared=False, name="shop.add")
        def add(number): ...

        warm_up(add)
        redis.kill()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(10)]
        assert {intent.state for intent in intents} == {State.FAILED, State.UNDELIVERED}
        with pytest.raises(airlock.DispatchError) as again:
            caught.value.retry()
        start_again(redis)
        again.value.retry()

        assert {intent.state for intent in intents} == {State.DISPATCHED}
        assert numbers(redis.url) == list(range(10))
        again.value.retry()
        assert len(sent(redis.url)) == 10


def start_again(redis: servers.Redis) -> None:
    """Start a Redis that was killed, at its old address."""
    with (redis.directory / "log").open("wb") as log:
        redis.process = redis.run(redis.command(), stdout=log, stderr=log)
    while redis.ready_when_it_logs not in redis.log:
        time.sleep(0.01)


def test_a_connection_that_died_unnoticed_is_made_anew(far_add, proxy, broker):
    """Where the pool's connection is dead and the broker is up, everything leaves at once."""
    warm_up(far_add)
    proxy.cut()

    with airlock.scope():
        for number in range(3):
            airlock.enqueue(far_add, number)

    assert numbers(broker) == [-1, 0, 1, 2]


def test_a_broker_that_goes_away_between_flushes_is_down(far_add, proxy, broker):
    """Where the pool's connection is dead and the broker gone, nothing is uncertain: none left."""
    warm_up(far_add)
    proxy.stop()

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(3)]

    assert caught.value.uncertain == ()
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    assert numbers(broker) == [-1]


def test_a_broker_that_never_answers_is_given_up(far_add, proxy):
    """One that accepts and hangs costs the time that its transport options say, once per flush."""
    warm_up(far_add)
    proxy.silent = True

    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(50)]

    assert time.monotonic() - started < 10
    assert caught.value.failed + caught.value.undelivered == tuple(intents)


def test_a_line_that_breaks_is_uncertain(far_app, far_add, proxy, broker):
    """What was on its way may have left: a pipeline, or one message. airlock never sends it again."""
    several, at_once = (1500, 1000) if PIPELINES else (100, 1)
    far_app.conf.task_publish_retry = PIPELINES  # or Celery sends a message again by itself
    warm_up(far_add)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number, "x" * 100) for number in range(several)]
        proxy.cut_after = 20_000  # after the knock
    arrived = numbers(broker)[1:]
    before = len(caught.value.dispatched)
    after = before + at_once

    assert 0 < len(arrived) < several // 2
    assert arrived == list(range(len(arrived)))
    assert before == (0 if PIPELINES else len(arrived))
    assert caught.value.dispatched == tuple(intents[:before])
    assert caught.value.uncertain == tuple(intents[before:after])
    assert caught.value.failed == (intents[after],)
    assert caught.value.undelivered == tuple(intents[after + 1 :])
    caught.value.retry()
    assert numbers(broker)[1:] == [*arrived, *range(after, several)]
    assert {intent.state for intent in intents[before:after]} == {State.UNCERTAIN}


def test_two_apps_of_which_one_has_no_broker(make_app, broker, free_port):
    """The tasks of the other app leave all the same."""
    tasks = []
    for url in (f"redis://127.0.0.1:{free_port()}/0", broker):
        app = make_app(url, task_publish_retry_policy=QUICK)

        @app.task(shared=False, name="shop.add")
        def add(number): ...

        tasks.append(add)

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(tasks[number % 2], number) for number in range(6)]

    assert caught.value.dispatched == tuple(intents[1::2])
    assert numbers(broker) == [1, 3, 5]
    assert caught.value.failed + caught.value.undelivered == tuple(intents[::2])


def test_a_group_leaves_whole_or_not_at_all(far_app, far_add, broker):
    """A group of which one member cannot be encoded sends none of its messages."""
    airlock.configure(strict=False)
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            airlock.enqueue(group(far_add.s(1), far_add.s(object()), far_add.s(3)))
            airlock.enqueue(far_add, 4)
    finally:
        airlock.reset_configuration()

    assert len(caught.value.failed) == 1
    assert numbers(broker) == [4]


@pytest.mark.parametrize("kind", [chain, group])
def test_a_canvas_without_a_broker_has_failed(far_app, far_add, proxy, broker, kind):
    """Where the broker is gone, a canvas has not left, and can be sent again."""
    proxy.stop()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        canvas = airlock.enqueue(kind(far_add.si(1), far_add.si(2)))
        task = airlock.enqueue(far_add, 3)

    assert caught.value.failed == (canvas,)
    assert caught.value.undelivered == (task,)


def test_an_interrupt_in_the_middle_of_a_batch(far_add, broker):
    """Ctrl-C while messages are collected: none is sent, each has an end, and it goes on."""

    def interrupt(body, **_):
        if body[0] == (5,):
            raise KeyboardInterrupt

    signals.before_task_publish.connect(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
            intents = [airlock.enqueue(far_add, number) for number in range(10)]
    finally:
        signals.before_task_publish.disconnect(interrupt)

    assert {intent.state for intent in intents} <= {State.UNCERTAIN, State.UNDELIVERED}
    assert scope.error is not None
    assert sent(broker) == []
    with airlock.scope():  # the producer is usable again, and holds nothing back from before
        airlock.enqueue(far_add, 11)
    assert numbers(broker) == [11]


@pytest.mark.parametrize("kind", ["task", "chain", "group"])
def test_a_result_backend_that_is_down_is_asked_once(make_app, broker, free_port, kind):
    """Celery asks its result backend before each publish; where that is gone, nothing is sent."""
    app = make_app(broker, result_backend=f"redis://127.0.0.1:{free_port()}/0")
    app.conf.result_backend_transport_options = {"retry_policy": QUICK}

    @app.task(shared=False, name="shop.add")
    def add(number): ...

    make = {
        "task": lambda number: add.si(number),
        "chain": lambda number: chain(add.si(number), add.si(-number)),
        "group": lambda number: group(add.si(number), add.si(-number)),
    }[kind]
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(make(number)) for number in range(20)]

    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])
    assert sent(broker) == []


def test_a_broker_without_pipelines_is_asked_once(make_app, free_port):
    """So it is with RabbitMQ, whose messages go one by one."""
    app = make_app(f"amqp://127.0.0.1:{free_port()}//", task_publish_retry_policy=QUICK)

    @app.task(shared=False, name="shop.add")
    def add(number): ...

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(20)]

    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])
