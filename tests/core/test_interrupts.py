"""The process is being stopped: every intent has exactly one end, and none is lost in silence."""

from __future__ import annotations

import gc
import random
import signal

import pytest

import airlock
from airlock import Hold, Phase, State
from airlock_core.context import NOWHERE, here

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


# Anywhere


@pytest.mark.parametrize("kind", ["inline", "executor", "nested", "policies", "holds"])
def test_a_signal_at_any_moment_loses_nothing_in_silence(kind, test_size):
    """Ctrl-C at random moments of enqueue and exit: every intent has an end that is true.

    What ended as dispatched was sent, once; what was sent ended as dispatched or uncertain; and
    retry() sends what can be sent, never twice.
    """
    chance = random.Random(kind)

    def interrupt(number, frame):
        # In a finalizer of somebody else it would be swallowed by the interpreter.
        if "airlock_core" in frame.f_code.co_filename or frame.f_code.co_filename == __file__:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    hit = 0
    gc.collect()
    gc.disable()
    try:
        for _ in range(1500 * test_size):
            sent: list = []
            record = [None] * 60
            scopes: list = []
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(2e-5, 6e-4))
                _work(kind, sent, record, scopes)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                hit += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            _check(kind, sent, [intent for intent in record if intent], scopes)
            here.set(NOWHERE)  # an interrupt between a block and its `with` leaves it current
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert hit > 10


def _work(kind, sent, record, scopes):
    hold = Hold()

    def effect(position):
        sent.append(position)

    def executor(intent):
        sent.append(intent.args[0])

    policy = airlock.Deduplicate() if kind == "policies" else None
    with airlock.scope(executor=executor if kind == "executor" else None, policy=policy) as scope:
        scopes.append(scope)
        for position in range(len(record)):
            if kind == "nested":
                with airlock.scope():
                    record[position] = airlock.enqueue(effect, position)
            else:
                record[position] = airlock.enqueue(effect, position)
            if kind == "holds":
                record[position].hold(hold)
    if kind == "holds":
        hold.keep()


def _check(kind, sent, intents, scopes):
    assert len(sent) == len(set(sent)), "sent twice"
    for scope in scopes:
        if scope.phase is Phase.OPEN:  # stopped before its block's end was ours
            scope.discard()
    for intent in intents:
        state, position = intent.state, intent.args[0]
        if state is State.DISPATCHED:
            assert position in sent
        elif position in sent:
            assert state is State.UNCERTAIN, (position, state)
        if state is State.PENDING:
            # Its scope waits for a hold that was never settled, or was never left at all.
            assert kind == "holds" or intent.scope.phase in (Phase.OPEN, Phase.WAITING), intent
    error = scopes[0].error if scopes else None
    if error is not None:
        for hold in {hold for intent in intents for hold in intent.holds}:
            hold.keep()  # where the interrupt came first: nothing is sent before
        before = len(sent)
        error.retry()
        assert len(sent) == len(set(sent)), "retried twice"
        assert len(sent) - before == len(error.undelivered) + len(error.failed)


def test_a_signal_handler_may_enqueue(test_size):
    """Its intent leaves with the scope it interrupts, or it is told that it is too late."""
    chance = random.Random(1)
    accepted: list = []

    def handler(number, frame):
        try:
            accepted.append(airlock.enqueue(print, "from a handler"))
        except airlock.AirlockError:  # too late, or in the middle of a judgement: it is told
            pass

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(300 * test_size):
            sent, made = [], []
            accepted.clear()
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(2e-5, 4e-4), 1e-4)
            with airlock.scope(executor=sent.append):
                for number in range(20):
                    made.append(airlock.enqueue(print, number))
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert sorted(map(id, sent)) == sorted(map(id, (*made, *accepted)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_finalizer_may_enqueue():
    """What the garbage collector sets off in the middle of a flush leaves in it."""
    sent, accepted = [], []

    class Finalized:
        def __init__(self):
            self.me = self

        def __del__(self):
            try:
                accepted.append(airlock.enqueue(print, "from a finalizer"))
            except airlock.AirlockError:
                pass

    threshold = gc.get_threshold()
    gc.collect()
    try:
        for number in range(50):
            gc.set_threshold(5 + number % 9)  # each finds another moment
            with airlock.scope(executor=sent.append) as scope:
                for value in range(10):
                    airlock.enqueue(print, value)
                    Finalized()
            assert all(intent.outcome is not None for intent in scope.intents)
    finally:
        gc.set_threshold(*threshold)
        gc.collect()
    assert accepted
    assert {id(intent) for intent in accepted} <= {id(intent) for intent in sent}


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


@pytest.mark.parametrize("moment", range(9))
def test_a_handler_in_the_very_moment_of_closing(send, left, moment):
    """Whatever the scope is just about to set: what is accepted then leaves, what is not is told."""
    accepted, told = [], []

    class Interrupted(airlock.Scope):
        moments = None

        def __setattr__(self, name, value):
            if self.moments is not None:
                super().__setattr__("moments", self.moments - 1)
                if self.moments == -1:
                    try:
                        accepted.append(airlock.enqueue(send, "handler"))
                    except airlock.AirlockError as error:
                        told.append(error)
            super().__setattr__(name, value)

    with airlock.scope(scope_cls=Interrupted) as scope:
        airlock.enqueue(send, 1)
        scope.moments = moment
    assert len(accepted) + len(told) == 1
    assert left == [1] + ["handler"] * len(accepted)
    assert list(scope.intents[1:]) == accepted
    assert all(intent.outcome is not None for intent in scope.intents)
