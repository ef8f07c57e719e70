"""Signals, handlers and finalizers at any moment: every intent has one end, and it is true."""

from __future__ import annotations

import gc
import random
import signal

import pytest

import airlock
from airlock import Hold, Phase, State
from airlock_core.context import NOWHERE, here


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
