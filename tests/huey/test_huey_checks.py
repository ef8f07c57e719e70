"""What is refused at the `enqueue` line, and what the message says."""

from __future__ import annotations

from datetime import datetime

import pytest
from huey import PriorityRedisHuey
from huey.api import Task

import airlock
from airlock_huey import huey_executor


def plain(number): ...


@pytest.fixture(params=[True, False], ids=["strict", "lenient"])
def named(request):
    """A scope that names the executor: it checks in any case what does not depend on `strict`."""
    airlock.configure(strict=request.param)
    with airlock.scope(executor="huey") as scope:
        yield scope
        assert len(scope) == 0


@pytest.mark.parametrize("foreign", [plain, lambda number: None, print, "shop.tasks.add"])
def test_what_is_no_huey_task_is_refused(named, huey, foreign):
    """Functions and lambdas have to be made tasks first; they do not run here instead."""
    with pytest.raises(airlock.IntentError, match=r"is no Huey task. Put @huey.task\(\) above"):
        airlock.enqueue(foreign, 1)


def test_nothing_is_a_huey_task_where_huey_is_not_loaded():
    """Without Huey in the process, the executor says the same."""
    with (
        airlock.scope(executor=huey_executor),
        pytest.raises(airlock.IntentError, match="no Huey task"),
    ):
        airlock.enqueue(plain, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"countdown": 60}, "has no option 'countdown'. _dispatch_options takes: delay, eta,"),
        ({"retry": 3}, "Did you mean 'retries'?"),
        ({"args": (1,)}, "cannot hold 'args'"),
        ({"kwargs": {}}, "cannot hold 'kwargs'"),
        ({"eta": datetime.now(), "delay": 1}, "both 'eta' and 'delay'"),
        ({"eta": "tomorrow"}, "eta='tomorrow' in _dispatch_options must be: datetime"),
        ({"delay": "soon"}, "must be: int or float or timedelta"),
        ({"expires": "soon"}, "must be: int or float or timedelta or datetime"),
        ({"retries": 1.5}, "must be: int"),
        ({"id": 7}, "must be: str"),
        ({"priority": 1}, "RedisHuey has no priorities"),
    ],
)
def test_an_option_that_huey_does_not_take_is_refused(named, add, options, says):
    """Options are Huey's own, and a mistake in them is told where it was made."""
    with pytest.raises(airlock.IntentError) as caught:
        airlock.enqueue(add, 1, _dispatch_options=options)
    assert says in str(caught.value)


def test_a_default_priority_that_the_queue_has_not_is_refused(named, huey):
    """`@huey.task(priority=...)` on a Huey without priorities could never be sent."""

    @huey.task(priority=5)
    def urgent(number): ...

    with pytest.raises(airlock.IntentError, match="such as PriorityRedisHuey"):
        airlock.enqueue(urgent, 1)
    with pytest.raises(airlock.IntentError, match="such as PriorityRedisHuey"):
        airlock.enqueue(urgent.s(1))


def test_a_ready_made_task_has_its_arguments(named, add):
    """What has been made with `.s()` takes no more."""
    with pytest.raises(airlock.IntentError, match="has its arguments already"):
        airlock.enqueue(add.s(1), 2)


def test_a_task_of_no_huey_is_refused(named, huey):
    """A task that was not made with `@huey.task()` has nowhere to go."""
    with pytest.raises(airlock.IntentError, match="belongs to no Huey"):
        airlock.enqueue(Task((1,)))


def test_arguments_that_do_not_fit_are_refused(huey, add):
    """With `strict`, a call that would fail in the worker fails here."""
    airlock.configure(strict=True)
    with airlock.scope() as scope:
        with pytest.raises(airlock.IntentError, match="does not take these arguments"):
            airlock.enqueue(add, 1, wrong=2)
        with pytest.raises(airlock.IntentError, match="does not take these arguments"):
            airlock.enqueue(add.s())
        airlock.enqueue(add, 1, right=2)
        scope.discard()


def test_a_task_that_gets_itself_needs_no_argument_for_it(huey):
    """`context=True` passes the task: the call leaves it out."""
    airlock.configure(strict=True)

    @huey.task(context=True)
    def aware(number, task=None): ...

    @huey.task(context=True)
    def unaware(number): ...

    with airlock.scope() as scope:
        airlock.enqueue(aware, 1)
        with pytest.raises(airlock.IntentError, match="does not take these arguments"):
            airlock.enqueue(unaware, 1)
        scope.discard()


def test_arguments_that_cannot_be_encoded_are_refused(huey, add):
    """With `strict`, what the serializer does not take is an error here."""
    airlock.configure(strict=True)
    with airlock.scope() as scope:
        with pytest.raises(airlock.IntentError, match="add cannot be encoded by Serializer"):
            airlock.enqueue(add, lambda: None)
        with pytest.raises(airlock.IntentError, match="add cannot be encoded by Serializer"):
            airlock.enqueue(add.s(1).then(add, lambda: None))
        scope.discard()


def test_what_is_refused_at_the_flush_is_refused_alone(make_huey, make_task, broker):
    """Without `strict` and without a named executor, a mistake fails its own intent."""
    airlock.configure(strict=False)
    huey = make_huey(broker, PriorityRedisHuey)
    add = make_task(huey)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
        airlock.enqueue(add, 1)
        airlock.enqueue(add, 2, _dispatch_options={"countdown": 1})
        airlock.enqueue(add, 3)

    assert caught.value.failed == (scope.intents[1],)
    assert [task.args for task in huey.pending()] == [(1,), (3,)]
