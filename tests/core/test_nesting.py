"""Nested scopes: who has the authority, and which doors an intent comes through."""

from __future__ import annotations

import pytest

import airlock
from airlock import Phase, Scope, State
from airlock.testing import RecordingExecutor


class Denies(airlock.Policy):
    """Denies one value, and writes down what it judges."""

    def __init__(self, value, log=None):
        self.value = value
        self.log = [] if log is None else log

    def allows(self, intent):
        self.log.append((self.value, intent.args[0]))
        return intent.args[0] != self.value


def test_the_outermost_scope_has_the_authority(send, left):
    """Intents move up when the inner scope ends, and leave with the outermost."""
    with airlock.scope(name="outer") as outer:
        airlock.enqueue(send, 1)
        with airlock.scope() as inner:
            intent = airlock.enqueue(send, 2)
        assert left == []
        assert inner.phase is Phase.CAPTURED
        assert inner.outcome(intent).state is State.CAPTURED
        assert inner.outcome(intent).by == "outer"
        assert intent.state is State.PENDING
        assert intent in outer.intents
        airlock.enqueue(send, 3)
    assert left == [1, 2, 3]


def test_an_inner_failure_discards_its_own_alone(send, left):
    """An exception that is caught outside the inner scope discards only the inner scope's."""
    with airlock.scope():
        airlock.enqueue(send, 1)
        with pytest.raises(ArithmeticError), airlock.scope():
            airlock.enqueue(send, 2)
            raise ArithmeticError
        airlock.enqueue(send, 3)
    assert left == [1, 3]


def test_an_outer_failure_discards_what_it_captured(send, left):
    """What an inner scope had finished is undone with the outer work."""
    with pytest.raises(ArithmeticError), airlock.scope():
        with airlock.scope():
            intent = airlock.enqueue(send, 1)
        raise ArithmeticError
    assert left == []
    assert intent.state is State.DISCARDED


def test_an_inner_policy_counts_after_capture(send, left):
    """A capture does not forget the inner scope's policy; the outer one's judges both."""
    with airlock.scope(policy=Denies("outer")):
        with airlock.scope(policy=Denies("inner")):
            for value in ("inner", "outer", "neither"):
                airlock.enqueue(send, value)
        airlock.enqueue(send, "inner")
    assert left == ["neither", "inner"]


def test_policies_judge_from_inner_to_outer(send):
    """Local policies first, then the scopes' from inner to outer, then the hook, each once."""
    log: list = []

    class Hook:
        @airlock.hookimpl
        def policy_check(self, intent):
            log.append(("hook", intent.args[0]))

    airlock.register(Hook())
    with airlock.scope(policy=Denies("outermost", log)):
        with airlock.scope(policy=Denies("inner", log)):
            with airlock.policy(Denies("outer block", log)):
                with airlock.policy(Denies("inner block", log)):
                    airlock.enqueue(send, 1)
    assert [who for who, _ in log] == ["inner block", "outer block", "inner", "outermost", "hook"]


def test_the_first_denial_is_the_reason_and_ends_the_judgement(send):
    """The innermost denial is the one that counts, and outer doors never see the intent."""
    outer = Denies("outer")
    with airlock.scope(policy=outer):
        with airlock.scope(policy=airlock.BlockTasks({"send"})):
            intent = airlock.enqueue(send, "outer")
    assert intent.outcome.by == "BlockTasks"
    assert outer.log == []


def test_an_outer_assertion_raises_inside_the_inner_scope(send):
    """An outer AssertNoEffects raises on the enqueue line inside an inner scope."""
    with airlock.scope(policy=airlock.AssertNoEffects()):
        with airlock.scope() as inner:
            with pytest.raises(airlock.PolicyViolation, match=r"test_nesting\.py:\d+"):
                airlock.enqueue(send, 1)
            assert len(inner) == 0


def test_the_nearest_explicit_executor_wins_also_after_capture(send):
    """An intent keeps the executor of the nearest scope that names one."""
    outer, inner = RecordingExecutor(), RecordingExecutor()
    with airlock.scope(executor=outer):
        airlock.enqueue(send, 1)
        with airlock.scope():
            airlock.enqueue(send, 2)
        with airlock.scope(executor=inner):
            airlock.enqueue(send, 3)
            with airlock.scope():
                airlock.enqueue(send, 4)
    assert [i.args[0] for i in outer] == [1, 2]
    assert [i.args[0] for i in inner] == [3, 4]


