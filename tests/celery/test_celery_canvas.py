"""Signatures and canvases: one intent each, sent whole, with policies that see inside."""

from __future__ import annotations

import pytest
from celery import chain, chord, group, shared_task, signature
from celery.canvas import maybe_signature

import airlock
from airlock import State
from celery_messages import sent


@pytest.fixture
def tasks(app):
    """Four tasks, `one` to `four`, as an object with these attributes."""

    class Tasks:
        pass

    def run(*args): ...

    for name in ("one", "two", "three", "four"):
        setattr(Tasks, name, app.task(shared=False, name=f"shop.{name}")(run))
    return Tasks


def test_names(app, tasks):
    """A task, a proxy of one, a signature and each canvas have the name that Celery gives them."""

    @shared_task(name="shop.shared_by_all")
    def shared(): ...

    app.set_current()
    app.finalize()
    named = {
        "shop.one": tasks.one,
        "shop.shared_by_all": shared,
        "shop.two": tasks.two.s(),
        "celery.chain": chain(tasks.one.s(), tasks.two.s()),
        "celery.group": group(tasks.one.s(), tasks.two.s()),
        "celery.chord": chord([tasks.one.s()], tasks.two.s()),
        "celery.map": tasks.one.map([1]),
        "shop.elsewhere": signature("shop.elsewhere", app=app),
    }
    with airlock.scope() as scope:
        names = [airlock.enqueue(task).name for task in named.values()]
        scope.discard()

    assert names == list(named)


def test_a_signature_is_sent_with_its_own_options(broker, tasks):
    """Arguments of `enqueue()` come first, options of the call win: as in `sig.apply_async()`."""
    sig = tasks.one.s(2).set(queue="slow", shadow="its own")
    with airlock.scope():
        intent = airlock.enqueue(sig, 1, _dispatch_options={"shadow": "the call's"})

    (message,) = sent(broker, "slow")
    assert message.args == [1, 2]
    assert message.headers["shadow"] == "the call's"
    assert message.id == intent.id == intent.receipt.id
    assert sig.options == {"queue": "slow", "shadow": "its own"}


def test_an_unregistered_task_is_sent_by_its_name(app, broker):
    """`signature("dotted.name")` sends what only a worker knows."""
    with airlock.scope():
        intent = airlock.enqueue(signature("shop.elsewhere", app=app), 1)

    (message,) = sent(broker)
    assert (message.task, message.args, message.id) == ("shop.elsewhere", [1], intent.id)


def test_a_frozen_signature_keeps_its_id(broker, tasks):
    """A signature that was frozen has an id already: it is the intent's."""
    sig = tasks.one.s(1)
    result = sig.freeze()
    with airlock.scope():
        intent = airlock.enqueue(sig)
        assert intent.id == result.id

    assert sent(broker)[0].id == result.id


def test_a_frozen_chord_keeps_its_id(make_app, broker):
    """A frozen chord's result is its body's."""
    app = make_app(broker, result_backend="cache+memory://")

    @app.task(shared=False, name="shop.one")
    def one(*args): ...

    frozen = chord([one.s(1)], one.s())
    result = frozen.freeze()
    with airlock.scope() as scope:
        assert airlock.enqueue(frozen).id == result.id
        scope.discard()


def test_a_chain_is_one_message(broker, tasks):
    """A chain is one intent and one message; its id is that of its last task."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(tasks.one.s(1) | tasks.two.s() | tasks.three.s())
        assert len(scope) == 1

    (message,) = sent(broker)
    assert message.task == "shop.one"
    rest = [step["task"] for step in reversed(message.embed["chain"])]
    assert rest == ["shop.two", "shop.three"]
    last = message.embed["chain"][0]["options"]["task_id"]
    assert intent.id == intent.receipt.id == last


def test_a_group_is_one_intent(broker, tasks):
    """A group is one intent, of which each member is a message; its id is the group's."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(group(tasks.one.s(1), tasks.two.s(2)))
        assert len(scope) == 1

    assert [message.task for message in sent(broker)] == ["shop.one", "shop.two"]
    assert {message.headers["group"] for message in sent(broker)} == {intent.id}
    assert intent.receipt.id == intent.id
    assert [part.id for part in intent.receipt] == [message.id for message in sent(broker)]


def test_a_chain_that_ends_in_a_group(broker, tasks):
    """Its result is the group's, and so is its id."""
    sig = tasks.one.s(1) | group(tasks.two.s(), tasks.three.s())
    with airlock.scope():
        intent = airlock.enqueue(sig)

    (message,) = sent(broker)
    (last,) = message.embed["chain"]
    assert last["options"]["task_id"] == intent.id == intent.receipt.id
    assert "task_id" not in sig.tasks[-1].options


