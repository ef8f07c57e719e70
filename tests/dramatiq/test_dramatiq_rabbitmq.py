"""On RabbitMQ: one channel, one confirmation, and what becomes of a line that is lost."""

from __future__ import annotations

import inspect
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import pika
import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed, ConnectionFailed

import airlock
import rabbitmq
import tcp_proxy
from airlock import State

DEADLINE = 1.5


@pytest.fixture(autouse=True)
def _quick():
    airlock.configure(broker_timeout=5)


@pytest.fixture(params=[False, True], ids=["fast", "confirms"])
def confirms(request):
    return request.param


@pytest.fixture
def proxy(rabbitmq_server):
    with tcp_proxy.Proxy(rabbitmq_server.port) as proxy:
        yield proxy


@pytest.fixture
def broker(make_broker, rabbitmq_url, confirms):
    return make_broker(rabbitmq_url, confirm_delivery=confirms)


@pytest.fixture
def far_add(make_broker, make_actor, rabbitmq_url, rabbitmq_server, proxy, confirms):
    """An actor whose broker is behind the proxy."""
    url = rabbitmq_url.replace(str(rabbitmq_server.port), str(proxy.port))
    return make_actor(make_broker(url, confirm_delivery=confirms))


def messages(url: str, queue: str = "default") -> list[dramatiq.Message]:
    """The messages that wait in a queue."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    found = []
    try:
        channel = connection.channel()
        while (received := channel.basic_get(queue))[0] is not None:
            found.append(dramatiq.Message.decode(received[2]))
    finally:
        connection.close()  # what was not acknowledged is there again
    return found


def numbers(url: str, queue: str = "default") -> list[int]:
    return [message.args[0] for message in messages(url, queue)]


def wait_for(url: str, count: int) -> list[int]:
    """The numbers in the queue, once there are so many."""
    deadline = time.monotonic() + 30
    while len(found := numbers(url)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def warm_up(actor) -> None:
    with airlock.scope():
        airlock.enqueue(actor, -1)


def test_a_thousand_intents_cost_two_round_trips(far_add, proxy, rabbitmq_url, confirms):
    """A knock, and all messages with one answer, with confirmations and without."""
    warm_up(far_add)
    with proxy.counting() as counted, airlock.scope():
        for number in range(1000):
            airlock.enqueue(far_add, number)

    # On a busy machine the messages may leave in two parts, with a pause that looks like an answer.
    assert counted[0] in (2, 3)
    assert numbers(rabbitmq_url) == list(range(-1, 1000))


def test_options_and_delays_arrive(make_broker, make_actor, rabbitmq_url, confirms):
    """A delayed message goes to the delayed queue; a priority is one of RabbitMQ's."""
    broker = make_broker(rabbitmq_url, confirm_delivery=confirms, max_priority=5)
    add = make_actor(broker)
    with airlock.scope():
        airlock.enqueue(add, 1)
        urgent = airlock.enqueue(add, 2, _dispatch_options={"broker_priority": 5})
        late = airlock.enqueue(add, 3, _dispatch_options={"delay": 60_000, "max_retries": 1})
        late.meta["tenant"] = "north"

    assert numbers(rabbitmq_url) == [2, 1]
    assert messages(rabbitmq_url)[0].message_id == urgent.id
    (message,) = messages(rabbitmq_url, "default.DQ")
    assert message.message_id == late.id
    assert message.options["max_retries"] == 1
    assert message.options["airlock"] == {"tenant": "north"}


def test_what_cannot_be_encoded_fails_alone(broker, make_actor, rabbitmq_url):
    """Of three intents one holds what the encoder does not take: the others leave."""
    airlock.configure(strict=False)
    add = make_actor(broker)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, value) for value in (1, object(), 3)]

    assert caught.value.failed == (intents[1],)
    assert numbers(rabbitmq_url) == [1, 3]


@pytest.mark.skipif(
    "mandatory" not in inspect.getsource(RabbitmqBroker.enqueue),
    reason="before Dramatiq 2.2, RabbitMQ drops such a message and says nothing",
)
def test_a_queue_that_somebody_deleted_is_declared_again(make_broker, make_actor, rabbitmq_url):
    """With confirmations what has no queue comes back, and is sent once more: twins do, too."""
    add = make_actor(make_broker(rabbitmq_url, confirm_delivery=True))
    warm_up(add)
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    connection.channel().queue_delete("default")
    connection.close()

    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)
        twin = dramatiq.pipeline([add.message(3)], broker=add.broker)
        airlock.enqueue(twin)
        airlock.enqueue(twin)

    assert numbers(rabbitmq_url) == [0, 1, 2, 3, 3]


