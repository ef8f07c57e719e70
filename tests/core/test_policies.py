"""Policies: what is refused at the enqueue, what is denied at the door, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import airlock
from airlock import Deny, DispatchError, Policy, PolicyViolation, State
from counting import Counts


def test_drop_all_denies_with_a_reason(send, left):
    """DropAll lets nothing leave, and the intents say why."""
    with airlock.scope(policy=airlock.DropAll()) as scope:
        intent = airlock.enqueue(send, 1)
    assert left == []
    assert scope.intents == (intent,)
    assert (intent.state, intent.outcome.by) == (State.DENIED, "DropAll")
    assert "DropAll" in str(intent.outcome)


def test_a_local_policy_applies_to_its_block(send, left):
    """`with airlock.policy()` counts for the enqueues in the block alone."""
    with airlock.scope():
        airlock.enqueue(send, 1)
        with airlock.policy(airlock.DropAll()):
            airlock.enqueue(send, 2)
        airlock.enqueue(send, 3)
    assert left == [1, 3]


def test_a_local_assertion_raises_at_the_line(send):
    """`with airlock.policy(AssertNoEffects())` raises at the enqueue."""
    with airlock.scope(), airlock.policy(airlock.AssertNoEffects()):
        with pytest.raises(PolicyViolation, match="send"):
            airlock.enqueue(send, 1)


def test_a_local_policy_outside_any_scope_counts_inside(send, left):
    """The block may be around the scope, too."""
    with airlock.policy(airlock.DropAll()), airlock.scope():
        airlock.enqueue(send, 1)
    assert left == []


@pytest.mark.parametrize("policy", [airlock.DropAll, object(), None])
def test_a_local_policy_must_be_a_policy(policy):
    """A class or something else is refused where the block is written."""
    with pytest.raises(airlock.ConfigurationError):
        airlock.policy(policy)


def test_each_policy_object_is_asked_once(send):
    """Process-wide, configured, in both scopes and in two blocks: one object judges once."""
    policy = Counts()
    airlock.register(policy)
    airlock.configure(policy=policy)
    with airlock.scope(policy=policy), airlock.scope(policy=policy):
        with airlock.policy(policy), airlock.policy(policy):
            intent = airlock.enqueue(send, 1)
    assert policy.enqueued == [intent]
    assert policy.judged == [intent]


@pytest.mark.parametrize("where", ["registered", "configured", "scope", "outer", "local"])
def test_the_same_object_serves_everywhere(send, where):
    """A policy observes and judges wherever it is put."""
    policy = Counts()
    if where == "registered":
        airlock.register(policy)
    if where == "configured":
        airlock.configure(policy=policy)
    outer = policy if where == "outer" else None
    inner = policy if where == "scope" else None
    local = policy if where == "local" else airlock.AllowAll()
    with airlock.scope(policy=outer), airlock.scope(policy=inner), airlock.policy(local):
        intent = airlock.enqueue(send, 1)
        assert policy.enqueued == [intent]
    assert policy.judged == [intent]


def test_a_policy_that_raises_denies_only_what_it_was_judging(send, left):
    """The rest is judged and leaves, and the error is raised with the intent it concerns."""

    class Fragile(Policy):
        def allows(self, intent):
            return 1 / intent.args[0] > 0

    with pytest.raises(DispatchError) as caught, airlock.scope(policy=Fragile()):
        intents = [airlock.enqueue(send, value) for value in (1, 0, 2)]
    assert left == [1, 2]
    assert caught.value.denied == (intents[1],)
    assert caught.value.dispatched == (intents[0], intents[2])
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)
    assert "Fragile" in caught.value.exceptions[0].__notes__[0]
    caught.value.retry()  # a denied intent is not sent again
    assert left == [1, 2]


@pytest.mark.parametrize("answer", [None, 1, 0, "", "yes", [], object()])
def test_an_answer_that_is_no_verdict_fails_closed(send, left, answer):
    """allows() that forgets to return denies, and the error names the policy."""

    class Forgetful(Policy):
        def allows(self, intent):
            return answer

    with pytest.raises(DispatchError) as caught, airlock.scope(policy=Forgetful()):
        intent = airlock.enqueue(send, 1)
    assert left == []
    assert intent.state is State.DENIED
    assert "Forgetful.allows() returned" in str(caught.value.exceptions[0])
    assert isinstance(caught.value.exceptions[0], TypeError)


def test_a_denial_has_a_reason(send):
    """Deny(reason) ends up in the outcome."""

    class Weekend(Policy):
        def allows(self, intent):
            return Deny("it is Sunday")

    with airlock.scope(policy=Weekend()):
        intent = airlock.enqueue(send, 1)
    assert intent.outcome.by == Weekend.__qualname__
    assert intent.outcome.reason == "it is Sunday"
    assert str(intent.outcome).endswith("Weekend: it is Sunday")


def test_a_policy_set_on_the_object_counts(send, left):
    """A method that a test puts on one object is asked as one of the class is."""
    denies, refuses = airlock.AllowAll(), airlock.AllowAll()
    denies.allows = lambda intent: False

    def refuse(intent):
        raise PolicyViolation("no")

    refuses.on_enqueue = refuse
    with airlock.scope(policy=denies):
        airlock.enqueue(send, 1)
    with airlock.scope(policy=refuses), pytest.raises(PolicyViolation):
        airlock.enqueue(send, 2)
    assert left == []


def test_policies_may_compare_as_they_like(send):
    """An unhashable policy, and two that are equal, are each asked."""

    @dataclass
    class Value(Policy):
        number: int

        def allows(self, intent):
            asked.append(id(self))
            return True

    asked: list = []
    one, two = Value(1), Value(1)
    assert one == two
    with airlock.scope(policy=one), airlock.scope(policy=two):
        with airlock.policy(Value(1)) as three:
            airlock.enqueue(send, 1)
    assert asked == [id(three), id(two), id(one)]


def test_a_policy_that_is_gone_leaves_nothing_to_the_next(send, left):
    """An instance that counts is never mistaken for that of another policy at the same address."""
    with airlock.scope():
        for _ in range(50):
            with airlock.policy(airlock.MaxIntents(0)), pytest.raises(PolicyViolation):
                airlock.enqueue(send, "refused")
            with airlock.policy(airlock.MaxIntents(1)):
                airlock.enqueue(send, "accepted")
    assert left == ["accepted"] * 50


# A policy must not enqueue


def enqueues(send):
    def method(self, intent):
        airlock.enqueue(send, "from a policy")
        return True

    return method


def test_on_enqueue_must_not_enqueue(send, left):
    """The error is raised at the caller's line."""
    bad = type("Bad", (Policy,), {"on_enqueue": enqueues(send)})()
    with airlock.scope(policy=bad) as scope:
        with pytest.raises(airlock.PolicyEnqueueError, match="send is enqueued"):
            airlock.enqueue(send, 1)
        assert len(scope) == 0
    assert left == []


