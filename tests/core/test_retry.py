"""DispatchError: an exception group that knows what left, and can send the rest."""

from __future__ import annotations

import copy
import pickle

import pytest

import airlock
from airlock import DispatchError, Failure, ScopeStateError, State


class Flaky(airlock.Executor):
    """Fails on these values until it is mended."""

    def __init__(self, *broken, uncertain=()):
        self.broken = list(broken)
        self.uncertain = uncertain
        self.sent = []

    def dispatch_many(self, intents):
        for intent in intents:
            value = intent.args[0]
            if value in self.uncertain:
                yield Failure(ConnectionError(value), uncertain=True)
            elif value in self.broken:
                yield Failure(LookupError(value))
            else:
                self.sent.append(value)
                yield value


class Down:
    """A plain callable whose broker is down from some value on."""

    def __init__(self, *broken):
        self.broken = broken
        self.tried = []

    def __call__(self, intent):
        self.tried.append(intent.args[0])
        if intent.args[0] in self.broken:
            raise ConnectionError("broker is down")
        return intent.args[0]


def enqueue_all(executor, values):
    with pytest.raises(DispatchError) as caught, airlock.scope(executor=executor):
        for value in values:
            airlock.enqueue(print, value)
    return caught.value


def values(intents):
    return [intent.args[0] for intent in intents]


def test_retry_sends_what_failed_and_what_was_not_tried():
    """Nothing that left is sent again, and the order of the enqueues stays."""
    executor = Down(2)
    error = enqueue_all(executor, [1, 2, 3, 4])
    assert (values(error.dispatched), values(error.failed)) == ([1], [2])
    assert values(error.undelivered) == [3, 4]
    assert executor.tried == [1, 2]
    executor.broken = ()
    error.retry()
    assert executor.tried == [1, 2, 2, 3, 4]
    assert {i.state for i in error.scope.intents} == {State.DISPATCHED}


def test_a_second_retry_sends_nothing():
    """What has left in the meantime is not sent again."""
    executor = Down(2)
    error = enqueue_all(executor, [1, 2, 3])
    executor.broken = ()
    error.retry()
    error.retry()
    assert executor.tried == [1, 2, 2, 3]


def test_retry_may_fail_in_turn():
    """It raises a new DispatchError, which can retry."""
    executor = Flaky(2, 4)
    error = enqueue_all(executor, [1, 2, 3, 4])
    executor.broken = [4]
    with pytest.raises(DispatchError) as caught:
        error.retry()
    assert values(caught.value.failed) == [4]
    assert values(caught.value.dispatched) == [2]
    executor.broken = []
    caught.value.retry()
    error.retry()
    assert executor.sent == [1, 3, 2, 4]


def test_retry_keeps_the_order():
    """Failed and untried intents of several executors leave in the order of their enqueues."""
    down, flaky = Down(2), Flaky(3)
    order = []

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return down if intent.args[0] % 2 == 0 else flaky

    airlock.register(Choose())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        for value in (1, 2, 3, 4):
            airlock.enqueue(print, value)
    assert values(caught.value.failed) == [2, 3]
    assert values(caught.value.undelivered) == [4]
    down.__class__.__call__, before = (lambda self, i: order.append(i.args[0])), Down.__call__
    try:
        flaky.broken = []
        flaky.sent = order
        caught.value.retry()
    finally:
        Down.__call__ = before
    assert order == [2, 3, 4]


def test_what_is_uncertain_is_never_sent_again():
    """Whether a duplicate is worse than a loss is for the caller to say."""
    executor = Flaky(uncertain=(2,))
    error = enqueue_all(executor, [1, 2, 3])
    assert values(error.uncertain) == [2]
    assert "uncertain" in str(error)
    executor.uncertain = ()
    error.retry()
    assert executor.sent == [1, 3]
    assert error.uncertain[0].state is State.UNCERTAIN


def test_it_is_an_exception_group():
    """split(), subgroup() and except* keep the intents, and their parts can retry, never twice."""
    executor = Flaky(1, uncertain=(2,))
    error = enqueue_all(executor, [1, 2, 3])
    matching, rest = error.split(LookupError)
    for part in (matching, rest, error.subgroup(LookupError)):
        assert isinstance(part, DispatchError)
        assert (part.failed, part.scope) == (error.failed, error.scope)
    executor.broken = []
    caught = []
    try:
        raise error
    except* LookupError as group:
        caught.append(group)
    except* ConnectionError as group:
        caught.append(group)
    for part in (*caught, matching, rest):
        part.retry()
    assert len(caught) == 2
    assert executor.sent == [3, 1]


