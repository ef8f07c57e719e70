"""Size: what an intent costs, what is let go, and that a large scope is linear."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from contextvars import ContextVar

import pytest

import airlock
from airlock import Hold, State
from airlock_core.context import Frame


def nothing(value=None):
    """An effect that does nothing."""


def test_an_intent_has_no_dict():
    """Slots alone, in a frame of the context as well."""
    with airlock.scope():
        intent = airlock.enqueue(nothing)
    for thing in (intent, Hold(), Frame(None, (), None, None), intent.outcome):
        assert not hasattr(thing, "__dict__")


@pytest.mark.parametrize("options", [None, {"queue": "slow"}])
def test_an_intent_has_every_slot(options):
    """However it is made, no attribute of it is missing."""
    with airlock.scope() as scope:
        intent = airlock.enqueue(nothing, _dispatch_options=options)
        scope.discard()
    for name in type(intent).__slots__:
        assert hasattr(intent, name)


def test_an_intent_makes_no_id_and_no_meta_unasked():
    """Both are made when first asked for."""
    with airlock.scope():
        intent = airlock.enqueue(nothing)
    assert intent.extras is None
    assert not intent.has_meta


class Thing:
    """Something that a context or an argument can keep alive."""


variable: ContextVar[Thing | None] = ContextVar("variable", default=None)


def gone(reference):
    gc.collect()
    return reference() is None


@pytest.mark.parametrize("end", ["flush", "discard", "deny", "rollback"])
def test_the_context_is_let_go_when_an_intent_is_settled(end):
    """An intent that someone keeps does not keep the variables of its enqueue."""
    hold = Hold()
    with airlock.scope(policy=airlock.DropAll() if end == "deny" else None) as scope:
        thing = Thing()
        reference = weakref.ref(thing)
        token = variable.set(thing)
        intent = airlock.enqueue(nothing)
        variable.reset(token)
        del thing, token
        assert not gone(reference)
        if end == "rollback":
            intent.hold(hold)
            hold.cancel()
        if end == "discard":
            scope.discard()
    assert intent.state is not State.PENDING
    assert gone(reference)


def test_a_failed_intent_keeps_its_context_for_the_retry():
    """And lets it go when it has left."""
    seen = []

    def fails_once():
        seen.append(variable.get())
        if len(seen) == 1:
            raise ZeroDivisionError

    thing = Thing()
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        token = variable.set(thing)
        airlock.enqueue(fails_once)
        variable.reset(token)
    caught.value.retry()
    assert seen == [thing, thing]
    reference = weakref.ref(thing)
    seen.clear()
    del thing, token
    caught.value.exceptions[0].__traceback__ = None
    assert gone(reference)


def test_a_scope_that_has_ended_is_let_go():
    """Without anybody's help: nothing of the library keeps it."""
    with airlock.scope() as scope:
        airlock.enqueue(nothing, 1)
        with airlock.scope():
            airlock.enqueue(nothing, 2)
    reference = weakref.ref(scope)
    del scope
    assert gone(reference)


def test_a_released_scope_is_let_go():
    """The hold that it waited for does not keep it, either."""
    hold = Hold()
    with airlock.scope() as scope:
        airlock.enqueue(nothing, 1).hold(hold)
    reference = weakref.ref(scope)
    del scope
    hold.keep()
    assert gone(reference)


def test_scopes_leave_nothing_behind():
    """A long-lived process does not grow with the number of its requests."""

    def requests(count):
        for number in range(count):
            with airlock.scope(policy=airlock.Deduplicate()), airlock.policy(airlock.AllowAll()):
                airlock.enqueue(nothing, number)
                with airlock.scope():
                    airlock.enqueue(nothing, number)

    requests(50)
    gc.collect()
    tracemalloc.start()
    try:
        requests(50)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        requests(500)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


def calls_of(work):
    """Count the Python and C calls of some work: a measure that no other load disturbs."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


KINDS = {
    "plain": {},
    "policy": {"policy": airlock.BlockTasks({"other"})},
    "deduplicate": {"policy": airlock.Deduplicate()},
    "executor": {"executor": lambda intent: None},
}


@pytest.mark.parametrize("kind", [*KINDS, "nested", "holds", "local", "made meanwhile"])
def test_a_large_scope_is_linear(kind):
    """Four times the intents are four times the calls, for whatever goes on in a scope."""

    def work(count):
        arguments, hold = KINDS.get(kind, {}), Hold()
        with airlock.scope(**arguments):
            if kind == "made meanwhile":
                airlock.enqueue(lambda: [airlock.enqueue(nothing, n) for n in range(count)])
                return
            with airlock.policy(airlock.DropAll() if kind == "local" else airlock.AllowAll()):
                for number in range(count):
                    if kind == "nested" and number % 100 == 0:
                        with airlock.scope():
                            airlock.enqueue(nothing, number)
                    intent = airlock.enqueue(nothing, number)
                    if kind == "holds":
                        intent.hold(hold)
        hold.keep()

    small, large = calls_of(lambda: work(250)), calls_of(lambda: work(1000))
    assert large < 4.4 * small


def test_a_hundred_thousand_intents(test_size):
    """They are accepted, judged and sent, in order."""
    airlock.configure(strict=False)
    sent: list = []
    with airlock.scope(
        executor=lambda intent: sent.append(intent.args[0]), policy=airlock.BlockTasks({"other"})
    ) as scope:
        for number in range(100_000):
            airlock.enqueue(nothing, number)
        assert len(scope) == 100_000
    assert sent == list(range(100_000))
    assert scope.intents[-1].state is State.DISPATCHED


def test_a_large_retry_is_linear():
    """Thousands of failures are summed up and sent again without a quadratic pass."""
    airlock.configure(strict=False)

    def work(count):
        broken = [True]

        def task(number):
            if broken:
                raise ZeroDivisionError(number)

        with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
            for number in range(count):
                airlock.enqueue(task, number)
        assert len(caught.value.failed) == count
        broken.clear()
        caught.value.retry()

    small, large = calls_of(lambda: work(250)), calls_of(lambda: work(1000))
    assert large < 4.4 * small
