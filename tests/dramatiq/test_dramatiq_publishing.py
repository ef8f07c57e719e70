"""What is sent, and how: options, ids, meta, hooks, and messages that cannot be sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import timedelta

import dramatiq
import pytest
from dramatiq.middleware import Middleware, SkipMessage
from redis import Redis

import airlock
from airlock import State
from airlock_dramatiq import dramatiq_executor
from dramatiq_messages import first_arguments, sent

language: ContextVar[str] = ContextVar("language", default="en")


class Diary(Middleware):
    """A middleware that writes down what it is told."""

    actor_options = {"tenant"}

    def __init__(self):
        self.lines = []

    def before_enqueue(self, broker, message, delay):
        self.lines.append(("before", broker, message, delay, language.get()))

    def after_enqueue(self, broker, message, delay):
        self.lines.append(("after", broker, message, delay, language.get()))


@pytest.fixture
def diary(broker):
    made = Diary()
    broker.add_middleware(made)
    return made


def test_an_actor_goes_to_dramatiq_without_configuration(url, add):
    """An actor that is enqueued is sent at the scope's end, and not before."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, right=2)
        assert sent(url) == []

    (message,) = sent(url)
    assert (message.actor_name, message.args, message.kwargs) == ("add", (1,), {"right": 2})
    assert message.message_id == intent.id == intent.receipt.message_id
    assert message == intent.receipt


def test_nothing_is_sent_from_a_discarded_scope(url, add):
    """A block that raises sends nothing."""
    with pytest.raises(ZeroDivisionError), airlock.scope():
        airlock.enqueue(add, 1 / 0)

    assert sent(url) == []


def test_options_are_those_of_send_with_options(url, add, diary):
    """What `_dispatch_options` hold is in the message exactly as `send_with_options` puts it there."""
    options = {
        "max_retries": 3,
        "time_limit": 1000,
        "on_success": add,
        "on_failure": "add",
        "tenant": "north",
        "broker_priority": 2,
    }
    add.send_with_options(args=(1,), kwargs={"right": 2}, **options)
    with airlock.scope():
        airlock.enqueue(add, 1, right=2, _dispatch_options=options)

    direct, ours = sent(url)
    for message in (direct, ours):
        message.options.pop("redis_message_id")  # Dramatiq makes one for each message
    assert ours.options == direct.options
    assert ours.options["on_success"] == "add"
    assert (ours.args, ours.kwargs, ours.queue_name) == (
        direct.args,
        direct.kwargs,
        direct.queue_name,
    )


def test_a_message_without_options_is_like_that_of_send(url, add):
    """What an actor is given, and nothing else, is in the message as `send` puts it there."""
    add.send(1, right={"a": [2]})
    with airlock.scope():
        airlock.enqueue(add, 1, right={"a": [2]})

    direct, ours = (message.asdict() for message in sent(url))
    assert direct.keys() == ours.keys()
    assert direct["options"].keys() == ours["options"].keys()
    for name in ("queue_name", "actor_name", "args", "kwargs"):
        assert direct[name] == ours[name]
    assert 0 <= ours["message_timestamp"] - direct["message_timestamp"] < 60_000


@pytest.mark.parametrize("delay", [60_000, timedelta(minutes=1)])
def test_a_delay_begins_when_the_message_is_sent(url, add, delay):
    """`delay` counts from the flush, in milliseconds or as a timedelta; the queue is the delayed one."""
    with airlock.scope():
        intent = airlock.enqueue(add, 1, _dispatch_options={"delay": delay})
        left = dramatiq.common.current_millis()

    (message,) = sent(url, "default.DQ")
    assert sent(url) == []
    assert message.queue_name == "default.DQ"
    assert message.message_id == intent.id
    assert 60_000 <= message.options["eta"] - left < 90_000


def test_meta_travels_in_the_option_airlock(url, add):
    """What plugins put into `intent.meta` is in `message.options["airlock"]`, and nowhere without it."""
    with airlock.scope():
        airlock.enqueue(add, 1).meta["traceparent"] = "00-1-2-01"
        airlock.enqueue(add, 2)

    first, second = sent(url)
    assert first.options["airlock"] == {"traceparent": "00-1-2-01"}
    assert "airlock" not in second.options


