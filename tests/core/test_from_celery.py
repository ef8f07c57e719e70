"""What the queues' plugins need of the core: another call's line, the caller's id, callbacks."""

from __future__ import annotations

import sys

import pytest

import airlock
import airlock.testing
from airlock import NoScopeError, PolicyEnqueueError, State
from airlock_core.entry import enqueue_from


def task(*args, **kwargs): ...


def legacy_call(*args, **kwargs):
    """Stand in for a queue's own call, as a plugin does."""
    return enqueue_from(sys._getframe(1), task, args, kwargs, {"queue": "slow"})


def test_an_intent_of_another_call_has_the_line_of_its_caller():
    """`enqueue_from` makes an intent whose origin is the line that called the plugin."""
    recorder = airlock.testing.RecordingExecutor()
    with airlock.scope(executor=recorder):
        here = sys._getframe().f_lineno + 1
        intent = legacy_call(1, options=2, caller=3)

    assert intent.origin.startswith(f"{__file__}:{here} in test_an_intent")
    assert recorder.calls == [(task, (1,), {"options": 2, "caller": 3})]
    assert intent.dispatch_options == {"queue": "slow"}


def test_it_needs_a_scope_and_no_judgement():
    """Outside a scope, and while a policy judges, it raises what `enqueue()` raises."""

    class Asking(airlock.Policy):
        def on_enqueue(self, intent):
            legacy_call()

    with pytest.raises(NoScopeError, match=r"test_from_celery\.py"):
        legacy_call()
    with airlock.scope(policy=Asking()), pytest.raises(PolicyEnqueueError):
        airlock.enqueue(task)


class Choosing(airlock.Executor):
    """An executor whose messages have the id that the options say, and callbacks."""

    supports_client_id = True

    def __call__(self, intent):
        return intent.id

    def given_id(self, intent):
        return intent.dispatch_options.get("message_id")

    def linked(self, options):
        return options.get("then", ())


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_callers_id_is_the_intents(wrapped):
    """Where the caller chose the id, `intent.id` is that one; otherwise it is a new one."""
    executor = airlock.ExecutorWrapper(Choosing()) if wrapped else Choosing()
    with airlock.scope(executor=executor):
        chosen = airlock.enqueue(task, _dispatch_options={"message_id": "order-7"})
        other = airlock.enqueue(task)
        assert chosen.id == "order-7"
        assert len(other.id) == 36


def test_a_plugin_is_asked_for_the_id_too():
    """Without an explicit executor, each plugin that is one may know the id."""
    with airlock.testing.plugins(Choosing()), airlock.scope() as scope:
        intent = airlock.enqueue(task, _dispatch_options={"message_id": "order-7"})
        assert intent.id == "order-7"
        scope.discard()


def test_policies_see_the_callbacks_in_options():
    """`BlockTasks` denies an intent whose options carry a blocked task along."""

    def blocked(): ...

    with (
        airlock.testing.plugins(Choosing()),
        airlock.scope(executor=Choosing(), policy=airlock.BlockTasks({blocked})),
    ):
        carrying = airlock.enqueue(task, _dispatch_options={"then": [blocked]})
        plain = airlock.enqueue(task, _dispatch_options={"then": [task]})

    assert (carrying.state, plain.state) == (State.DENIED, State.DISPATCHED)