def test_an_enclosing_executor_outranks_the_configured_one(send):
    """configure(executor=...) applies only where no enclosing scope names one."""
    configured, outer = RecordingExecutor(), RecordingExecutor()
    airlock.configure(executor=configured)
    with airlock.scope(executor=outer), airlock.scope():
        airlock.enqueue(send, 1)
    with airlock.scope():
        airlock.enqueue(send, 2)
    assert (len(outer), len(configured)) == (1, 1)


class LetsThrough(Scope):
    """Lets intents pass whose first argument is in `values`."""

    def __init__(self, *, values=(), **arguments):
        super().__init__(**arguments)
        self.values = values
        self.asked = []

    def before_descendant_flushes(self, exiting_scope, intents):
        self.asked.append((exiting_scope.name, len(intents)))
        return [intent for intent in intents if intent.args[0] in self.values]


def test_a_scope_may_let_some_through(send, left):
    """before_descendant_flushes lets some leave at once; the rest waits."""
    with airlock.scope(scope_cls=LetsThrough, values=(2,)) as outer:
        with airlock.scope(name="inner") as inner:
            intents = [airlock.enqueue(send, value) for value in (1, 2, 3)]
        assert left == [2]
        assert [inner.outcome(i).state for i in intents] == [
            State.CAPTURED,
            State.DISPATCHED,
            State.CAPTURED,
        ]
        assert outer.intents == (intents[0], intents[2])
    assert left == [2, 1, 3]
    assert outer.asked == [("inner", 3)]


def test_the_policies_around_still_judge_what_is_let_through(send, left):
    """Being let through is no way past an enclosing policy."""
    with airlock.scope(scope_cls=LetsThrough, values=(1, 2), policy=Denies(2)):
        with airlock.scope():
            intents = [airlock.enqueue(send, value) for value in (1, 2)]
        assert left == [1]
        assert intents[1].state is State.DENIED


def test_each_scope_around_is_asked(send, left):
    """What one scope lets through, the next may keep."""
    with airlock.scope(scope_cls=LetsThrough, values=(1,), name="outermost") as outermost:
        with airlock.scope(scope_cls=LetsThrough, values=(1, 2)):
            with airlock.scope():
                intents = [airlock.enqueue(send, value) for value in (1, 2, 3)]
            assert left == [1]
            assert outermost.intents == (intents[1],)
    assert left == [1, 2, 3]


def test_a_scope_that_raises_when_asked_lets_none_through(send, left):
    """The error of before_descendant_flushes is raised, and no intent is lost."""

    class Broken(Scope):
        def before_descendant_flushes(self, exiting_scope, intents):
            raise LookupError("broken")

    with airlock.scope(scope_cls=Broken):
        with pytest.raises(LookupError, match="broken"), airlock.scope() as inner:
            airlock.enqueue(send, 1)
        assert inner.phase is Phase.CAPTURED
        assert left == []
    assert left == [1]


def test_the_error_of_the_block_outranks_that_of_an_enclosing_scope(send, left):
    """Where the block raised itself, the other error is a note on it."""

    class Broken(Scope):
        def before_descendant_flushes(self, exiting_scope, intents):
            raise LookupError("broken")

    class Stubborn(Scope):
        def should_flush(self, error):
            return True

    with airlock.scope(scope_cls=Broken):
        with (
            pytest.raises(ArithmeticError, match="mine") as caught,
            airlock.scope(scope_cls=Stubborn),
        ):
            airlock.enqueue(send, 1)
            raise ArithmeticError("mine")
    assert "broken" in caught.value.__notes__[0]
    assert left == [1]


def test_a_scope_that_outlives_its_parent_sends_itself(send, left):
    """Work that goes on after the request has its own authority, under the request's policies."""
    request = airlock.scope(policy=Denies(2)).enter()
    background = airlock.scope().enter()
    request.exit()
    airlock.enqueue(send, 1)
    airlock.enqueue(send, 2)
    background.exit()
    assert left == [1]


def test_a_hundred_scopes_deep(send, left):
    """Very deep nesting keeps the order and every policy."""
    scopes = [airlock.scope(policy=Denies(depth)).enter() for depth in range(100)]
    for value in (5, 50, 99, 100):
        airlock.enqueue(send, value)
    for scope in reversed(scopes):
        scope.exit()
    assert left == [100]


def test_an_inner_scope_judges_nothing_at_its_own_exit(send, left):
    """The doors open at the outermost exit, when it is known what has become of the work."""
    policy = Denies(None)
    with airlock.scope():
        with airlock.scope(policy=policy):
            airlock.enqueue(send, 1)
        assert policy.log == []
    assert policy.log == [(None, 1)]