def test_middleware_is_told_as_of_any_message(url, broker, add, diary):
    """Each hook runs once per message, with the broker, the delay and the context of the `enqueue`."""
    with airlock.scope():
        for spoken, delay in (("de", None), ("fr", 1000)):
            language.set(spoken)
            airlock.enqueue(add, 1, _dispatch_options={"delay": delay} if delay else None)
        language.set("en")

    assert [line[0] for line in diary.lines] == ["before", "before", "after", "after"]
    assert {line[1] for line in diary.lines} == {broker}
    assert [line[3:] for line in diary.lines] == [(None, "de"), (1000, "fr")] * 2
    arrived = [*sent(url), *sent(url, "default.DQ")]
    assert [line[2] for line in diary.lines] == arrived * 2


def test_after_enqueue_comes_when_the_message_is_there(url, broker, add):
    """A middleware that looks into the queue in `after_enqueue` finds the message."""
    found = []

    class Looking(Middleware):
        def after_enqueue(self, broker, message, delay):
            found.append(len(sent(url)))

    broker.add_middleware(Looking())
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert found == [1]


def test_a_message_that_middleware_refuses_fails_alone(url, broker, add):
    """An error of `before_enqueue` that Dramatiq lets through is that one intent's."""

    class Refusing(Middleware):
        def before_enqueue(self, broker, message, delay):
            if message.args == (2,):
                raise SkipMessage("not that one")

    broker.add_middleware(Refusing())
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, number) for number in (1, 2, 3)]

    assert caught.value.failed == (intents[1],)
    assert first_arguments(url) == [1, 3]


def test_what_cannot_be_encoded_fails_alone(url, add):
    """Of three intents one holds what the encoder does not take: it fails, and the others leave."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(add, value) for value in (1, object(), 3)]

    assert caught.value.failed == (intents[1],)
    assert "not JSON serializable" in str(caught.value.exceptions[0])
    assert first_arguments(url) == [1, 3]


def test_what_was_not_checked_fails_alone(url, add, make_broker, make_actor):
    """What comes by an executor that checks nothing fails at the flush, and sends nothing wrong."""
    elsewhere = make_actor(make_broker("stub"), "elsewhere")
    with pytest.raises(airlock.DispatchError) as caught:
        with airlock.scope(executor=Unchecked()):
            first = airlock.enqueue(add, 1)
            wrong = [
                airlock.enqueue(elsewhere.message(1)),
                airlock.enqueue(add.message(1), 2),
                airlock.enqueue(add.message(1) | add.message(2), _dispatch_options={"retries": 1}),
                airlock.enqueue(dramatiq.pipeline([])),
                airlock.enqueue(add, 1, _dispatch_options={"on_success": print}),
                airlock.enqueue(print, 1),
            ]
            last = airlock.enqueue(add, 2)

    assert caught.value.failed == tuple(wrong)
    assert caught.value.dispatched == (first, last)
    assert first_arguments(url) == [1, 2]


class Unchecked:
    """An executor that says nothing at the `enqueue`."""

    def __call__(self, intent):
        return dramatiq_executor(intent)

    def dispatch_many(self, intents):
        return dramatiq_executor.dispatch_many(intents)


def test_nothing_is_sent_before_all_is_made(url, broker, add):
    """An interrupt while messages are made finds nothing sent; then everything works again."""

    class Interrupting(Middleware):
        on = True

        def before_enqueue(self, broker, message, delay):
            if self.on and message.args == (5,):
                raise KeyboardInterrupt

    broker.add_middleware(Interrupting())
    with pytest.raises(KeyboardInterrupt), airlock.scope():
        intents = [airlock.enqueue(add, number) for number in range(10)]

    assert {intent.state for intent in intents} <= {State.UNCERTAIN, State.UNDELIVERED}
    assert sent(url) == []
    Interrupting.on = False
    with airlock.scope():
        airlock.enqueue(add, 11)
    assert first_arguments(url) == [11]


def test_more_than_a_pipeline_holds_leaves_in_order(url, add):
    """Two and a half thousand intents need three pipelines, and keep their order."""
    with airlock.scope():
        for number in range(2500):
            airlock.enqueue(add, number)

    assert first_arguments(url) == list(range(2500))


def test_a_script_that_redis_has_forgotten_is_loaded_again(url, add):
    """After SCRIPT FLUSH, or on a server that was replaced, everything leaves."""
    for number in range(2):
        with airlock.scope():
            airlock.enqueue(add, number)
        with Redis.from_url(url) as client:
            client.script_flush()

    assert first_arguments(url) == [0, 1]


def test_what_redis_refuses_has_failed(url, add, new_database):
    """A message that Redis answers with an error has not left, and can be sent again."""
    with Redis.from_url(url) as client:
        client.set("dramatiq:other", "no list")
        client.set("dramatiq:other.msgs", "no hash")
        add.broker.declare_queue("other")
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            first = airlock.enqueue(add, 1)
            refused = airlock.enqueue(add.message(2).copy(queue_name="other"))
            last = airlock.enqueue(add, 3)
        client.delete("dramatiq:other", "dramatiq:other.msgs")

    assert caught.value.dispatched == (first, last)
    assert caught.value.failed == (refused,)
    assert "WRONGTYPE" in str(caught.value.exceptions[0])
    caught.value.retry()
    assert first_arguments(url, "other") == [2]


def test_two_brokers_in_one_scope(make_broker, make_actor, new_database):
    """Each actor goes to its own broker, and the order of each is kept."""
    urls = [new_database(), new_database()]
    actors = [make_actor(make_broker(url)) for url in urls]

    with airlock.scope():
        for number in range(6):
            airlock.enqueue(actors[number % 2], number)

    assert [first_arguments(url) for url in urls] == [[0, 2, 4], [1, 3, 5]]


def test_the_applications_client_is_left_alone(url, broker, add):
    """The flush uses a connection of its own, and changes nothing of the application's."""
    pool = broker.client.connection_pool
    before = dict(pool.connection_kwargs), dict(vars(broker)), dict(vars(add))
    with airlock.scope():
        airlock.enqueue(add, 1)

    assert (dict(pool.connection_kwargs), dict(vars(broker)), dict(vars(add))) == before
    assert broker.scripts["dispatch"].registered_client is broker.client


