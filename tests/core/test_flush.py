"""The flush: every intent has its turn, what is made meanwhile leaves too, and errors are told."""

from __future__ import annotations

import pytest

import airlock
from airlock import DispatchError, FlushLoopError, Phase, Scope, State
from airlock.testing import RecordingExecutor


def test_one_bad_effect_of_three_stops_nothing(send, fail, left):
    """The two others leave, and one error says which failed."""
    with pytest.raises(DispatchError) as caught, airlock.scope() as scope:
        one = airlock.enqueue(send, 1)
        two = airlock.enqueue(fail, 2)
        three = airlock.enqueue(send, 3)
    assert left == [1, 3]
    error = caught.value
    assert (error.dispatched, error.failed) == ((one, three), (two,))
    assert (error.undelivered, error.uncertain, error.denied) == ((), (), ())
    assert error.scope is scope
    assert scope.error is error
    assert isinstance(error.exceptions[0], ZeroDivisionError)
    assert "test_flush.py" in error.exceptions[0].__notes__[0]
    assert "fail" in str(error)
    assert "retry()" in str(error)
    assert two.outcome.error is error.exceptions[0]


def test_the_error_of_the_block_is_never_replaced(send, fail, left):
    """Where a scope flushes in spite of an error, the flush's own error is a note on it."""

    class Stubborn(Scope):
        def should_flush(self, error):
            return True

    with pytest.raises(ArithmeticError, match="mine") as caught:
        with airlock.scope(scope_cls=Stubborn) as scope:
            airlock.enqueue(send, 1)
            airlock.enqueue(fail, 2)
            raise ArithmeticError("mine")
    assert left == [1]
    assert isinstance(scope.error, DispatchError)
    assert "scope.error" in caught.value.__notes__[0]


def test_a_broken_scope_exit_never_replaces_the_error_of_the_block(send, left):
    """The scope is discarded, and the plugin's error is a note."""

    class Broken:
        @airlock.hookimpl
        def scope_exit(self, scope):
            raise LookupError("broken plugin")

    airlock.register(Broken())
    with pytest.raises(ArithmeticError, match="mine") as caught, airlock.scope():
        airlock.enqueue(send, 1)
        raise ArithmeticError("mine")
    assert "broken plugin" in caught.value.__notes__[0]
    with pytest.raises(LookupError), airlock.scope() as scope:
        airlock.enqueue(send, 2)
    assert scope.phase is Phase.DISCARDED
    assert left == []


def test_an_effect_that_enqueues_leaves_in_the_same_flush(send, left):
    """What is enqueued during the flush leaves in it, in order, after what was there."""

    def parent(value):
        left.append(("parent", value))
        airlock.enqueue(send, ("child of", value))

    with airlock.scope():
        airlock.enqueue(parent, 1)
        airlock.enqueue(parent, 2)
    assert left == [("parent", 1), ("parent", 2), ("child of", 1), ("child of", 2)]


def test_what_is_made_meanwhile_is_judged(send, left):
    """The policies of the scope see what its effects enqueue."""

    def parent():
        airlock.enqueue(send, "blocked")
        airlock.enqueue(print, end="")

    with airlock.scope(policy=airlock.BlockTasks([send])):
        airlock.enqueue(parent)
    assert left == []


def test_what_a_failing_effect_had_enqueued_is_discarded(send, left):
    """An effect is a scope of its own: its failure takes its own intents along, and no others."""
    made = []

    def fails():
        made.append(airlock.enqueue(send, "ghost"))
        raise ZeroDivisionError

    with pytest.raises(DispatchError), airlock.scope():
        airlock.enqueue(fails)
        airlock.enqueue(send, "other")
    assert left == ["other"]
    assert made[0].state is State.DISCARDED


def test_a_retried_effect_enqueues_anew(send, left):
    """retry() runs the effect again, and what it enqueues then leaves."""
    attempts = []

    def fails_once():
        attempts.append(1)
        airlock.enqueue(send, f"of attempt {len(attempts)}")
        if len(attempts) == 1:
            raise ZeroDivisionError

    with pytest.raises(DispatchError) as caught, airlock.scope():
        airlock.enqueue(fails_once)
    caught.value.retry()
    assert left == ["of attempt 2"]


def test_an_effect_may_open_scopes(send, left):
    """A scope inside an effect is captured by the flush, and its failure stays its own."""

    def effect():
        with airlock.scope():
            airlock.enqueue(send, 1)
        with pytest.raises(ArithmeticError), airlock.scope():
            airlock.enqueue(send, 2)
            raise ArithmeticError
        assert left == []

    with airlock.scope():
        airlock.enqueue(effect)
    assert left == [1]


def test_an_executor_may_enqueue_and_open_scopes(send, left):
    """What an executor enqueues belongs to the flush, too."""

    def executor(intent):
        left.append(intent.args[0])
        if intent.args[0] < 3:
            with airlock.scope():
                airlock.enqueue(send, intent.args[0] + 1)

    with airlock.scope(executor=executor):
        airlock.enqueue(send, 1)
    assert left == [1, 2, 3]


