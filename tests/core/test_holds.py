"""Holds: a scope leaves when the last hold of its intents is settled, as one batch."""

from __future__ import annotations

import threading

import pytest

import airlock
from airlock import DispatchError, Hold, Phase, ScopeStateError, State
from airlock.testing import RecordingExecutor


def enqueue_held(send, value, *holds):
    intent = airlock.enqueue(send, value)
    for hold in holds:
        intent.hold(hold)
    return intent


def test_a_scope_waits_for_the_last_hold_of_its_intents(send, left):
    """Nothing leaves before; then everything does, in order, as one batch."""
    one, two = Hold(), Hold()
    with airlock.scope() as scope:
        enqueue_held(send, 1, one)
        enqueue_held(send, 2, one, two)
        enqueue_held(send, 3)
    assert (left, scope.phase) == ([], Phase.WAITING)
    one.keep()
    assert (left, scope.phase) == ([], Phase.WAITING)
    two.keep()
    assert (left, scope.phase) == ([1, 2, 3], Phase.FLUSHED)


def test_holds_that_are_settled_before_the_exit_delay_nothing(send, left):
    """A scope whose intents have no pending hold leaves at once."""
    kept, void = Hold(), Hold()
    with airlock.scope():
        enqueue_held(send, "kept", kept)
        rolled_back = enqueue_held(send, "void", void)
        kept.keep()
        void.cancel()
    assert left == ["kept"]
    assert rolled_back.state is State.ROLLED_BACK


def test_one_void_hold_rolls_an_intent_back(send, left):
    """Kept holds do not help, and a void one is not waited for."""
    void, kept, never = Hold(), Hold(), Hold()
    with airlock.scope() as scope:
        gone = enqueue_held(send, "gone", void, kept, never)
        enqueue_held(send, "stays", kept)
    void.cancel()
    assert scope.phase is Phase.WAITING
    kept.keep()
    never.keep()
    assert left == ["stays"]
    assert gone.state is State.ROLLED_BACK


def test_what_was_rolled_back_is_never_judged(send, left):
    """Deduplicate does not spend its one on a ghost."""
    void = Hold()
    with airlock.scope(policy=airlock.Deduplicate()):
        ghost = enqueue_held(send, 1, void)
        real = enqueue_held(send, 1)
    void.cancel()
    assert (ghost.state, real.state) == (State.ROLLED_BACK, State.DISPATCHED)
    assert left == [1]


def test_policies_judge_after_the_holds(send):
    """A door is asked when it is known what has become of the work."""
    hold, judged = Hold(), []

    class Watch(airlock.Policy):
        def allows(self, intent):
            judged.append(intent)
            return True

    with airlock.scope(policy=Watch()):
        intent = enqueue_held(send, 1, hold)
    assert judged == []
    hold.keep()
    assert judged == [intent]


def test_a_captured_intent_keeps_its_holds(send, left):
    """They wait for the outermost exit and for their holds."""
    hold = Hold()
    with airlock.scope() as outer:
        with airlock.scope():
            enqueue_held(send, 1, hold)
    assert outer.phase is Phase.WAITING
    hold.keep()
    assert left == [1]


def test_many_scopes_wait_for_one_hold(send, left):
    """A transaction is one hold for every scope that ended in it."""
    hold = Hold()
    for value in range(3):
        with airlock.scope():
            enqueue_held(send, value, hold)
    hold.keep()
    assert left == [0, 1, 2]


def test_a_discarded_scope_does_not_wait(send, left):
    """A hold that is settled later finds nothing."""
    hold = Hold()
    with pytest.raises(ArithmeticError), airlock.scope() as scope:
        intent = enqueue_held(send, 1, hold)
        raise ArithmeticError
    hold.keep()
    assert left == []
    assert (scope.phase, intent.state) == (Phase.DISCARDED, State.DISCARDED)


def test_settling_twice_changes_nothing(send, left):
    """The first word counts."""
    kept, void = Hold(), Hold()
    kept.keep()
    kept.cancel()
    void.cancel()
    void.keep()
    assert (kept.kept, kept.void, kept.pending) == (True, False, False)
    assert (void.kept, void.void, void.pending) == (False, True, False)
    assert [repr(hold) for hold in (kept, void, Hold())] == [
        "<airlock.Hold kept>",
        "<airlock.Hold void>",
        "<airlock.Hold pending>",
    ]


def test_the_same_hold_twice_is_one(send):
    """hold() is idempotent."""
    hold = Hold()
    with airlock.scope() as scope:
        intent = enqueue_held(send, 1, hold, hold)
        assert intent.holds == (hold,)
        scope.discard()


def test_a_waiting_scope_accepts_nothing(send):
    """It has ended: a late enqueue is an error."""
    hold = Hold()
    scope = airlock.scope().enter()
    enqueue_held(send, 1, hold)
    late = airlock.carry(lambda: airlock.enqueue(send, 2))
    scope.exit()
    with pytest.raises(ScopeStateError, match="waiting for its holds"):
        late()
    hold.keep()


