"""The process is being stopped: every intent has exactly one end, and none is lost in silence."""

from __future__ import annotations

import pytest

import airlock
from airlock import Hold, Phase

STOPS = [KeyboardInterrupt, SystemExit]


def ends(intents):
    return [intent.state.name for intent in intents]


class Stops:
    """Sends, and stops the process at one value."""

    def __init__(self, at, stop=KeyboardInterrupt):
        self.at = at
        self.stop = stop
        self.sent = []

    def __call__(self, intent):
        self.sent.append(intent.args[0])
        if intent.args[0] == self.at:
            self.at = None
            raise self.stop


@pytest.mark.parametrize("stop", STOPS)
def test_in_an_effect(send, left, stop):
    """What was before has left, the effect itself is uncertain, the rest was not tried."""

    def stops():
        raise stop

    with pytest.raises(stop) as caught, airlock.scope() as scope:
        airlock.enqueue(send, 1)
        airlock.enqueue(stops)
        airlock.enqueue(send, 2)
    assert ends(scope.intents) == ["DISPATCHED", "UNCERTAIN", "UNDELIVERED"]
    assert "scope.error" in caught.value.__notes__[0]
    assert scope.phase is Phase.FLUSHED
    scope.error.retry()
    assert left == [1, 2]


@pytest.mark.parametrize("stop", STOPS)
def test_in_a_plain_executor(stop):
    """The intent on its way is uncertain, the later ones can be sent again."""
    executor = Stops(2, stop)
    with pytest.raises(stop), airlock.scope(executor=executor) as scope:
        for value in (1, 2, 3):
            airlock.enqueue(print, value)
    assert ends(scope.intents) == ["DISPATCHED", "UNCERTAIN", "UNDELIVERED"]
    scope.error.retry()
    assert executor.sent == [1, 2, 3]


@pytest.mark.parametrize("stop", STOPS)
def test_in_a_pipeline(stop):
    """What is sent as a whole is uncertain as a whole."""

    class Pipeline(airlock.Executor):
        supports_many = True

        def dispatch_many(self, intents):
            raise stop

    with pytest.raises(stop), airlock.scope(executor=Pipeline()) as scope:
        for value in (1, 2):
            airlock.enqueue(print, value)
    assert ends(scope.intents) == ["UNCERTAIN"] * 2
    scope.error.retry()
    assert ends(scope.intents) == ["UNCERTAIN"] * 2


def test_in_a_policy(send, left):
    """Nothing was judged: retry() judges first."""

    class Stopped(airlock.Policy):
        stop = True

        def allows(self, intent):
            if intent.args[0] == 2 and self.stop:
                self.stop = False
                raise KeyboardInterrupt
            return intent.args[0] != 3

    with pytest.raises(KeyboardInterrupt), airlock.scope(policy=Stopped()) as scope:
        for value in (1, 2, 3):
            airlock.enqueue(send, value)
    assert ends(scope.intents) == ["UNDELIVERED"] * 3
    scope.error.retry()
    assert left == [1, 2]
    assert ends(scope.intents) == ["DISPATCHED", "DISPATCHED", "DENIED"]


def test_what_was_judged_before_the_stop_is_not_judged_again(send, left):
    """Deduplicate does not take an intent for its own duplicate."""

    class Stopped(airlock.Policy):
        stop = True

        def allows(self, intent):
            if intent.args[0] == 2 and self.stop:
                self.stop = False
                raise KeyboardInterrupt
            return True

    policy = airlock.CompositePolicy(Stopped(), airlock.Deduplicate())
    with pytest.raises(KeyboardInterrupt), airlock.scope(policy=policy) as scope:
        for value in (1, 2, 1):
            airlock.enqueue(send, value)
    scope.error.retry()
    assert left == [1, 2]


@pytest.mark.parametrize("hook", ["scope_exit", "policy_check", "dispatch"])
def test_in_a_hook(send, left, hook):
    """An interrupt in a plugin leaves no intent without an end, and nothing leaves."""

    class Stopped:
        pass

    def implementation(self):
        raise KeyboardInterrupt

    setattr(Stopped, hook, airlock.hookimpl(implementation))
    airlock.configure(strict=False)
    airlock.register(Stopped())
    with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
        airlock.enqueue(send, 1)
    assert left == []
    assert scope.intents[0].outcome is not None
    assert airlock.get_current_scope() is None


def test_in_an_enclosing_scope_that_is_asked(send):
    """The intents that no scope has taken are undelivered; those that were taken leave."""

    class Stopped(airlock.Scope):
        def before_descendant_flushes(self, exiting_scope, intents):
            raise KeyboardInterrupt

    with airlock.scope(scope_cls=Stopped):
        with pytest.raises(KeyboardInterrupt), airlock.scope() as inner:
            intent = airlock.enqueue(send, 1)
    assert ends(inner.intents) == ["UNDELIVERED"]
    assert inner.phase is Phase.FLUSHED
    assert intent.outcome.judged is False


def test_in_one_of_several_scopes_that_wait_for_a_hold(left):
    """The others have their turn; then the interrupt goes on."""
    hold, scopes = Hold(), []

    def work(value):
        if value == 0:
            raise KeyboardInterrupt
        left.append(value)

    for value in range(3):
        with airlock.scope() as scope:
            airlock.enqueue(work, value).hold(hold)
        scopes.append(scope)
    with pytest.raises(KeyboardInterrupt):
        hold.keep()
    assert left == [1, 2]
    assert [ends(scope.intents) for scope in scopes] == [
        ["UNCERTAIN"],
        ["DISPATCHED"],
        ["DISPATCHED"],
    ]


def test_while_it_asks_the_holds_to_release_it(send, left):
    """A hold that is settled after the interrupt releases nothing; retry() sends what it kept."""

    class Stopped(Hold):
        def when_settled(self, callback):
            super().when_settled(callback)
            raise KeyboardInterrupt

    hold = Stopped()
    with pytest.raises(KeyboardInterrupt), airlock.scope() as scope:
        airlock.enqueue(send, 1).hold(hold)
    assert ends(scope.intents) == ["UNDELIVERED"]
    hold.keep()
    assert left == []
    scope.error.retry()
    assert left == [1]


def test_what_an_interrupted_effect_had_enqueued(send, left):
    """It is discarded with its effect."""
    made = []

    def stops():
        made.append(airlock.enqueue(send, "child"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), airlock.scope():
        airlock.enqueue(stops)
    assert ends(made) == ["DISCARDED"]
    assert left == []


def test_the_log_says_what_was_left(send, caplog):
    """An interrupted flush is logged, since the interrupt itself may be swallowed."""

    def stops():
        raise SystemExit

    with pytest.raises(SystemExit), airlock.scope():
        airlock.enqueue(stops)
        airlock.enqueue(send, 1)
    assert "was interrupted" in caplog.text


def test_a_soft_time_limit_is_an_exception_as_any_other(send, left):
    """An Exception that is raised into an effect fails that effect; the others leave."""

    class SoftTimeLimitExceeded(Exception):
        pass

    def slow():
        raise SoftTimeLimitExceeded

    with pytest.raises(airlock.DispatchError) as caught, airlock.scope():
        airlock.enqueue(slow)
        airlock.enqueue(send, 1)
    assert left == [1]
    assert len(caught.value.failed) == 1