def test_a_group_of_chains(broker, tasks):
    """A group whose members are canvases themselves is sent whole."""
    with airlock.scope():
        intent = airlock.enqueue(group(tasks.one.s(1) | tasks.two.s(), tasks.three.s(2)))

    assert [message.task for message in sent(broker)] == ["shop.one", "shop.three"]
    assert intent.receipt.id == intent.id


def test_chunks_are_one_intent(broker, tasks):
    """`chunks` is sent as the group that it stands for."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(tasks.one.chunks([(1,), (2,), (3,)], 2))
        assert len(scope) == 1

    assert [message.task for message in sent(broker)] == ["celery.starmap"] * 2
    assert intent.receipt.id == intent.id


def test_a_map_is_one_message(broker, tasks):
    """`map` is one message."""
    with airlock.scope():
        intent = airlock.enqueue(tasks.one.map([1, 2, 3]))

    (message,) = sent(broker)
    assert (message.task, message.kwargs["it"]) == ("celery.map", [1, 2, 3])
    assert message.id == intent.id


def test_order_is_kept_around_a_canvas(broker, tasks):
    """What was enqueued before a canvas is sent before it, what was enqueued after it, after."""
    with airlock.scope():
        airlock.enqueue(tasks.one)
        airlock.enqueue(tasks.two.s() | tasks.one.s())
        airlock.enqueue(group(tasks.three.s(), tasks.three.s()))
        airlock.enqueue(tasks.four)

    names = [message.task.removeprefix("shop.") for message in sent(broker)]
    assert names == ["one", "two", "three", "three", "four"]


def test_one_connection_is_enough(make_app, broker):
    """Celery takes producers of its own for a chain: none is held back from it meanwhile."""
    app = make_app(broker, broker_pool_limit=1)

    @app.task(shared=False, name="shop.add", typing=False)
    def add(*args): ...

    with airlock.scope():
        airlock.enqueue(add)
        airlock.enqueue(add.s() | add.s())
        airlock.enqueue(add)

    assert len(sent(broker)) == 3


def canvases(tasks):
    """Each way to have `shop.two` inside something else."""
    one, two, three = tasks.one, tasks.two, tasks.three
    linked = one.s()
    linked.link(three.s().on_error(two.s()))
    received = maybe_signature(dict(one.s() | two.s()))
    return {
        "signature": two.s(),
        "chain": one.s() | two.s(),
        "group": group(one.s(), two.s()),
        "header": chord([one.s(), two.s()], three.s()),
        "body": chord([one.s(), three.s()], two.s()),
        "nested": group(one.s(), chain(one.s(), chord([one.s(), one.s() | two.s()], three.s()))),
        "map": two.map([1, 2]),
        "starmap": two.starmap([(1, 2)]),
        "chunks": two.chunks([(1,), (2,)], 1),
        "callback": linked,
        "plain dicts": received,
    }


@pytest.mark.parametrize(
    "kind",
    [
        "signature",
        "chain",
        "group",
        "header",
        "body",
        "nested",
        "map",
        "starmap",
        "chunks",
        "callback",
        "plain dicts",
    ],
)
@pytest.mark.parametrize("by", ["short name", "name", "task"])
def test_block_tasks_sees_inside(tasks, broker, kind, by):
    """`BlockTasks` denies a canvas that holds a blocked task anywhere; the others leave."""
    blocked = {"short name": "two", "name": "shop.two", "task": tasks.two}[by]
    with airlock.scope(policy=airlock.BlockTasks({blocked})):
        intent = airlock.enqueue(canvases(tasks)[kind])
        other = airlock.enqueue(tasks.one.s() | tasks.three.s())

    assert (intent.state, other.state) == (State.DENIED, State.DISPATCHED)
    assert "two" in intent.outcome.reason
    assert [message.task for message in sent(broker)] == ["shop.one"]


@pytest.mark.parametrize("option", ["link", "link_error"])
def test_block_tasks_sees_callbacks_in_the_options(tasks, option):
    """So it does where the blocked task is a callback in `_dispatch_options`."""
    with airlock.scope(policy=airlock.BlockTasks({"two"})):
        options = {option: [tasks.three.s() | tasks.two.s()]}
        intent = airlock.enqueue(tasks.one, _dispatch_options=options)

    assert intent.state is State.DENIED


def test_looking_inside_changes_nothing(tasks, broker):
    """A policy that looks into a canvas of generators leaves it as it was."""
    with airlock.scope(policy=airlock.BlockTasks({"two"})):
        airlock.enqueue(group(tasks.one.s(number) for number in range(3)))

    assert [message.args for message in sent(broker)] == [[0], [1], [2]]


def test_the_same_canvas_twice_is_a_duplicate(tasks, broker):
    """`Deduplicate` compares signatures by what they hold."""
    with airlock.scope(policy=airlock.Deduplicate()):
        intents = [airlock.enqueue(tasks.one.s(number) | tasks.two.s()) for number in (1, 1, 2)]

    states = [intent.state for intent in intents]
    assert states == [State.DISPATCHED, State.DENIED, State.DISPATCHED]
