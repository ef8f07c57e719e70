"""Brokers that are down, go away, hang or break a pipeline: nothing is lost or sent twice."""

from __future__ import annotations

import sqlite3
import time

import pytest
import redis
from huey import PriorityRedisHuey, RedisHuey, SqliteHuey, exceptions
from huey.signals import SIGNAL_ENQUEUED
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

import airlock
import servers
from airlock import State


@pytest.fixture
def deadline():
    """A second: a broker that does not answer costs that, and not several times that."""
    airlock.configure(broker_timeout=1)
    return 2.5


@pytest.fixture
def own_redis():
    """A Redis that this test may stop."""
    with servers.Redis() as server:
        yield server


def numbers(huey) -> list[int]:
    return [task.args[0] for task in huey.pending()]


def warm_up(task) -> None:
    """Connect, as a process that has been up for a while has."""
    with airlock.scope():
        airlock.enqueue(task, -1)


def test_a_broker_that_refuses_is_asked_once_per_flush(make_huey, make_task, free_port):
    """The first intent has failed, the others were not tried, and no signal says that they were."""
    huey = make_huey(f"redis://127.0.0.1:{free_port()}/0")
    add = make_task(huey)
    signals = []
    huey.signal(SIGNAL_ENQUEUED)(lambda *given: signals.append(given))
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(200)]

    assert time.monotonic() - started < 2
    assert [type(error) for error in caught.value.exceptions] == [ConnectionError]
    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])
    assert signals == []


@pytest.mark.parametrize("connected", [True, False])
def test_a_broker_that_hangs_costs_the_deadline_once(
    make_huey, make_task, own_redis, deadline, connected
):
    """A Redis that is stopped accepts and never answers: the flush waits a second, and loses nothing."""
    huey = make_huey(own_redis.url)
    add = make_task(huey)
    if connected:
        warm_up(add)
    own_redis.pause()
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(50)]
    took = time.monotonic() - started
    own_redis.resume()

    assert 0.9 < took < deadline
    assert [type(error) for error in caught.value.exceptions] == [TimeoutError]
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    caught.value.retry()
    assert [number for number in numbers(huey) if number >= 0] == list(range(50))


def test_two_hueys_on_one_broker_that_hangs_wait_once(make_huey, make_task, own_redis, deadline):
    """They share the deadline, as they share the pipeline."""
    tasks = [make_task(make_huey(own_redis.url)) for _ in range(4)]
    own_redis.pause()
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError), airlock.scope():
        for number in range(40):
            airlock.enqueue(tasks[number % 4], number)
    took = time.monotonic() - started
    own_redis.resume()

    assert took < deadline


def test_a_connection_that_waits_for_minutes_is_not_asked(make_task, own_redis, deadline):
    """The timeouts and retries of the application's own pool are not those of a flush."""
    pool = redis.BlockingConnectionPool.from_url(
        own_redis.url, socket_timeout=None, max_connections=1, timeout=60
    )
    huey = RedisHuey("shop", connection_pool=pool)
    add = make_task(huey)
    with redis.Redis(connection_pool=pool).client():  # has the only connection
        warm_up(add)
        own_redis.pause()
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError), airlock.scope():
            airlock.enqueue(add, 1)
        took = time.monotonic() - started
        own_redis.resume()

    assert took < deadline
    assert numbers(huey) == [-1]
    pool.disconnect()


def test_retry_sends_each_once_when_the_broker_is_back(make_huey, make_task, own_redis):
    """When the broker is back, `error.retry()` sends what had not left, each once, in order."""
    huey = make_huey(own_redis.url)
    add = make_task(huey)
    warm_up(add)
    own_redis.kill()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(10)]
    assert {intent.state for intent in intents} == {State.FAILED, State.UNDELIVERED}
    with pytest.raises(airlock.DispatchError) as again:
        caught.value.retry()
    own_redis.restart()
    again.value.retry()

    assert {intent.state for intent in intents} == {State.DISPATCHED}
    assert numbers(huey) == list(range(10))
    again.value.retry()
    assert len(huey) == 10


def test_a_connection_that_died_unnoticed_is_made_anew(far_huey, far_add, proxy):
    """Where the pool's connection is dead and the broker is up, everything leaves at once."""
    warm_up(far_add)
    proxy.cut()
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(far_add, number)

    assert numbers(far_huey) == [-1, 0, 1, 2]