def test_it_can_leave_its_process():
    """A pickled error keeps message and causes; its retry says why it cannot, and sends nothing."""
    error = enqueue_all(Flaky(1), [1])
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(other, DispatchError)
        assert other.message == error.message
        assert repr(other.exceptions) == repr(error.exceptions)
        with pytest.raises(ScopeStateError, match="where it was first raised"):
            other.retry()


def test_retry_within_the_flush_is_an_error(send):
    """An effect cannot retry the flush that it is a part of."""
    executor = Flaky(1)
    error = enqueue_all(executor, [1])
    scope = error.scope
    seen = []

    def reenter(intent):
        try:
            error.retry()
        except ScopeStateError as problem:
            seen.append(problem)

    scope.executor = reenter
    error.retry()
    assert len(seen) == 1
    assert "on its way" in str(seen[0])


def test_a_rolled_back_intent_is_not_sent_again():
    """What a transactional executor failed to write is not sent when its transaction is undone."""
    hold = airlock.Hold()

    class Rows(airlock.Executor):
        transactional = True
        broken = True

        def __call__(self, intent):
            if self.broken:
                raise LookupError
            raise AssertionError("the row would not be there")

    rows = Rows()
    with pytest.raises(DispatchError) as caught, airlock.scope(executor=rows):
        intent = airlock.enqueue(print, 1)
        intent.hold(hold)
    hold.cancel()
    rows.broken = False
    caught.value.retry()
    assert intent.state is State.ROLLED_BACK


@pytest.mark.parametrize("end", ["keep", "cancel"])
def test_a_row_that_cannot_join_its_transaction_any_more_waits_for_it(end):
    """It was refused there, and is sent again from elsewhere: not before the commit, and once."""
    hold, sent = airlock.Hold(), []

    class Rows(airlock.Executor):
        transactional = True
        inside = True

        def joins(self, intent):
            return self.inside

        def __call__(self, intent):
            if self.inside:
                raise LookupError
            sent.append(intent)

    rows = Rows()
    with pytest.raises(DispatchError) as caught, airlock.scope(executor=rows) as scope:
        intent = airlock.enqueue(print, 1)
        intent.hold(hold)
    rows.inside = False  # another thread, or a savepoint that is younger than the enqueue
    caught.value.retry()
    assert sent == []
    assert scope.phase is airlock.Phase.WAITING

    getattr(hold, end)()

    assert sent == ([intent] if end == "keep" else [])
    assert intent.state is (State.DISPATCHED if end == "keep" else State.ROLLED_BACK)


def test_what_an_interrupted_flush_held_back_is_not_sent_before_its_hold(send, left):
    """retry() waits for a hold as the flush would have, and rolls back with it."""
    kept, void = airlock.Hold(), airlock.Hold()

    def interrupted():
        airlock.enqueue(send, "kept").hold(kept)
        airlock.enqueue(send, "void").hold(void)
        airlock.enqueue(stop)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
        airlock.enqueue(interrupted)
    scope.error.retry()
    assert left == []
    void.cancel()
    kept.keep()
    assert left == ["kept"]


def test_a_failure_before_and_one_after_the_commit_are_both_told():
    """A flush in two parts reports each part, and loses neither."""
    hold = airlock.Hold()

    class Rows(airlock.Executor):
        transactional = True

        def __call__(self, intent):
            raise LookupError("row")

    rows = Rows()

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return rows if intent.args[0] == "row" else None

    airlock.register(Choose())

    def bad(value):
        raise ZeroDivisionError

    with pytest.raises(DispatchError) as before, airlock.scope():
        row = airlock.enqueue(print, "row")
        row.hold(hold)
        message = airlock.enqueue(bad, "message")
        message.hold(hold)
    with pytest.raises(DispatchError) as after:
        hold.keep()
    assert (before.value.failed, after.value.failed) == ((row,), (message,))


def test_two_parts_without_a_wait_are_one_error():
    """Rows that fail, and others that fail at once after them, are reported together."""
    held, free = airlock.Hold(), None

    class Rows(airlock.Executor):
        transactional = True

        def __call__(self, intent):
            held.keep()
            raise LookupError("row")

    rows = Rows()

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return rows if intent.args[0] == "row" else None

    def bad(value):
        raise ZeroDivisionError

    assert free is None
    airlock.register(Choose())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        row = airlock.enqueue(print, "row")
        row.hold(held)
        other = airlock.enqueue(bad, "other")
    assert caught.value.failed == (row, other)
    assert len(caught.value.exceptions) == 2