def test_settling_raises_what_did_not_leave(fail, send, left):
    """Whoever settles the last hold gets the DispatchError; it can retry."""
    hold = Hold()
    with airlock.scope() as scope:
        enqueue_held(send, 1, hold)
        enqueue_held(fail, 2, hold)
    with pytest.raises(DispatchError) as caught:
        hold.keep()
    assert left == [1]
    assert scope.error is caught.value


def test_every_waiting_scope_has_its_turn(fail, send, left):
    """The failure of one does not keep the others back, and all failures are raised."""
    hold = Hold()
    for task in (fail, send, fail):
        with airlock.scope():
            enqueue_held(task, 1, hold)
    with pytest.raises(ExceptionGroup) as caught:
        hold.keep()
    assert left == [1]
    assert len(caught.value.exceptions) == 2


def test_a_scope_class_may_answer_a_failed_release(fail):
    """release_failed() decides what becomes of the error."""
    seen = []

    class Quiet(airlock.Scope):
        def release_failed(self, error):
            seen.append(error)

    hold = Hold()
    with airlock.scope(scope_cls=Quiet):
        enqueue_held(fail, 1, hold)
    hold.keep()
    assert isinstance(seen[0], DispatchError)


def test_effects_with_holds_of_their_own_leave_later(send, left):
    """What is made in a flush waits for its own holds; the rest of the flush does not."""
    first, second = Hold(), Hold()

    def effect():
        enqueue_held(send, "later", second)
        enqueue_held(send, "at once")

    with airlock.scope() as scope:
        airlock.enqueue(effect).hold(first)
    first.keep()
    assert (left, scope.phase) == (["at once"], Phase.WAITING)
    second.keep()
    assert (left, scope.phase) == (["at once", "later"], Phase.FLUSHED)


def test_a_hold_that_is_settled_within_the_flush_releases_in_it(send, left):
    """An effect may settle what another intent of the same flush waits for."""
    hold = Hold()

    def effect():
        enqueue_held(send, "held", hold)
        airlock.enqueue(hold.keep)

    with airlock.scope() as scope:
        airlock.enqueue(effect)
    assert (left, scope.phase) == (["held"], Phase.FLUSHED)


def test_a_hold_that_is_added_while_the_scope_waits_is_waited_for(send, left):
    """A plugin may find out late that there is something to wait for."""
    first, second = Hold(), Hold()
    with airlock.scope():
        intent = enqueue_held(send, 1, first)
    intent.hold(second)
    first.keep()
    assert left == []
    second.keep()
    assert left == [1]


def test_a_plugin_adds_holds(send, left):
    """intent_created is where a transaction adds its hold."""
    hold = Hold()

    class Transaction:
        @airlock.hookimpl
        def intent_created(self, intent):
            intent.hold(hold)

    airlock.register(Transaction())
    with airlock.scope():
        airlock.enqueue(send, 1)
    assert left == []
    hold.keep()
    assert left == [1]


def test_a_row_is_written_inside_its_transaction(send, left):
    """A transactional executor's intents leave while their hold is pending; the rest wait."""
    hold = Hold()
    rows = RecordingExecutor()
    rows.transactional = True

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return rows if intent.args[0] == "row" else None

    airlock.register(Choose())
    with airlock.scope() as scope:
        enqueue_held(send, "message", hold)
        row = enqueue_held(send, "row", hold)
    assert (row.state, left, scope.phase) == (State.DISPATCHED, [], Phase.WAITING)
    hold.keep()
    assert left == ["message"]
    assert len(rows) == 1


def test_a_row_that_would_not_commit_with_the_work_waits(send):
    """An executor that does not join the intent's transactions sends after them."""
    hold = Hold()

    class Elsewhere(RecordingExecutor):
        transactional = True

        def joins(self, intent):
            return False

    rows = Elsewhere()
    with airlock.scope(executor=rows):
        enqueue_held(send, 1, hold)
    assert len(rows) == 0
    hold.keep()
    assert len(rows) == 1


def test_threads_that_settle_at_once_release_once(send, left, test_size):
    """However many threads settle however many holds while the scope exits: each leaves once."""
    for _ in range(100 * test_size):
        left.clear()
        holds = [Hold() for _ in range(4)]
        barrier = threading.Barrier(len(holds) * 2 + 1)

        def settle(hold, barrier=barrier):
            barrier.wait()
            hold.keep()

        threads = [threading.Thread(target=settle, args=(hold,)) for hold in holds * 2]
        for thread in threads:
            thread.start()
        with airlock.scope() as scope:
            for value, hold in enumerate(holds):
                enqueue_held(send, value, hold)
            barrier.wait()
        for thread in threads:
            thread.join()
        assert left == [0, 1, 2, 3]
        assert scope.phase is Phase.FLUSHED


def test_keep_and_cancel_at_once_agree(send, left, test_size):
    """Two threads that settle one hold differently: one of them counts, for everybody."""
    for _ in range(100 * test_size):
        left.clear()
        hold = Hold()
        with airlock.scope():
            intent = enqueue_held(send, 1, hold)
        barrier = threading.Barrier(2)

        def settle(how, barrier=barrier):
            barrier.wait()
            how()

        threads = [threading.Thread(target=settle, args=(h,)) for h in (hold.keep, hold.cancel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert left == ([1] if hold.kept else [])
        assert intent.state is (State.DISPATCHED if hold.kept else State.ROLLED_BACK)
