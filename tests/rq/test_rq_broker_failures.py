"""A Redis that is down, goes away, hangs or breaks the line: nothing is lost or sent twice."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest
import redis
import redis.exceptions
from rq import Queue
from rq.job import Job

import airlock
import rq_shop
import servers
from airlock import State
from airlock_rq import RQExecutor
from airlock_rq.brokers import client_of

DEADLINE = 1.0


@pytest.fixture(autouse=True)
def _deadline(_as_the_library_starts):
    """A deadline that tests can wait for."""
    airlock.configure(broker_timeout=DEADLINE)


@pytest.fixture
def own_redis():
    """A Redis of the test's own, to be stopped and killed."""
    with servers.Redis() as server:
        yield server


def numbers(queue: Queue) -> list[int]:
    return [job.args[0] for job in queue.jobs]


def flush_that_fails(queue: Queue, several: int = 3) -> tuple[list, airlock.DispatchError, float]:
    """Flush some jobs into a queue: the intents, the error, and the seconds that it took."""
    with pytest.raises(airlock.DispatchError) as caught:
        with airlock.scope(executor=RQExecutor(queue)):
            intents = [airlock.enqueue(rq_shop.add, number) for number in range(several)]
            started = time.monotonic()
    return intents, caught.value, time.monotonic() - started


def warm_up(queue: Queue) -> None:
    """Connect, as a process that has been up for a while has."""
    with airlock.scope(executor=RQExecutor(queue)):
        airlock.enqueue(rq_shop.add, -1)


def wait_for(connection: redis.Redis) -> None:
    """Wait until a Redis that is starting lets a connection in."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return connection.ping()
        except redis.exceptions.ConnectionError:
            if time.monotonic() > deadline:
                raise


def test_a_redis_that_refuses_is_asked_once(connect, free_port):
    """The first intent has failed, the others were not tried; it takes no retry loop."""
    queue = Queue(connection=connect(f"redis://127.0.0.1:{free_port()}/0"))
    intents, error, took = flush_that_fails(queue, 200)

    assert took < DEADLINE
    assert error.failed == tuple(intents[:1])
    assert error.undelivered == tuple(intents[1:])


@pytest.mark.parametrize("warm", [True, False])
def test_a_redis_that_hangs_costs_one_deadline(own_redis, connect, warm):
    """One that accepts and never answers costs the deadline, once per flush, and nothing has left."""
    queue = Queue(connection=connect(own_redis.url))
    if warm:
        warm_up(queue)
    own_redis.pause()
    try:
        intents, error, took = flush_that_fails(queue, 200)
    finally:
        own_redis.resume()

    assert DEADLINE <= took < 2 * DEADLINE
    assert error.failed == tuple(intents[:1])
    assert error.undelivered == tuple(intents[1:])
    error.retry()
    assert numbers(queue)[warm:] == list(range(200))


def test_the_applications_connection_stays_as_it_is(queue):
    """Its own time limits and retries are not touched, and no connection of its pool is taken."""
    before = dict(queue.connection.connection_pool.connection_kwargs)
    warm_up(queue)

    assert queue.connection.connection_pool.connection_kwargs == before
    own = client_of(queue).connection_pool
    assert own is not queue.connection.connection_pool
    assert own.connection_kwargs["socket_timeout"] == DEADLINE


def test_one_client_for_each_redis(url, connect):
    """Connections to one Redis share a client, also those that an application makes anew each time."""
    one, other = (Queue(connection=connect(url)) for _ in range(2))
    another = Queue(connection=connect(url, client_name="another"))

    assert client_of(one) is client_of(other)
    assert client_of(one) is not client_of(another)
    airlock.configure(broker_timeout=2 * DEADLINE)
    assert client_of(one).connection_pool.connection_kwargs["socket_timeout"] == 2 * DEADLINE


def test_retry_sends_each_once_when_redis_is_back(own_redis, connect):
    """When Redis is back, `error.retry()` sends what had not left, each once, in order."""
    queue = Queue(connection=connect(own_redis.url))
    warm_up(queue)
    own_redis.kill()
    intents, error, _ = flush_that_fails(queue, 10)
    assert {intent.state for intent in intents} == {State.FAILED, State.UNDELIVERED}
    with pytest.raises(airlock.DispatchError) as again:
        error.retry()
    own_redis.restart()
    again.value.retry()

    assert {intent.state for intent in intents} == {State.DISPATCHED}
    assert numbers(queue) == list(range(10))
    again.value.retry()
    assert len(queue) == 10


def test_a_connection_that_died_unnoticed_is_made_anew(far, proxy, queue):
    """Where the pool's connection is dead and Redis up, everything leaves at once."""
    warm_up(far)
    proxy.cut()
    with airlock.scope(executor=RQExecutor(far)):
        for number in range(3):
            airlock.enqueue(rq_shop.add, number)

    assert numbers(queue) == [-1, 0, 1, 2]


def test_a_redis_that_goes_away_between_flushes_is_down(far, proxy, queue):
    """Where the connection is dead and Redis gone, nothing is uncertain: none left."""
    warm_up(far)
    proxy.stop()
    intents, error, _ = flush_that_fails(far)

    assert error.uncertain == ()
    assert error.failed + error.undelivered == tuple(intents)
    assert numbers(queue) == [-1]


