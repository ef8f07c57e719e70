"""Messages, pipelines and groups: one intent each, sent whole."""

from __future__ import annotations

import dramatiq
import pytest
from dramatiq import group, pipeline
from dramatiq.middleware import GroupCallbacks
from dramatiq.rate_limits.backends.redis import RedisBackend
from dramatiq.rate_limits.backends.stub import StubBackend

import airlock
from airlock import BlockTasks
from dramatiq_messages import first_arguments, sent


@pytest.fixture
def audit(broker, make_actor):
    """A second actor, on a queue of its own."""
    return make_actor(broker, "audit", queue_name="audits")


def test_a_message_keeps_its_id(url, add):
    """A ready-made message is sent as it is; `intent.id` is its own id."""
    message = add.message_with_options(args=(1,), max_retries=2)
    with airlock.scope():
        intent = airlock.enqueue(message)
        assert intent.id == message.message_id

    (arrived,) = sent(url)
    assert arrived.message_id == intent.receipt.message_id == message.message_id
    assert arrived.message_timestamp == message.message_timestamp
    assert arrived.options["max_retries"] == 2


def test_a_message_takes_options(url, add):
    """Options are added to those that a message has, and `delay` delays it."""
    with airlock.scope():
        options = {"time_limit": 1000, "on_success": add, "delay": 1000}
        airlock.enqueue(
            add.message_with_options(args=(1,), max_retries=2), _dispatch_options=options
        )

    (arrived,) = sent(url, "default.DQ")
    found = {name: arrived.options[name] for name in ("max_retries", "time_limit", "on_success")}
    assert found == {"max_retries": 2, "time_limit": 1000, "on_success": "add"}


def test_a_pipeline_is_one_intent(url, add, audit):
    """The first message is sent, and holds the others; the id is that of the pipeline's result."""
    chained = pipeline([add.message(1), audit.message(2), add.message(3)])
    with airlock.scope():
        intent = airlock.enqueue(chained)
        assert intent.id == chained.messages[-1].message_id

    (first,) = sent(url)
    second = dramatiq.Message(**first.options["pipe_target"])
    third = dramatiq.Message(**second.options["pipe_target"])
    arrived = [message.message_id for message in (first, second, third)]
    assert arrived == [message.message_id for message in chained.messages]
    assert second.queue_name == "audits"
    assert intent.receipt is chained


def test_a_pipeline_takes_a_delay(url, add):
    """A pipeline is delayed as `run(delay=...)` delays it."""
    with airlock.scope():
        chained = add.message(1) | add.message(2)
        airlock.enqueue(chained, _dispatch_options={"delay": 1000})

    assert first_arguments(url, "default.DQ") == [1]


def test_a_group_is_one_intent(url, add, audit):
    """All parts of a group are sent, nested groups and pipelines included, in their order."""
    parts = group([add.message(1), group([audit.message(2)]), add.message(3) | audit.message(4)])
    with airlock.scope():
        intent = airlock.enqueue(parts)

    assert first_arguments(url) == [1, 3]
    assert first_arguments(url, "audits") == [2]
    assert intent.receipt is parts
    assert [message.message_id for message in sent(url, "audits")] == [
        parts.children[1].children[0].message_id
    ]


def test_a_group_with_a_completion_callback(url, broker, add, audit, make_broker):
    """The barrier is made, and each message knows the callback."""
    broker.add_middleware(GroupCallbacks(StubBackend()))
    parts = group([add.message(1), add.message(2) | add.message(3)])
    parts.add_completion_callback(audit.message("done"))
    with airlock.scope():
        airlock.enqueue(parts).meta["tenant"] = "north"

    first, second = sent(url)
    last = dramatiq.Message(**second.options["pipe_target"])
    for message in (first, last):
        (callback,) = message.options["group_completion_callbacks"]
        assert callback["actor_name"] == "audit"
        assert callback["options"]["airlock"] == {"tenant": "north"}
    assert first.options["group_completion_uuid"] == last.options["group_completion_uuid"]


def test_a_group_whose_barrier_has_no_server_is_not_sent(url, broker, add, audit, free_port):
    """Where the backend of the barriers is down, nothing of the group has left."""
    backend = RedisBackend(url=f"redis://127.0.0.1:{free_port()}/0?socket_timeout=1")
    backend.client.connection_pool.connection_kwargs["retry"] = None
    broker.add_middleware(GroupCallbacks(backend))
    parts = group([add.message(1), add.message(2)])
    parts.add_completion_callback(audit.message("done"))
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        intent = airlock.enqueue(parts)
    backend.client.close()

    assert caught.value.failed == (intent,)
    assert sent(url) == []


def test_a_group_leaves_whole_or_not_at_all(url, add):
    """A group of which one member cannot be encoded sends none of its messages."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(group([add.message(1), add.message(object()), add.message(3)]))
        airlock.enqueue(add, 4)

    assert len(caught.value.failed) == 1
    assert first_arguments(url) == [4]


def test_meta_travels_with_every_step(url, add):
    """Every message of a composition has the meta of the intent; the originals are not changed."""
    chained = pipeline([add.message(1), add.message(2)])
    message = add.message(3)
    with airlock.scope():
        for task in (chained, message):
            airlock.enqueue(task).meta["tenant"] = "north"

    first, third = sent(url)
    second = dramatiq.Message(**first.options["pipe_target"])
    assert [each.options["airlock"] for each in (first, second, third)] == [{"tenant": "north"}] * 3
    assert "airlock" not in message.options
    assert not any("airlock" in each.options for each in chained.messages)


def test_a_pipeline_names_a_broker(make_broker, make_actor, new_database, broker):
    """A message of an actor on another broker than the global one is sent there by a pipeline."""
    url = new_database()
    other = make_broker(url)
    elsewhere = make_actor(other, "elsewhere")
    with airlock.scope():
        airlock.enqueue(pipeline([elsewhere.message(1)], broker=other))

    assert first_arguments(url) == [1]


@pytest.mark.parametrize("by", ["audit", "object"])
def test_policies_see_inside(url, broker, add, audit, by):
    """`BlockTasks` finds an actor by name or object in messages, compositions and callbacks."""
    parts = group([add.message(1)])
    parts.add_completion_callback(audit.message(1))
    tasks = [
        audit.message(1),
        add.message(1) | audit.message(2),
        group([add.message(1), group([add.message(1) | audit.message(2)])]),
        parts,
        add.message_with_options(args=(1,), on_success=audit),
    ]
    with airlock.scope(policy=BlockTasks([audit if by == "object" else by])) as scope:
        airlock.enqueue(audit, 1)
        for task in tasks:
            airlock.enqueue(task)
        airlock.enqueue(add, 1, _dispatch_options={"on_failure": audit})
        airlock.enqueue(add, 1, _dispatch_options={"on_retry_exhausted": "audit"})
        airlock.enqueue(add, 2)

    assert [intent.state.value for intent in scope.intents] == ["denied"] * 8 + ["dispatched"]
