"""Actors and brokers of classes that derive from Dramatiq's own."""

from __future__ import annotations

import functools

import dramatiq
import pytest

import airlock
from dramatiq_messages import sent


def test_an_actors_own_send_with_options_is_used(url, broker):
    """An actor class's own `send_with_options` runs once for each intent, when it is sent."""
    calls = []

    class Tenanted(dramatiq.Actor):
        def send_with_options(self, *, args=(), kwargs=None, **options):
            calls.append(args)
            return super().send_with_options(args=args, kwargs={**kwargs, "right": 7}, **options)

    @dramatiq.actor(broker=broker, actor_class=Tenanted)
    def tenanted(left, right=0): ...

    with airlock.scope():
        intent = airlock.enqueue(tenanted, 1)
        assert calls == []

    (message,) = sent(url)
    assert calls == [(1,)]
    assert message.kwargs == {"right": 7}
    assert message.message_id == intent.id


@pytest.mark.parametrize("method", ["send_with_options", "message_with_options"])
@pytest.mark.parametrize("place", ["class", "actor"])
def test_what_traces_actors_sees_each_message(monkeypatch, url, add, method, place):
    """A method that somebody has put around Dramatiq's runs once for each intent that is sent."""
    airlock.configure(strict=False)  # which makes a message at the `enqueue`, too, to look at it
    seen = []
    where = dramatiq.Actor if place == "class" else add
    original = getattr(where, method)

    @functools.wraps(original)
    def traced(*args, **kwargs):
        seen.append(kwargs["args"])
        return original(*args, **kwargs)

    monkeypatch.setattr(where, method, traced)
    with airlock.scope():
        airlock.enqueue(add, 1)
        airlock.enqueue(add, 2, _dispatch_options={"max_retries": 1})

    assert seen == [(1,), (2,)]
    assert [message.args for message in sent(url)] == seen


def test_a_brokers_own_enqueue_is_used(url, make_actor, make_broker):
    """A broker class that derives from Dramatiq's keeps its say, and its own attributes."""

    class Counting(dramatiq.brokers.redis.RedisBroker):
        count = 0

        def enqueue(self, message, *, delay=None):
            self.count += 1
            return super().enqueue(message.copy(options={"count": self.count}), delay=delay)

    broker = make_broker(url)
    broker.__class__ = Counting
    add = make_actor(broker)
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)

    assert broker.count == 3
    assert [message.options["count"] for message in sent(url)] == [1, 2, 3]


def test_what_a_broker_does_to_enqueue_is_used(url, make_actor, make_broker):
    """A broker class that has its own way to give a message to Redis keeps it."""
    done = []

    class Announcing(dramatiq.brokers.redis.RedisBroker):
        def do_enqueue(self, queue_name, *args):
            done.append(queue_name)
            return self._dispatch("enqueue")(queue_name, *args)

    broker = make_broker(url)
    broker.__class__ = Announcing
    add = make_actor(broker)
    with airlock.scope():
        for number in range(3):
            airlock.enqueue(add, number)

    assert done == ["default"] * 3
    assert [message.args for message in sent(url)] == [(0,), (1,), (2,)]


def test_a_class_based_actor(url, broker):
    """A `GenericActor` is enqueued like any actor."""
    dramatiq.set_broker(broker)

    class Greet(dramatiq.GenericActor):
        class Meta:
            actor_name = "greet"

        def perform(self, name): ...

    with airlock.scope(executor="dramatiq"):
        intent = airlock.enqueue(Greet, "ann")

    (message,) = sent(url)
    assert (message.actor_name, message.args) == ("greet", ("ann",))
    assert message.message_id == intent.id