def test_a_line_that_breaks_in_the_middle_sends_nothing(far, proxy, queue):
    """A transaction is all or nothing; who is not told which leaves it open, and sends no job again."""
    warm_up(far)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=RQExecutor(far)):
        intents = [airlock.enqueue(rq_shop.add, number) for number in range(1500)]
        proxy.cut_after = 20_000  # after the knock
    error = caught.value

    assert numbers(queue) == [-1]
    assert error.uncertain == tuple(intents[:1000])
    assert error.failed == (intents[1000],)
    assert error.undelivered == tuple(intents[1001:])
    error.retry()
    assert numbers(queue) == [-1, *range(1000, 1500)]
    assert {intent.state for intent in intents[:1000]} == {State.UNCERTAIN}


def test_an_answer_that_is_lost_is_uncertain(far, proxy, queue):
    """Where the answer to a transaction never comes, it costs the deadline, and no job is sent twice."""
    warm_up(far)

    class Silencing(Job):
        def save(self, *args, **kwargs):
            proxy.silent = True  # after the knock
            super().save(*args, **kwargs)

    far.job_class = Silencing
    intents, error, took = flush_that_fails(far)

    assert DEADLINE <= took < 2 * DEADLINE
    assert error.uncertain == tuple(intents)
    proxy.silent = False
    error.retry()
    assert numbers(queue) == [-1, 0, 1, 2]


def test_a_stalled_line_is_uncertain(far, proxy, queue):
    """Where half of a transaction is swallowed, nothing arrives, and it costs the deadline."""
    warm_up(far)
    proxy.stall_after = 10_000
    intents, error, took = flush_that_fails(far, 500)

    assert took < 3 * DEADLINE
    assert error.uncertain == tuple(intents)
    assert numbers(queue) == [-1]


def test_a_job_that_goes_alone_is_uncertain(far, proxy, queue):
    """What was enqueued before it has left, it may have, and what comes after has not."""
    warm_up(far)

    class Cutting(Job):
        def fetch_dependencies(self, *args, **kwargs):
            proxy.stop()
            return super().fetch_dependencies(*args, **kwargs)

    far.job_class = Cutting
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=RQExecutor(far)):
        first = airlock.enqueue(rq_shop.add, 1)
        second = airlock.enqueue(rq_shop.add, 2, _dispatch_options={"depends_on": first.id})
        third = airlock.enqueue(rq_shop.add, 3)
        fourth = airlock.enqueue(rq_shop.add, 4)
    error = caught.value

    assert error.dispatched == (first,)
    assert error.uncertain == (second,)
    assert error.failed == (third,)
    assert error.undelivered == (fourth,)
    assert numbers(queue) == [-1, 1]


def test_two_redis_of_which_one_is_down(queue, connect, free_port):
    """The jobs for the other leave all the same, in order, and it is asked once."""
    gone = Queue(connection=connect(f"redis://127.0.0.1:{free_port()}/0"))
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor="rq"):
        intents = [
            airlock.enqueue(rq_shop.add, n, _dispatch_options={"queue": gone if n % 2 else queue})
            for n in range(6)
        ]

    assert caught.value.dispatched == tuple(intents[::2])
    assert caught.value.failed == tuple(intents[1::2])
    assert numbers(queue) == [0, 2, 4]


def test_two_redis_of_which_one_breaks(queue, far, proxy):
    """Where one breaks after the knock, the jobs for the other leave, and its later ones have failed."""
    warm_up(far)

    class Stopping(Job):
        def save(self, *args, **kwargs):
            proxy.stop()
            super().save(*args, **kwargs)

    far.job_class = Stopping
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor="rq"):
        intents = [
            airlock.enqueue(rq_shop.add, n, _dispatch_options={"queue": far if n % 2 else queue})
            for n in range(6)
        ]
    error = caught.value

    assert error.dispatched == tuple(intents[::2])
    assert error.uncertain == (intents[1],)
    assert error.failed == (intents[3], intents[5])


def test_a_redis_without_memory(own_redis, connect):
    """A Redis that is full refuses each job, says so, and has none of them."""
    connection = connect(own_redis.url)
    connection.config_set("maxmemory", "1")
    intents, error, _ = flush_that_fails(Queue(connection=connection))

    assert error.failed == tuple(intents)
    assert {type(each) for each in error.exceptions} == {redis.exceptions.OutOfMemoryError}
    connection.config_set("maxmemory", "0")
    error.retry()
    assert numbers(Queue(connection=connection)) == [0, 1, 2]


def test_a_wrong_password(own_redis, connect):
    """A Redis that does not let airlock in is down."""
    connection = connect(own_redis.url)
    connection.config_set("requirepass", "secret")
    stranger = Queue(connection=connect(own_redis.url, password="guess"))
    intents, error, _ = flush_that_fails(stranger)

    assert error.failed + error.undelivered == tuple(intents)
    assert isinstance(error.exceptions[0], redis.exceptions.AuthenticationError)


def test_a_password_a_socket_and_a_database_are_taken_over(own_redis, connect, tmp_path):
    """airlock's own connection goes where the application's goes, and is let in as that is."""
    path = own_redis.directory / "socket"
    own_redis.process.kill()
    own_redis.process.wait()
    command = [*own_redis.command(), "--unixsocket", str(path), "--requirepass", "secret"]
    own_redis.process = own_redis.run(command, stdout=subprocess.DEVNULL)
    queue = Queue(connection=connect(f"unix://{path}?db=3", password="secret"))
    wait_for(queue.connection)
    warm_up(queue)

    assert numbers(queue) == [-1]


def test_threads_with_a_redis_that_hangs(own_redis, connect):
    """Several threads wait at the same time, each for one deadline."""
    queue = Queue(connection=connect(own_redis.url))
    warm_up(queue)
    own_redis.pause()
    try:
        took = []
        threads = [
            threading.Thread(target=lambda: took.append(flush_that_fails(queue)[2]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        own_redis.resume()

    assert len(took) == 8
    assert max(took) < 3 * DEADLINE