def test_the_named_executor(url, add):
    """`executor="dramatiq"` is the executor that the plugin is."""
    with airlock.scope(executor="dramatiq") as scope:
        airlock.enqueue(add, 1)
        assert [planned.executor for planned in scope.plan()] == [dramatiq_executor]

    assert len(sent(url)) == 1


def test_only_what_dramatiq_carries_is_claimed(add):
    """A plain function in the same scope runs here; the actor goes to Dramatiq."""
    ran = []
    with airlock.scope() as scope:
        airlock.enqueue(ran.append, 1)
        airlock.enqueue(add, 1)
        plain, actor = scope.plan()
        assert plain.executor is not dramatiq_executor
        assert actor.executor is dramatiq_executor

    assert ran == [1]


def test_direct_calls_are_not_intercepted(url, add):
    """`.send()` in a scope sends at once, as without airlock."""
    with airlock.scope():
        add.send(1)
        assert first_arguments(url) == [1]


def test_threads_share_a_broker(url, add):
    """Eight threads whose scopes flush at the same time: each intent leaves once, each in order."""

    def work(worker: int) -> None:
        for number in range(20):
            with airlock.scope():
                for part in range(10):
                    airlock.enqueue(add, worker, 10 * number + part)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    arrived: dict[int, list[int]] = {worker: [] for worker in range(8)}
    for message in sent(url):
        worker, number = message.args
        arrived[worker].append(number)
    assert arrived == {worker: list(range(200)) for worker in range(8)}


@pytest.mark.asyncio
async def test_async_scopes_do_not_block_the_event_loop(url, broker, add):
    """In `async with`, the flush happens off the event loop."""
    threads = []

    class Noting(Middleware):
        def before_enqueue(self, broker, message, delay):
            threads.append(threading.current_thread())

    broker.add_middleware(Noting())
    async with airlock.scope():
        airlock.enqueue(add, 1)

    assert len(sent(url)) == 1
    assert threads[0] is not threading.current_thread()
