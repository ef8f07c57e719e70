"""What is refused at the `enqueue` line, and with which remedy."""

from __future__ import annotations

from datetime import timedelta

import dramatiq
import dramatiq.broker
import pytest
from dramatiq import group, pipeline

import airlock
from airlock import IntentError


@pytest.fixture(autouse=True)
def _scope():
    with airlock.scope(executor="dramatiq") as scope:
        yield
        scope.discard()


def refused(*args, **kwargs) -> str:
    """Return what the refusal of an `enqueue` says."""
    with pytest.raises(IntentError) as caught:
        airlock.enqueue(*args, **kwargs)
    return str(caught.value)


def test_a_plain_function():
    """What is no actor is refused, with the way to make it one."""

    def plain(): ...

    assert "Put @dramatiq.actor above it" in refused(plain)
    assert "is no actor" in refused("add")
    assert "is no actor" in refused(dramatiq.Actor)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"args": (1,)}, "Give the actor's arguments to enqueue() itself"),
        ({"kwargs": {}}, "Give the actor's arguments to enqueue() itself"),
        ({"queue_name": "other"}, "actor.message(...).copy(queue_name=...)"),
        ({"message_id": "x"}, "the id is intent.id"),
        ({"airlock": {}}, "intent.meta travels under that name"),
        ({"delay": "soon"}, "a number of milliseconds"),
        ({"delay": True}, "a number of milliseconds"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_options_that_would_do_nothing(add, options, said, strict):
    """Options that Dramatiq would ignore, or break on, are refused, strict or not."""
    airlock.configure(strict=strict)

    assert said in refused(add, 1, _dispatch_options=options)


def test_unknown_options(add):
    """Where `strict`, an option that no middleware knows is refused; otherwise it travels."""
    said = refused(add, 1, _dispatch_options={"max_retrys": 1})
    assert "Did you mean 'max_retries'?" in said
    assert "the option 5" in refused(add, 1, _dispatch_options={5: 1})
    airlock.configure(strict=False)
    airlock.enqueue(add, 1, _dispatch_options={"max_retrys": 1})


@pytest.mark.parametrize("delay", [1, 1.5, 0, timedelta(seconds=1), None])
def test_delays(add, delay):
    """Every form of delay that Dramatiq takes is let through."""
    airlock.enqueue(add, 1, _dispatch_options={"delay": delay})


def test_a_callback_that_is_no_actor(add):
    """`on_success` must be an actor or the name of one."""
    assert "must be an Actor" in refused(add, 1, _dispatch_options={"on_success": print})


def test_arguments_that_do_not_fit(add):
    """Where `strict`, arguments must fit the function, of actors and of messages."""
    assert "does not take these arguments" in refused(add)
    assert "does not take these arguments" in refused(add.message(wrong=1))
    assert "does not take these arguments" in refused(group([add.message()]))


def test_arguments_that_cannot_be_encoded(add):
    """Where `strict`, the encoder must take the arguments; of compositions, all of them."""
    for task, args in [
        (add, (object(),)),
        (add.message(object()), ()),
        (add.message(1) | add.message(object()), ()),
        (group([add.message(1), add.message(object())]), ()),
    ]:
        assert "cannot be encoded" in refused(task, *args)


def test_any_encoder_that_takes_them_will_do(add):
    """The encoder that is asked is Dramatiq's own, whichever that is."""
    before = dramatiq.get_encoder()
    dramatiq.set_encoder(dramatiq.PickleEncoder())
    try:
        airlock.enqueue(add, {1, 2})
    finally:
        dramatiq.set_encoder(before)


def test_a_message_has_its_arguments(add):
    """Arguments for what has its own are refused; so are options for what takes none."""
    for task in (add.message(1), pipeline([add.message(1)]), group([add.message(1)])):
        assert "has its arguments already" in refused(task, 1)
    assert "a pipeline takes the option 'delay' alone" in refused(
        pipeline([add.message(1)]), _dispatch_options={"max_retries": 1}
    )


def test_an_empty_composition(broker):
    """A pipeline of nothing cannot be run; a group of nothing would say that it had left."""
    assert "an empty pipeline" in refused(pipeline([]))
    assert "an empty group" in refused(group([]))


def test_a_queue_that_is_not_declared(add):
    """A queue that the broker does not know would be read by nobody."""
    message = add.message(1).copy(queue_name="othr")

    assert "broker.declare_queue('othr')" in refused(message)
    add.queue_name = "othr"
    assert "broker.declare_queue('othr')" in refused(add, 1)
    add.broker.declare_queue("othr")
    airlock.enqueue(message)


def test_a_message_of_another_broker(broker, make_broker, make_actor):
    """A message whose actor the global broker does not have is for another, and refused."""
    elsewhere = make_actor(make_broker("stub"), "elsewhere")

    said = refused(elsewhere.message(1))
    assert "dramatiq.pipeline([message], broker=broker)" in said


def test_a_message_without_a_global_broker(make_broker, make_actor):
    """Where no global broker is set, none is made for the sake of a message."""
    message = make_actor(make_broker("stub")).message(1)
    dramatiq.broker.global_broker = None

    assert "is not declared on the global broker" in refused(message)
    assert dramatiq.broker.global_broker is None


def test_a_group_over_two_brokers(broker, add, make_broker, make_actor):
    """A group cannot be sent whole where its parts have two brokers."""
    other = make_broker("stub")
    part = pipeline([make_actor(other, "elsewhere").message(1)], broker=other)

    assert "a group for each broker" in refused(group([add.message(1), part]))
