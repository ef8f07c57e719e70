"""Messages that are made like the first of their run, and not one by one by Dramatiq."""

from __future__ import annotations

import functools
import random

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker

import airlock
from airlock_dramatiq.calls import Calls
from dramatiq_messages import first_arguments, sent


@pytest.fixture
def count_enqueues(monkeypatch):
    """A function after which the messages that Dramatiq's own `enqueue` copies are listed."""

    def start() -> list[dramatiq.Message]:
        messages = []

        def copy(message, **changes):
            is_new = messages[-1:] != [message]  # airlock copies the first, too, to compare
            if "redis_message_id" in changes.get("options", {}) and is_new:
                messages.append(message)
            return original(message, **changes)

        original = dramatiq.Message.copy
        monkeypatch.setattr(dramatiq.Message, "copy", copy)
        return messages

    return start


def test_only_the_first_of_a_queue_is_made_by_dramatiq(url, add, make_actor, count_enqueues):
    """Of ten messages for each of two queues, Dramatiq is given one; all are as it makes them."""
    other = make_actor(add.broker, "other", queue_name="others")
    made = count_enqueues()
    with airlock.scope():
        intents = [airlock.enqueue((add, other)[n % 2], n, right=[n]) for n in range(20)]

    assert [message.args for message in made] == [(0,), (1,)]
    arrived = [*sent(url), *sent(url, "others")]
    assert arrived == [intent.receipt for intent in intents[::2] + intents[1::2]]
    assert [message.message_id for message in arrived] == [
        intent.id for intent in intents[::2] + intents[1::2]
    ]
    with redis.Redis.from_url(url) as client:
        keys = [key.decode() for key in client.hkeys("dramatiq:default.msgs")]
    own = [message.options.pop("redis_message_id") for message in sent(url)]
    assert sorted(keys) == sorted(own)
    assert len(set(own)) == 10


def test_meta_is_each_messages_own(url, add):
    """What differs between intents differs between their messages."""
    with airlock.scope():
        for number in range(4):
            intent = airlock.enqueue(add, number)
            if number % 2:
                intent.meta["number"] = number

    assert [message.options.get("airlock") for message in sent(url)] == [
        None,
        {"number": 1},
        None,
        {"number": 3},
    ]


def test_options_and_delays_are_dramatiqs(url, add, count_enqueues):
    """A message with options or a delay is made by Dramatiq each time, and the order is kept."""
    made = count_enqueues()
    with airlock.scope():
        for number in range(6):
            options = {"max_retries": number} if number % 2 else None
            airlock.enqueue(add, number, _dispatch_options=options)
        for number in range(2):
            airlock.enqueue(add, number, _dispatch_options={"delay": 60_000})

    assert [message.args for message in made] == [(0,), (1,), (3,), (5,), (0,), (1,)]
    assert [m.options.get("max_retries") for m in sent(url)] == [None, 1, None, 3, None, 5]
    assert first_arguments(url, "default.DQ") == [0, 1]


def test_a_message_that_is_enqueued_twice_stays_as_it_is(url, add):
    """A ready-made message is not changed, and has another id in Redis each time."""
    message = add.message(1)
    with airlock.scope():
        airlock.enqueue(add, 0)
        for _ in range(2):
            airlock.enqueue(message)

    assert message.options == {}
    _, first, second = sent(url)
    assert first.message_id == second.message_id == message.message_id
    assert first.options != second.options


def test_what_traces_the_broker_sees_each_message(monkeypatch, url, add):
    """Where something is put around `RedisBroker.enqueue`, it runs for each."""
    seen = []
    original = RedisBroker.enqueue

    @functools.wraps(original)
    def traced(self, message, **options):
        seen.append(message.args)
        return original(self, message, **options)

    monkeypatch.setattr(RedisBroker, "enqueue", traced)
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)

    assert seen == [(0,), (1,), (2,)]
    assert first_arguments(url) == [0, 1, 2]


@pytest.mark.parametrize("signal", ["before", "after"])
def test_what_traces_the_signals_sees_each_message(monkeypatch, url, add, signal):
    """Where something is put around the signals of all brokers, it runs for each."""
    seen = []
    name = f"emit_{signal}"
    original = getattr(dramatiq.Broker, name)

    @functools.wraps(original)
    def traced(self, what, *arguments, **named):
        seen.append(what)
        return original(self, what, *arguments, **named)

    monkeypatch.setattr(dramatiq.Broker, name, traced)
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)

    assert seen == ["enqueue"] * 3
    assert first_arguments(url) == [0, 1, 2]


@pytest.mark.parametrize("chance", [None, 1_000_000])
def test_maintenance_is_not_repeated(monkeypatch, url, make_broker, make_actor, chance):
    """A lot that falls on the first message does not fall on all; who asks for it, has it."""
    monkeypatch.setattr(random, "randint", lambda *_: 1)
    settings = {} if chance is None else {"maintenance_chance": chance}
    add = make_actor(make_broker(url, **settings))
    with redis.Redis.from_url(url) as client:
        client.zadd("dramatiq:__heartbeats__", {"a dead worker": 1})
        with airlock.scope():
            for number in range(3):
                airlock.enqueue(add, number)
        left = client.zscore("dramatiq:__heartbeats__", "a dead worker")

    assert first_arguments(url) == [0, 1, 2]
    assert (left is None) == (chance is not None)


def test_a_dramatiq_that_makes_more_is_not_repeated(add):
    """Where a second option differs from message to message, each is left to Dramatiq."""
    calls = Calls(add.broker.scripts["dispatch"], lambda value: str(value).encode())
    message = add.message(1)
    for changed in ({"redis_message_id": "a", "position": 1}, {}):
        made = message.copy(options=changed)
        calls.packed(["dramatiq"], ["enqueue", "default", "a", made.encode()])
        calls.learn(message, made)
        assert calls.repeated(message) is None

    made = message.copy(options={"redis_message_id": "a"})
    calls.packed(["dramatiq"], ["enqueue", "default", "another", made.encode()])
    calls.learn(message, made)
    assert calls.repeated(message) is None