def test_allows_must_not_enqueue(send, left):
    """The intent that was being judged is denied, and the error is reported."""
    bad = type("Bad", (Policy,), {"allows": enqueues(send)})()
    with pytest.raises(DispatchError) as caught, airlock.scope(policy=bad):
        airlock.enqueue(send, 1)
    assert isinstance(caught.value.exceptions[0], airlock.PolicyEnqueueError)
    assert left == []


def test_intent_created_must_not_enqueue(send, left):
    """A hook is no place for an effect, either."""

    class Bad:
        @airlock.hookimpl
        def intent_created(self, intent):
            airlock.enqueue(send, "from a hook")

    airlock.register(Bad())
    with airlock.scope(), pytest.raises(airlock.PolicyEnqueueError):
        airlock.enqueue(send, 1)
    assert left == []


def test_policy_check_must_not_enqueue(send, left):
    """It denies the intent that was being judged."""

    class Bad:
        @airlock.hookimpl
        def policy_check(self, intent):
            airlock.enqueue(send, "from a hook")

    airlock.register(Bad())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        airlock.enqueue(send, 1)
    assert isinstance(caught.value.exceptions[0], airlock.PolicyEnqueueError)
    assert left == []


def test_dispatch_must_not_enqueue(send, left):
    """Choosing an executor has no effects, in the flush and in a dry run."""

    class Bad:
        @airlock.hookimpl
        def dispatch(self, intent):
            airlock.enqueue(send, "from a hook")

    airlock.configure(strict=False)
    airlock.register(Bad())
    with pytest.raises(DispatchError) as caught, airlock.scope() as scope:
        intent = airlock.enqueue(send, 1)
        assert isinstance(scope.plan()[0].outcome.error, airlock.PolicyEnqueueError)
    assert isinstance(caught.value.exceptions[0], airlock.PolicyEnqueueError)
    assert intent.state is State.FAILED
    assert left == []


def test_scope_exit_must_not_enqueue(send, left):
    """It discards the scope, and the error is raised."""

    class Bad:
        @airlock.hookimpl
        def scope_exit(self, scope):
            airlock.enqueue(send, "from a hook")

    airlock.register(Bad())
    with pytest.raises(airlock.PolicyEnqueueError), airlock.scope():
        intent = airlock.enqueue(send, 1)
    assert left == []
    assert intent.state is State.DISCARDED


def test_a_policy_cannot_reorder(send, left):
    """Whatever policies allow leaves in the order of the enqueues."""

    class Odd(Policy):
        def allows(self, intent):
            return intent.args[0] % 2 == 1

    with airlock.scope(policy=Odd()):
        for value in range(6):
            airlock.enqueue(send, value)
    assert left == [1, 3, 5]
