"""What an intercepted call returns: the worker's id, and no waiting for what is held."""

from __future__ import annotations

import copy
import gc
import json
import threading

import pytest
import redis
from celery import chain, chord, group
from celery.result import AsyncResult, GroupResult, result_from_tuple

import airlock
from airlock import ScopeStateError
from airlock.integrations.celery import LegacyTaskShim
from celery_messages import sent

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def app(make_intercepted, broker):
    """An intercepted app with a result backend, in the database of its broker."""
    return make_intercepted(broker, result_backend=broker)


def waits(result):
    """Every way to wait for a result, by its name."""
    names = ("get", "wait", "get_leaf", "collect", "join", "join_native", "iter_native")
    return [name for name in names if hasattr(result, name)]


def test_waiting_in_the_scope_that_holds_it_is_an_error(add):
    """Each way to wait says that the task leaves when the scope has ended, and where it is."""
    with airlock.scope(name="checkout") as scope:
        result = add.delay(1)
        for name in waits(result):
            with pytest.raises(
                ScopeStateError, match=r"wait for ever. shop.add, .* is held by .*checkout"
            ):
                getattr(result, name)()
        scope.discard()

    assert isinstance(result, AsyncResult)
    assert waits(result) == ["get", "wait", "get_leaf", "collect"]


@pytest.mark.parametrize("kind", ["chain", "group", "chord", "send_task", "unregistered"])
def test_so_it_is_for_whatever_is_held(app, add, kind):
    """A canvas, the members of a group, the header of a chord, and what goes by its name."""
    with airlock.scope() as scope:
        result = {
            "chain": lambda: chain(add.s(1), add.s(2)).delay(),
            "group": lambda: group(add.s(1), add.s(2)).delay(),
            "chord": lambda: chord([add.s(1), add.s(2)], add.s()).delay(),
            "send_task": lambda: app.send_task("shop.add", (1,)),
            "unregistered": lambda: app.signature("shop.elsewhere").delay(),
        }[kind]()
        parts = [result, *(getattr(result, "results", None) or ())]
        parts += [result.parent] if result.parent is not None else []
        parts += result.parent.results if isinstance(result.parent, GroupResult) else []
        for part in parts:
            with pytest.raises(ScopeStateError):
                part.get(timeout=0.1)
        scope.discard()

    assert len(parts) == {"chain": 2, "group": 3, "chord": 4}.get(kind, 1)


def test_after_the_scope_waiting_is_waiting(app, add, broker):
    """Once it has left, the result waits for the worker as Celery's own does."""
    with airlock.scope():
        result = add.delay(1)
    assert [m.id for m in sent(broker)] == [result.id]

    app.backend.mark_as_done(result.id, 7)
    assert result.get(timeout=5) == 7


def test_a_result_that_nobody_keeps(app, add):
    """Waiting for it at once is refused in the scope, and waits outside of it."""
    with airlock.scope() as scope:
        with pytest.raises(ScopeStateError, match=r"AsyncResult\.get"):
            add.delay(1).get()
        scope.discard()

    def ask():
        with airlock.scope():
            return add.apply_async((1,), task_id="chosen")

    app.backend.mark_as_done("chosen", 7)
    assert ask().get(timeout=5) == 7


def test_an_inner_scope_and_an_open_transaction_hold_as_well(add):
    """Waiting in a scope inside, and after the block while a hold is pending, are errors too."""
    hold = airlock.Hold()
    with airlock.scope() as outer:
        result = add.delay(1)
        outer.intents[0].hold(hold)
        with airlock.scope(), pytest.raises(ScopeStateError):
            result.get(timeout=0.1)
    with pytest.raises(ScopeStateError):
        result.get(timeout=0.1)
    hold.cancel()


def test_another_thread_may_wait(app, add):
    """A thread outside the scope waits, since the scope can end meanwhile."""
    found = []
    with airlock.scope():
        result = add.delay(1)
        thread = threading.Thread(target=lambda: found.append(result.get(timeout=20)))
        thread.start()
    app.backend.mark_as_done(result.id, 7)
    thread.join()

    assert found == [7]


def test_results_of_shimmed_tasks(app):
    """A task with the shim returns the same."""

    @app.task(base=LegacyTaskShim, shared=False, name="shop.old")
    def old(): ...

    with airlock.scope() as scope:
        with pytest.raises(ScopeStateError):
            old.delay().get()
        scope.discard()


def test_results_are_celerys_own(app, add):
    """They are instances of Celery's own class, and can be copied, serialized and restored."""
    with airlock.scope() as scope:
        result = add.delay(1)
        assert isinstance(result, type(add.AsyncResult("any")))
        assert repr(result) == f"<AsyncResult: {result.id}>"
        assert copy.copy(result) == result
        assert result_from_tuple(json.loads(json.dumps(result.as_tuple())), app=app) == result
        scope.discard()


def test_a_discarded_canvas_leaves_nothing_in_the_backend(add, broker):
    """No key, no subscription: a chord that was never sent is forgotten with its result."""
    with redis.Redis.from_url(broker) as client:
        with airlock.scope() as scope:
            results = [chord([add.s(1), add.s(2)], add.s()).delay(), group(add.s(3), add.s(4))()]
            scope.discard()
        assert client.keys() == []
        del results, scope
        gc.collect()
        names = client.pubsub_channels("*")
    assert [name for name in names if f"/{broker.rpartition('/')[2]}." in str(name)] == []


def test_an_eager_result_is_passed_on(make_intercepted):
    """With `task_always_eager` the result has the value as soon as the scope has ended."""
    app = make_intercepted("memory://", task_always_eager=True)

    @app.task(shared=False, name="shop.double")
    def double(number):
        return 2 * number

    with airlock.scope():
        results = [double.delay(3), double.s(4).delay(), chain(double.s(5), double.s()).delay()]
        with pytest.raises(ScopeStateError):
            results[0].get()

    assert [result.get() for result in results] == [6, 8, 20]
    assert results[0].successful()