def test_a_broker_that_goes_away_between_flushes_is_down(far_add, proxy):
    """Where the pool's connection is dead and the broker gone, nothing is uncertain: none left."""
    warm_up(far_add)
    proxy.stop()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(3)]

    assert caught.value.uncertain == ()
    assert caught.value.failed + caught.value.undelivered == tuple(intents)


@pytest.mark.parametrize("cls", [RedisHuey, PriorityRedisHuey])
def test_a_pipeline_that_is_cut_is_uncertain(
    make_huey, make_task, broker, redis_server, proxy, cls
):
    """What was on its way may have left. The later ones were not tried, and `retry()` sends these."""
    huey = make_huey(broker.replace(str(redis_server.port), str(proxy.port)), cls)
    add = make_task(huey)
    warm_up(add)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number, "x" * 100) for number in range(1500)]
        proxy.cut_after = 20_000  # after the knock

    assert caught.value.uncertain == tuple(intents[:1000])
    assert caught.value.failed == (intents[1000],)
    assert caught.value.undelivered == tuple(intents[1001:])
    assert numbers(huey) == [-1]  # Redis carries out a transaction whole, or not at all
    caught.value.retry()
    assert numbers(huey) == [-1, *range(1000, 1500)]
    assert {intent.state for intent in intents[:1000]} == {State.UNCERTAIN}


def test_a_pipeline_whose_answer_is_lost_is_uncertain_and_is_not_sent_again(
    far_huey, far_add, huey, proxy, deadline
):
    """The messages are there, and nobody said so: they stay there once."""
    warm_up(far_add)

    def no_answers(*_):
        proxy.silent = True

    far_huey.signal(SIGNAL_ENQUEUED)(no_answers)
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(10)]
    took = time.monotonic() - started
    proxy.silent = False
    proxy.cut()

    assert took < deadline
    assert caught.value.uncertain == tuple(intents)
    caught.value.retry()
    assert numbers(far_huey) == [-1, *range(10)]


def test_a_pipeline_that_stalls_costs_the_deadline(far_huey, far_add, proxy, deadline):
    """A line that stands still in the middle of the messages is given up."""
    warm_up(far_add)
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number, "x" * 100) for number in range(1500)]
        proxy.stall_after = 20_000
    took = time.monotonic() - started
    proxy.cut()

    assert proxy.stalled.is_set()
    assert took < 2 * deadline  # the proxy itself looks slowly at what it gets
    assert caught.value.uncertain == tuple(intents[:1000])
    assert caught.value.failed + caught.value.undelivered == tuple(intents[1000:])


def test_a_broker_that_is_full_has_taken_nothing(make_huey, make_task, own_redis):
    """Redis without memory refuses the whole: nothing is uncertain, and all can be sent again."""
    huey = make_huey(own_redis.url)
    add = make_task(huey)
    warm_up(add)
    huey.storage.conn.config_set("maxmemory", 1)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(5)]
    huey.storage.conn.config_set("maxmemory", 0)

    (error,) = caught.value.exceptions
    assert isinstance(error, ResponseError)
    assert "maxmemory" in str(error)
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    caught.value.retry()
    assert numbers(huey) == [-1, *range(5)]


def test_what_redis_refuses_fails_alone(make_huey, make_task, broker):
    """Of two Hueys on one Redis, the queue of one is no list: its tasks fail, the others leave."""
    good, bad = make_huey(broker), make_huey(broker)
    bad.storage.conn.set(bad.storage.queue_key, "no list")
    tasks = [make_task(good), make_task(bad)]
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(tasks[number % 2], number) for number in range(6)]

    assert {type(error) for error in caught.value.exceptions} == {ResponseError}
    assert caught.value.failed == tuple(intents[1::2])
    assert caught.value.dispatched == tuple(intents[::2])
    assert numbers(good) == [0, 2, 4]