def test_a_queue_that_is_another_fails_alone(broker, make_actor, rabbitmq_url):
    """A queue that was declared differently fails its own messages, and says why."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    connection.channel().queue_declare("others", durable=False)
    connection.close()
    add, other = make_actor(broker), make_actor(broker, "other", queue_name="others")
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue((add, other)[number % 2], number) for number in range(6)]

    assert caught.value.failed == tuple(intents[1::2])
    assert "PRECONDITION_FAILED" in str(caught.value.exceptions[0])
    assert numbers(rabbitmq_url) == [0, 2, 4]


def test_a_broker_that_refuses_is_asked_once_per_flush(make_broker, make_actor, free_port):
    """The first intent has failed, the others were not tried; it takes no time."""
    add = make_actor(make_broker(f"amqp://127.0.0.1:{free_port()}//"))

    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(200)]

    assert time.monotonic() - started < 5
    (error,) = caught.value.exceptions
    assert isinstance(error, ConnectionFailed)
    assert "Connection refused" in str(error)
    assert caught.value.failed == tuple(intents[:1])
    assert caught.value.undelivered == tuple(intents[1:])


def test_a_wrong_password_is_no_long_story(make_broker, make_actor, rabbitmq_url):
    """An account that RabbitMQ does not let in has failed, and nothing else."""
    add = make_actor(make_broker(rabbitmq_url.replace("guest:guest", "guest:guess")))
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(add, 1)

    assert "ACCESS_REFUSED" in str(caught.value.exceptions[0])


def test_a_server_that_hangs_leaves_time_for_the_next(
    make_broker, make_actor, rabbitmq_server, rabbitmq_url, proxy
):
    """Of several addresses the next is asked where the first does not answer, in one deadline."""
    airlock.configure(broker_timeout=2 * DEADLINE)
    proxy.silent = True
    urls = [rabbitmq_url.replace(str(rabbitmq_server.port), str(proxy.port)), rabbitmq_url]
    add = make_actor(make_broker(";".join(urls)))
    started = time.monotonic()
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert DEADLINE <= time.monotonic() - started < 2 * DEADLINE
    assert numbers(rabbitmq_url) == [1]


def test_the_first_server_that_answers(make_broker, make_actor, rabbitmq_url, free_port):
    """Of several addresses the next is asked where the first refuses."""
    urls = [f"amqp://127.0.0.1:{free_port()}//", rabbitmq_url]
    add = make_actor(make_broker(";".join(urls)))
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert numbers(rabbitmq_url) == [1]


@pytest.mark.parametrize("warm", [True, False])
def test_a_broker_that_hangs_costs_one_deadline(
    make_broker, make_actor, rabbitmq_server, rabbitmq_url, confirms, warm
):
    """A stopped server that still accepts: the caller has its error after `broker_timeout`."""
    add = make_actor(make_broker(rabbitmq_url, confirm_delivery=confirms))
    if warm:
        warm_up(add)
    airlock.configure(broker_timeout=DEADLINE)
    if warm:
        warm_up(add)
    rabbitmq_server.pause()
    try:
        started = time.monotonic()
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(50)]
        took = time.monotonic() - started
    finally:
        rabbitmq_server.resume()

    assert DEADLINE <= took < 2 * DEADLINE
    assert caught.value.uncertain == ()
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    airlock.configure(broker_timeout=10)
    caught.value.retry()
    assert numbers(rabbitmq_url)[-50:] == list(range(50))


def test_a_connection_that_died_unnoticed_is_made_anew(far_add, proxy, rabbitmq_url):
    """Where the free line is dead and the broker is up, everything leaves at once."""
    warm_up(far_add)
    proxy.cut()
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(far_add, number)

    assert numbers(rabbitmq_url) == [-1, 0, 1, 2]


def test_a_broker_that_goes_away_between_flushes_is_down(far_add, proxy, rabbitmq_url):
    """Where the free line is dead and the broker gone, nothing is uncertain: none left."""
    warm_up(far_add)
    proxy.stop()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(3)]

    assert caught.value.uncertain == ()
    assert caught.value.failed + caught.value.undelivered == tuple(intents)
    assert numbers(rabbitmq_url) == [-1]


def test_a_line_that_breaks_is_uncertain(far_add, proxy, rabbitmq_url):
    """What was on its way and not confirmed may have left. airlock never sends it again."""
    warm_up(far_add)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(1500)]
        proxy.cut_after = 50_000
    dispatched, uncertain = len(caught.value.dispatched), len(caught.value.uncertain)
    assert isinstance(caught.value.exceptions[0], ConnectionClosed)
    assert dispatched + uncertain == 1000
    assert caught.value.failed == (intents[1000],)
    assert caught.value.undelivered == tuple(intents[1001:])

    caught.value.retry()
    # RabbitMQ may still be reading what came before the cut.
    arrived = wait_for(rabbitmq_url, 1 + max(dispatched, 1) + 500)[1:]
    early = [number for number in arrived if number < 1000]
    assert early == list(range(len(early)))
    assert dispatched <= len(early) < 750
    assert [number for number in arrived if number >= 1000] == list(range(1000, 1500))


def test_a_line_that_stalls_is_uncertain_after_the_deadline(far_add, proxy, rabbitmq_url):
    """A broker that falls silent in the middle costs one deadline, too."""
    airlock.configure(broker_timeout=DEADLINE)
    warm_up(far_add)
    started = time.monotonic()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(far_add, number) for number in range(900)]
        proxy.stall_after = 20_000

    assert DEADLINE <= time.monotonic() - started < 2 * DEADLINE
    assert caught.value.dispatched + caught.value.uncertain == tuple(intents)
    assert caught.value.uncertain


def test_a_server_that_is_killed_in_the_middle(make_broker, make_actor):
    """Every intent has an end, and what was confirmed before is said to have left."""
    with rabbitmq.RabbitMQ() as server:
        add = make_actor(make_broker(server.create_vhost(), confirm_delivery=True))
        warm_up(add)
        killer = threading.Timer(0.1, server.kill)
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            intents = [airlock.enqueue(add, number) for number in range(20_000)]
            killer.start()
        killer.join()

    states = [intent.state for intent in intents]
    assert set(states) <= {State.DISPATCHED, State.UNCERTAIN, State.FAILED, State.UNDELIVERED}
    assert caught.value.undelivered
    assert not set(caught.value.dispatched) & set(caught.value.uncertain)


def test_an_interrupt_throws_the_line_away(broker, make_actor, rabbitmq_url):
    """After Ctrl-C in a flush the next one begins on a line of its own, and nothing comes twice."""

    class Interrupting(dramatiq.Middleware):
        on = True

        def before_enqueue(self, broker, message, delay):
            if self.on and message.args == (5,):
                raise KeyboardInterrupt

    add = make_actor(broker)
    broker.add_middleware(Interrupting())
    warm_up(add)
    with pytest.raises(KeyboardInterrupt), airlock.scope():
        for number in range(10):
            airlock.enqueue(add, number)
    Interrupting.on = False
    with airlock.scope():
        airlock.enqueue(add, 11)

    assert numbers(rabbitmq_url) == [-1, 11]


def test_threads_share_a_broker(broker, make_actor, rabbitmq_url):
    """Eight threads whose scopes flush at the same time: each intent leaves once, each in order."""
    add = make_actor(broker)

    def work(worker: int) -> None:
        for number in range(5):
            with airlock.scope():
                for part in range(10):
                    airlock.enqueue(add, worker, 10 * number + part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    arrived: dict[int, list[int]] = {worker: [] for worker in range(8)}
    for message in messages(rabbitmq_url):
        worker, number = message.args
        arrived[worker].append(number)
    assert arrived == {worker: list(range(50)) for worker in range(8)}


def test_a_forked_process_speaks_on_a_line_of_its_own(broker, make_actor, rabbitmq_url):
    """A child of a process that has flushed before does not take the parent's line."""
    add = make_actor(broker)
    warm_up(add)
    child = os.fork()
    if child == 0:
        with airlock.scope():
            airlock.enqueue(add, 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with airlock.scope():
        airlock.enqueue(add, 2)

    assert numbers(rabbitmq_url) == [-1, 1, 2]


@pytest.mark.asyncio
async def test_async_scopes(broker, make_actor, rabbitmq_url):
    """In `async with`, the flush happens off the event loop."""
    add = make_actor(broker)
    for number in range(2):
        async with airlock.scope():
            airlock.enqueue(add, number)

    assert numbers(rabbitmq_url) == [0, 1]


def test_the_applications_connections_are_left_alone(broker, make_actor, rabbitmq_url):
    """The flush opens none of the broker's own connections, and changes none of its settings."""
    add = make_actor(broker)
    parameters = repr(broker.parameters)
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert not broker.connections
    assert not broker.channels
    assert repr(broker.parameters) == parameters
    add.send(2)
    assert numbers(rabbitmq_url) == [1, 2]
