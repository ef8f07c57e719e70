"""A dry run: who would deny each intent, or where it would go. Nothing leaves or is spent."""

from __future__ import annotations

import airlock
from airlock import Hold, State
from airlock.testing import RecordingExecutor


def test_plan_says_what_would_become_of_each(send, left):
    """Executor, denial with its reason, rollback and wait, in the order of the enqueues."""
    recorder, void, pending = RecordingExecutor(), Hold(), Hold()
    airlock.register(recorder, "recorder")

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return recorder if intent.task is print else None

    airlock.register(Choose())
    with airlock.scope(policy=airlock.BlockTasks({"len"})) as scope:
        intents = [
            airlock.enqueue(send, 1),
            airlock.enqueue(print, 2),
            airlock.enqueue(len, "blocked"),
            airlock.enqueue(send, 4),
            airlock.enqueue(send, 5),
        ]
        intents[3].hold(void)
        intents[4].hold(pending)
        void.cancel()
        plan = scope.plan()
        assert left == []
        pending.keep()
    assert [entry.intent for entry in plan] == intents
    assert [entry.leaves for entry in plan] == [True, True, False, False, True]
    assert [entry.held for entry in plan] == [False, False, False, False, True]
    assert plan[1].executor is recorder
    assert plan[2].outcome.by == "BlockTasks"
    assert plan[3].outcome.state is State.ROLLED_BACK
    lines = [str(entry) for entry in plan]
    assert lines[0].endswith("would leave through sync")
    assert lines[1].endswith("would leave through recorder")
    assert "denied by BlockTasks" in lines[2]
    assert "rolled back" in lines[3]
    assert lines[4].endswith(", after its holds")


def test_plan_spends_nothing(send, left):
    """Counting policies judge the flush as if nobody had asked before, wherever they are."""
    airlock.register(airlock.Deduplicate())
    policy = airlock.CompositePolicy(airlock.Deduplicate(), airlock.MaxIntents(9))
    with airlock.scope(policy=policy) as scope, airlock.policy(airlock.Deduplicate()):
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 1)
        for _ in range(3):
            assert [entry.leaves for entry in scope.plan()] == [True, False]
    assert left == [1]


def test_plan_agrees_with_the_flush(send, fail):
    """What plan() says is what the flush does."""
    with airlock.scope(policy=airlock.BlockTasks([fail])) as scope:
        intents = [airlock.enqueue(task, 1) for task in (send, fail, send)]
        expected = [
            State.DISPATCHED if entry.leaves else entry.outcome.state for entry in scope.plan()
        ]
    assert [intent.state for intent in intents] == expected


def test_a_policy_that_raises_is_a_denial_in_the_plan(send):
    """It is shown as what it would be."""

    class Broken(airlock.Policy):
        def allows(self, intent):
            raise LookupError("broken")

    with airlock.scope(policy=Broken()) as scope:
        airlock.enqueue(send, 1)
        (entry,) = scope.plan()
        scope.discard()
    assert entry.outcome.state is State.DENIED
    assert "broken" in str(entry)


def test_a_choice_that_raises_is_a_failure_in_the_plan(send):
    """One broken route does not hide the others."""

    class Broken:
        @airlock.hookimpl
        def dispatch(self, intent):
            if intent.args[0] == 1:
                raise LookupError("no route")

    airlock.configure(strict=False)
    airlock.register(Broken())
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 2)
        first, second = scope.plan()
        scope.discard()
    assert first.outcome.state is State.FAILED
    assert second.leaves


def test_plan_of_an_inner_scope_asks_every_door(send):
    """The doors of the scopes around it are asked as well."""
    with airlock.scope(policy=airlock.DropAll()) as outer, airlock.scope() as inner:
        airlock.enqueue(send, 1)
        assert [entry.outcome.by for entry in inner.plan()] == ["DropAll"]
        assert outer.plan() == []


def test_plan_lists_only_what_is_pending(send):
    """After the flush there is nothing left to plan."""
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
    assert scope.plan() == []
