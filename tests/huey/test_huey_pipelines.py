"""Ready-made tasks, pipelines, groups and chords: one intent each, sent whole, once."""

from __future__ import annotations

import gc

import pytest
from huey import api

import airlock
from airlock import State

has_groups = pytest.mark.skipif(not hasattr(api, "group"), reason="Huey 2 has no groups")


def args_of(huey) -> list[tuple]:
    return [task.args for task in huey.pending()]


def test_a_ready_made_task_is_sent_as_it_is(huey, add):
    """`add.s(...)` has its arguments, options and id, and `intent.id` is that id."""
    task = add.s(1, right=2, retries=3)
    with airlock.scope():
        intent = airlock.enqueue(task)
        assert intent.id == task.id

    (sent,) = huey.pending()
    assert vars(sent) == vars(task)
    assert intent.receipt.id == task.id


def test_options_do_not_change_the_task_itself(huey, add):
    """Options for a ready-made task are those of a copy, which is what is sent."""
    task = add.s(1, retries=3)
    with airlock.scope():
        airlock.enqueue(task, _dispatch_options={"delay": 60, "id": "order-7", "retries": 5})
        airlock.enqueue(task)

    changed, same = huey.pending()
    assert (changed.id, changed.revoke_id, changed.retries) == ("order-7", "r:order-7", 5)
    assert changed.eta is not None
    assert (same.id, same.retries, same.eta) == (task.id, 3, None)


def test_a_task_finds_its_huey_wherever_it_was_made(huey, make_huey, broker):
    """A task knows neither Huey nor function: it is found in a class, too, and in a closure."""

    class Shop:
        @staticmethod
        @huey.task()
        def pack(number): ...

    other = make_huey(broker)
    task = other.task(name="hidden")(lambda number: None).s(2)
    gc.collect()
    with airlock.scope() as scope:
        airlock.enqueue(Shop.pack.s(1))
    assert args_of(huey) == [(1,)]

    # Its wrapper is gone, as nobody kept it.
    airlock.configure(strict=False)
    with pytest.raises(airlock.IntentError, match="belongs to no Huey"), airlock.scope() as scope:
        airlock.enqueue(task)
    assert len(scope) == 0


def test_a_pipeline_is_one_intent(huey, add):
    """`task.then(...)` is one message, whose next steps travel in it; its id is that of its head."""
    pipeline = add.s(1).then(add, 2).then(add.s(3)).error(add, 4)
    with airlock.scope():
        intent = airlock.enqueue(pipeline)

    (sent,) = huey.pending()
    assert sent.id == intent.id == pipeline.id
    assert sent.on_complete.on_complete.args == (3,)
    assert sent.on_error.args == (4,)
    assert [result.id for result in intent.receipt] == [
        pipeline.id,
        pipeline.on_complete.id,
        pipeline.on_complete.on_complete.id,
    ]
    assert {id(result.huey) for result in intent.receipt} == {id(huey)}


@has_groups
def test_a_group_is_one_intent(huey, add):
    """A group leaves whole, and its receipt has a result for each task."""
    with airlock.scope():
        intent = airlock.enqueue(api.group(add.s(number) for number in range(3)))
        airlock.enqueue(add, 3)

    assert args_of(huey) == [(0,), (1,), (2,), (3,)]
    assert [result.id for result in intent.receipt] == [task.id for task in huey.pending()[:3]]
    assert {id(result.huey) for result in intent.receipt} == {id(huey)}


@has_groups
def test_a_chord_is_one_intent(huey, add):
    """A chord leaves whole, and its id is that of its callback."""
    callback = add.s()
    with airlock.scope():
        intent = airlock.enqueue(api.chord([add.s(1), add.s(2)], callback))

    assert intent.id == intent.receipt.callback.id == callback.id
    assert intent.receipt.callback.huey is huey
    assert [result.huey for result in intent.receipt.results] == [huey, huey]
    first, second = huey.pending()
    assert first.chord_config.cid == second.chord_config.cid
    assert first.chord_config.callback.id == callback.id


@has_groups
@pytest.mark.parametrize("kind", ["group", "chord"])
def test_a_group_leaves_whole_or_not_at_all(huey, add, kind):
    """One of which a task cannot be encoded sends none of its messages; its neighbours leave."""
    airlock.configure(strict=False)
    tasks = [add.s(1), add.s(lambda: None), add.s(3)]
    canvas = api.group(tasks) if kind == "group" else api.chord(tasks, add.s())
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        airlock.enqueue(add, 7)
        airlock.enqueue(canvas)
        airlock.enqueue(add, 8)

    assert args_of(huey) == [(7,), (8,)]
    assert caught.value.failed == (scope.intents[1],)


@has_groups
def test_a_group_takes_no_options_and_is_not_empty(add):
    """What Huey could not be given is refused at the `enqueue`."""
    with airlock.scope() as scope:
        with pytest.raises(airlock.IntentError, match="a group takes no _dispatch_options"):
            airlock.enqueue(api.group([add.s(1)]), _dispatch_options={"delay": 1})
        with pytest.raises(airlock.IntentError, match="an empty group has nothing to send"):
            airlock.enqueue(api.group([]))
        assert len(scope) == 0


@pytest.fixture
def bad(huey):
    """A task that policies look for, by name or by itself."""

    @huey.task(name="bad")
    def forbidden(number=0): ...

    return forbidden


def canvases(add, bad):
    """Everything that has `bad` somewhere inside."""
    yield bad
    yield bad.s(1)
    yield add.s(1).then(bad)
    yield add.s(1).then(add, 2).then(bad)
    yield add.s(1).error(bad)
    if hasattr(api, "group"):
        yield api.group([add.s(1), bad.s(1)])
        yield api.group(task.s(1) for task in (add, bad))
        yield api.group([add.s(1).then(bad)])
        yield api.chord([add.s(1), bad.s(1)], add.s())
        yield api.chord([add.s(1)], bad.s())
        yield api.chord([api.chord([add.s(1)], bad.s())], add.s())


@pytest.mark.parametrize("known_by", ["name", "itself"])
def test_policies_see_inside(huey, add, bad, known_by):
    """`BlockTasks` finds a task wherever it is, and lets the others pass."""
    policy = airlock.BlockTasks({"bad"} if known_by == "name" else {bad})
    inside = list(canvases(add, bad))
    with airlock.scope(policy=policy) as scope:
        for canvas in inside:
            airlock.enqueue(canvas)
        airlock.enqueue(add.s(1).then(add, 2))

    assert [intent.state for intent in scope.intents] == [
        *[State.DENIED] * len(inside),
        State.DISPATCHED,
    ]
    assert len(huey) == 1


def test_policies_know_a_ready_made_task_by_its_dotted_name(huey, add):
    """A ready-made task has the name of its function, with its module."""
    name = f"{add.func.__module__}.{add.func.__qualname__}"
    with airlock.scope(policy=airlock.BlockTasks({name})) as scope:
        airlock.enqueue(add.s(1))

    assert scope.intents[0].state is State.DENIED