def test_two_hueys_of_which_one_has_no_broker(make_huey, make_task, broker, free_port):
    """The tasks of the other leave all the same."""
    hueys = [make_huey(f"redis://127.0.0.1:{free_port()}/0"), make_huey(broker)]
    tasks = [make_task(huey) for huey in hueys]
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(tasks[number % 2], number) for number in range(6)]

    assert caught.value.dispatched == tuple(intents[1::2])
    assert caught.value.failed + caught.value.undelivered == tuple(intents[::2])
    assert numbers(hueys[1]) == [1, 3, 5]


def test_a_storage_of_the_applications_own_has_the_deadline(
    make_huey, make_task, own_redis, deadline
):
    """Messages that go one by one, through an `enqueue()` of the application, wait no longer."""

    class Own(RedisHuey.storage_class):
        def enqueue(self, data, priority=None):
            super().enqueue(data, priority)

    huey = make_huey(own_redis.url, storage_class=Own)
    add = make_task(huey)
    warm_up(add)
    huey.signal(SIGNAL_ENQUEUED)(lambda _, task: task.args[0] == 2 and own_redis.pause())
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(6)]
    took = time.monotonic() - started
    own_redis.resume()

    assert took < deadline
    assert caught.value.uncertain == (intents[0],)  # all were made before the first was sent
    assert caught.value.failed + caught.value.undelivered == tuple(intents[1:])


def test_a_file_that_is_locked_takes_nothing(make_task, tmp_path):
    """SQLite's own timeout counts, once; the transaction is rolled back, and can be sent again."""
    path = str(tmp_path / "huey.db")
    huey = SqliteHuey("shop", filename=path, timeout=0.5)
    add = make_task(huey)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(20)]
    took = time.monotonic() - started
    other.rollback()
    other.close()

    assert took < 2
    assert caught.value.failed == (intents[0],)
    caught.value.retry()
    assert numbers(huey) == list(range(20))
    huey.storage.close()


@pytest.mark.skipif(not hasattr(exceptions, "TaskTimeout"), reason="Huey 2 has no timeouts")
def test_a_timeout_of_the_task_is_no_fault_of_a_message(huey, add, monkeypatch):
    """Huey's timeout strikes while messages are made: it stops the flush, and nothing has left."""
    airlock.configure(strict=False)
    calls = []
    serialize = huey.serializer.serialize

    def strikes(data):
        calls.append(data)
        if len(calls) == 3:
            raise exceptions.TaskTimeout
        return serialize(data)

    monkeypatch.setattr(huey.serializer, "serialize", strikes)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(6)]

    assert caught.value.failed == (intents[0],)
    assert caught.value.undelivered == tuple(intents[1:])
    assert len(huey) == 0


@pytest.mark.parametrize("on", ["redis", "sqlite"])
def test_an_interrupt_in_the_middle_of_a_batch(huey, make_task, tmp_path, on):
    """Ctrl-C while messages are made: none is sent, each has an end, and it goes on."""
    if on == "sqlite":
        huey = SqliteHuey("shop", filename=str(tmp_path / "huey.db"))
    add = make_task(huey)

    @huey.signal(SIGNAL_ENQUEUED)
    def interrupt(_, task):
        if task.args == (5,):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
        intents = [airlock.enqueue(add, number) for number in range(10)]

    assert {intent.state for intent in intents} <= {State.UNCERTAIN, State.UNDELIVERED}
    assert scope.error is not None
    assert len(huey) == 0
    with airlock.scope():  # it is usable again, and holds nothing back from before
        airlock.enqueue(add, 11)
    assert numbers(huey) == [11]
    huey.storage.close()


def test_an_interrupt_in_a_transaction_rolls_it_back(make_task, tmp_path, monkeypatch):
    """Ctrl-C between two inserts: the file is not left locked, and nothing is in it."""
    huey = SqliteHuey("shop", filename=str(tmp_path / "huey.db"))
    add = make_task(huey)
    insert = type(huey.storage).sql
    calls = []

    def interrupted(self, *args, **options):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return insert(self, *args, **options)

    monkeypatch.setattr(type(huey.storage), "sql", interrupted)
    with pytest.raises(KeyboardInterrupt), airlock.scope():
        for number in range(5):
            airlock.enqueue(add, number)
    monkeypatch.undo()

    assert numbers(huey) == []
    with airlock.scope():
        airlock.enqueue(add, 11)
    assert numbers(huey) == [11]
    huey.storage.close()