def test_an_endless_loop_is_stopped(send, left):
    """A scope class says how many rounds are enough; then an error names the task and its line."""

    class Impatient(Scope):
        max_flush_rounds = 5

    def again():
        left.append("again")
        airlock.enqueue(again)

    with pytest.raises(DispatchError) as caught, airlock.scope(scope_cls=Impatient) as scope:
        airlock.enqueue(again)
    (error,) = caught.value.exceptions
    assert isinstance(error, FlushLoopError)
    assert "again" in str(error)
    assert "test_flush.py" in str(error)
    assert left == ["again"] * 5
    assert len(caught.value.undelivered) == 1
    assert all(intent.outcome is not None for intent in scope.intents)


def test_an_avalanche_is_stopped():
    """A few rounds that make ever more intents are stopped as well."""

    class Impatient(Scope):
        max_flush_intents = 100

    def avalanche():
        for _ in range(10):
            airlock.enqueue(avalanche)

    with pytest.raises(DispatchError) as caught, airlock.scope(scope_cls=Impatient) as scope:
        airlock.enqueue(avalanche)
    assert isinstance(caught.value.exceptions[0], FlushLoopError)
    assert len(scope) < 1000


def test_the_loop_limit_is_there_by_default():
    """An endless loop ends without any setting."""
    count = []

    def again():
        count.append(1)
        airlock.enqueue(again)

    with pytest.raises(DispatchError), airlock.scope():
        airlock.enqueue(again)
    assert len(count) == Scope.max_flush_rounds


def test_what_a_stopped_flush_had_not_judged_is_judged_before_it_is_sent_again(send, left):
    """retry() after a flush that was stopped is no way past a policy, and spends nothing twice."""
    seen = []

    class Impatient(Scope):
        max_flush_rounds = 2

    class Watch(airlock.Policy):
        def allows(self, intent):
            seen.append(intent.args[0])
            return intent.args[0] != "forbidden"

    def parent(depth):
        if depth < 2:
            airlock.enqueue(parent, depth + 1)
        else:
            airlock.enqueue(send, "forbidden")
            airlock.enqueue(send, "fine")

    with pytest.raises(DispatchError) as caught:
        with airlock.scope(scope_cls=Impatient, policy=Watch()):
            airlock.enqueue(parent, 1)
    assert [intent.args[0] for intent in caught.value.undelivered] == ["forbidden", "fine"]
    caught.value.retry()
    assert left == ["fine"]
    assert seen == [1, 2, "forbidden", "fine"]


def test_mixed_executors_leave_in_order(left):
    """Neighbours with one executor leave together; the order over all of them stays."""
    runs = []

    class Many(airlock.Executor):
        supports_many = True

        def __init__(self, name):
            self.name = name

        def dispatch_many(self, intents):
            runs.append((self.name, [intent.args[0] for intent in intents]))
            return [intent.id for intent in intents]

    a, b = Many("a"), Many("b")

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return {"a": a, "b": b}.get(intent.args[1])

    def task(number, where):
        runs.append(("inline", [number]))

    airlock.register(Choose())
    with airlock.scope():
        for number, where in enumerate("aabba-a"):
            airlock.enqueue(task, number, where)
    assert runs == [
        ("a", [0, 1]),
        ("b", [2, 3]),
        ("a", [4]),
        ("inline", [5]),
        ("a", [6]),
    ]


def test_a_dispatch_hook_that_raises_fails_one_intent(send, left):
    """A broken choice is that intent's failure alone."""

    class Broken:
        @airlock.hookimpl
        def dispatch(self, intent):
            if intent.args[0] == 2:
                raise LookupError("no route")

    airlock.configure(strict=False)
    airlock.register(Broken())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(send, value) for value in (1, 2, 3)]
    assert left == [1, 3]
    assert caught.value.failed == (intents[1],)


@pytest.mark.parametrize("answer", [False, 0, "celery", object()])
def test_a_dispatch_hook_that_answers_no_executor_fails_one_intent(send, left, answer):
    """The error names the plugin."""

    class Broken:
        @airlock.hookimpl
        def dispatch(self, intent):
            return answer if intent.args[0] == 2 else None

    airlock.configure(strict=False)
    airlock.register(Broken(), "router")
    with pytest.raises(DispatchError) as caught, airlock.scope():
        for value in (1, 2, 3):
            airlock.enqueue(send, value)
    assert left == [1, 3]
    assert isinstance(caught.value.exceptions[0], airlock.PluginError)
    assert "router" in str(caught.value.exceptions[0])


def test_every_intent_ends_once(send, fail):
    """No intent of a flushed scope is without an end."""
    with pytest.raises(DispatchError), airlock.scope(policy=airlock.BlockTasks([print])) as scope:
        airlock.enqueue(send)
        airlock.enqueue(fail)
        airlock.enqueue(print)
    assert [intent.state for intent in scope.intents] == [
        State.DISPATCHED,
        State.FAILED,
        State.DENIED,
    ]


def test_nested_flushes_of_two_scopes_stay_apart(send, left):
    """A scope that is settled within another one's flush is a flush of its own."""
    recorder = RecordingExecutor()
    hold = airlock.Hold()
    with airlock.scope(executor=recorder) as waiting:
        airlock.enqueue(send, "held").hold(hold)

    def effect():
        hold.keep()
        assert waiting.phase is Phase.FLUSHED
        airlock.enqueue(send, "mine")

    with airlock.scope():
        airlock.enqueue(effect)
    assert [intent.args[0] for intent in recorder] == ["held"]
    assert left == ["mine"]
