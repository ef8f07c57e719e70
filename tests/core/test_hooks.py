"""The four hooks: when each is asked, in which order, and what its answers mean."""

from __future__ import annotations

import pytest

import airlock
from airlock import Deny, DispatchError, Exit, PluginError, State, VerdictError, hookimpl
from airlock.testing import RecordingExecutor


def plugin(**hooks):
    """Make a plugin with these hook implementations."""
    cls = type("Plugin", (), {name: hookimpl(staticmethod(f)) for name, f in hooks.items()})
    return cls()


# intent_created


def test_intent_created_is_asked_at_each_enqueue(send):
    """At the line, before the intent is recorded; once, whatever becomes of it."""
    seen = []

    def intent_created(intent, scope):
        seen.append((intent.args[0], scope is airlock.get_current_scope(), len(scope)))

    airlock.register(plugin(intent_created=intent_created))
    with airlock.scope():
        airlock.enqueue(send, 1)
        with airlock.scope():
            airlock.enqueue(send, 2)
        airlock.enqueue(send, 3)
    assert seen == [(1, True, 0), (2, True, 0), (3, True, 2)]


def test_intent_created_may_annotate(send):
    """meta is a dictionary for plugins; an intent that nobody annotated has none."""
    recorder = RecordingExecutor()

    def annotate(intent):
        if intent.args[0] == 1:
            intent.meta["trace"] = "abc"

    airlock.register(plugin(intent_created=annotate))
    with airlock.scope(executor=recorder):
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 2)
    assert [intent.has_meta for intent in recorder] == [True, False]
    assert recorder.intents[0].meta == {"trace": "abc"}


def test_intent_created_may_refuse(send, left):
    """What it raises is raised at the caller's own line, and the intent is not recorded."""

    def refuse(intent):
        if intent.args[0] == 2:
            raise LookupError("refused")

    airlock.register(plugin(intent_created=refuse))
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        with pytest.raises(LookupError, match="refused"):
            airlock.enqueue(send, 2)
        assert len(scope) == 1
    assert left == [1]


def test_intent_created_is_asked_after_the_policies_and_the_executor(send):
    """It sees only what the policies let in and the executor can carry."""
    seen = []
    airlock.register(plugin(intent_created=lambda intent: seen.append(intent)))
    with airlock.scope(policy=airlock.AssertNoEffects()), pytest.raises(airlock.PolicyViolation):
        airlock.enqueue(send, 1)
    with airlock.scope(), pytest.raises(airlock.IntentError):
        airlock.enqueue("nobody carries this")
    assert seen == []


# policy_check


@pytest.mark.parametrize(
    ("answer", "leaves"),
    [(None, True), (True, True), (False, False), (Deny("because"), False), (Deny(), False)],
)
def test_policy_check_answers(send, left, answer, leaves):
    """False and Deny deny; True and None are no objection."""
    airlock.register(plugin(policy_check=lambda intent: answer), "audit")
    with airlock.scope():
        intent = airlock.enqueue(send, 1)
    assert (left == [1]) is leaves
    if not leaves:
        assert intent.outcome.by == "audit"
        assert intent.outcome.reason == getattr(answer, "reason", "")


@pytest.mark.parametrize("answer", [0, 1, "no", [], Exit.DISCARD, object()])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_policy_check_of_another_type_fails_closed(send, left, answer, wrapped):
    """A TypeError names the plugin, also where pluggy makes the call; the others are judged."""
    airlock.register(
        plugin(policy_check=lambda intent: answer if intent.args[0] == 1 else None), "audit"
    )
    if wrapped:
        airlock.register(Wrapper([]))
    with pytest.raises(DispatchError) as caught, airlock.scope():
        intents = [airlock.enqueue(send, value) for value in (1, 2)]
    (error,) = caught.value.exceptions
    assert isinstance(error, VerdictError)
    assert isinstance(error, TypeError)
    assert "policy_check of audit returned" in str(error)
    assert [intent.state for intent in intents] == [State.DENIED, State.DISPATCHED]
    assert left == [2]


@pytest.mark.parametrize("wrapped", [False, True])
def test_every_implementation_is_asked_and_the_first_denial_counts(send, wrapped):
    """No plugin hides an intent from another; True waves nothing past a denial."""
    asked = []

    def judge(name, answer):
        def policy_check(intent):
            asked.append(name)
            return answer

        return plugin(policy_check=policy_check)

    for name, answer in (
        ("last", True),
        ("second", Deny("second")),
        ("first", Deny("first")),
        ("yes", True),
    ):
        airlock.register(judge(name, answer), name)
    if wrapped:
        airlock.register(Wrapper([]))
    with airlock.scope():
        intent = airlock.enqueue(send, 1)
    assert asked == ["yes", "first", "second", "last"]
    assert (intent.outcome.by, intent.outcome.reason) == ("first", "first")


def test_policy_check_is_asked_once_at_the_outermost_door(send):
    """After the policies of the scopes, once per intent, with the scope that is leaving."""
    seen = []
    airlock.register(plugin(policy_check=lambda intent, scope: seen.append((intent, scope))))
    with airlock.scope(policy=airlock.BlockTasks({"len"})) as outer, airlock.scope():
        intent = airlock.enqueue(send, 1)
        airlock.enqueue(len, "denied before")
    assert seen == [(intent, outer)]


def test_policy_check_is_not_asked_about_what_is_discarded(send):
    """Work that failed is judged by nobody."""
    seen = []
    airlock.register(plugin(policy_check=lambda intent: seen.append(intent)))
    with pytest.raises(ArithmeticError), airlock.scope():
        airlock.enqueue(send, 1)
        raise ArithmeticError
    assert seen == []


# scope_exit


def test_scope_exit_is_asked_once_with_the_error(send):
    """When the block has ended, with what it raised; inner scopes, too."""
    seen = []
    airlock.register(plugin(scope_exit=lambda scope, error: seen.append((scope.name, error))))
    error = ArithmeticError()
    with pytest.raises(ArithmeticError), airlock.scope(name="outer"):
        with airlock.scope(name="inner"):
            airlock.enqueue(send, 1)
        raise error
    with airlock.scope(name="empty"):
        pass
    assert seen == [("inner", None), ("outer", error), ("empty", None)]


@pytest.mark.parametrize(
    ("answers", "error", "leaves"),
    [
        ([Exit.DISCARD], None, False),
        ([Exit.FLUSH], ArithmeticError, True),
        ([Exit.FLUSH, Exit.DISCARD], None, False),
        ([Exit.DISCARD, Exit.FLUSH], ArithmeticError, False),
        ([None, Exit.FLUSH, None], ArithmeticError, True),
        ([None], None, True),
        ([None], ArithmeticError, False),
        ([], ArithmeticError, False),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_strictest_scope_exit_wins(send, left, answers, error, leaves, wrapped):
    """DISCARD outranks FLUSH; where all are silent, should_flush(error) decides."""
    for answer in answers:
        airlock.register(plugin(scope_exit=_always(answer)))
    if wrapped:
        airlock.register(Wrapper([]))
    try:
        with airlock.scope():
            airlock.enqueue(send, 1)
            if error:
                raise error
    except ArithmeticError:
        pass
    assert (left == [1]) is leaves


def _always(answer):
    def scope_exit(scope):
        return answer

    return scope_exit


def test_scope_exit_outranks_what_the_application_asked_for(send, left):
    """A plugin may veto flush(), and may not undo discard()."""
    airlock.register(plugin(scope_exit=lambda scope: Exit.DISCARD), "veto")
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        scope.flush()
    airlock.unregister("veto")
    airlock.register(plugin(scope_exit=lambda scope: Exit.FLUSH))
    with airlock.scope() as scope:
        airlock.enqueue(send, 2)
        scope.discard()
    assert left == []


@pytest.mark.parametrize("answer", [True, False, "flush", object()])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_scope_exit_of_another_type_discards(send, left, answer, wrapped):
    """The error names the plugin and what to return."""
    airlock.register(plugin(scope_exit=lambda scope: answer), "night")
    if wrapped:
        airlock.register(Wrapper([]))
    with pytest.raises(VerdictError, match=r"Exit\.DISCARD or None") as caught, airlock.scope():
        airlock.enqueue(send, 1)
    assert left == []
    if not wrapped:
        assert "night" in str(caught.value)


# Wrappers and monitors


class Wrapper:
    """A plugin around every hook, in pluggy's way."""

    def __init__(self, log):
        self.log = log

    @hookimpl(wrapper=True)
    def intent_created(self, intent):
        self.log.append(("created", intent.args[0]))
        return (yield)

    @hookimpl(wrapper=True)
    def policy_check(self, intent):
        results = yield
        self.log.append(("judged", intent.args[0], results))
        return results

    @hookimpl(wrapper=True)
    def dispatch(self, intent):
        executor = yield
        self.log.append(("chosen", intent.args[0], type(executor).__name__))
        return executor

    @hookimpl(wrapper=True)
    def scope_exit(self, scope):
        results = yield
        self.log.append(("exit", results))
        return results


def test_wrappers_are_around_every_hook(send, left):
    """A wrapper sees the call and its results, also where no plugin implements the hook."""
    log: list = []
    airlock.configure(strict=False)
    airlock.register(Wrapper(log))
    airlock.register(plugin(policy_check=lambda intent: True))
    with airlock.scope():
        airlock.enqueue(send, 1)
    assert log[:1] == [("created", 1)]
    assert ("exit", []) in log
    assert ("judged", 1, [True]) in log
    assert ("chosen", 1, "SyncExecutor") in log
    assert left == [1]


def test_a_wrapper_may_change_the_results(send, left):
    """It is pluggy's own call: a wrapper has the last word."""

    class Veto:
        @hookimpl(wrapper=True)
        def policy_check(self, intent):
            return [*(yield), Deny("vetoed")]

    airlock.register(Veto())
    with airlock.scope():
        intent = airlock.enqueue(send, 1)
    assert intent.outcome.reason == "vetoed"


@pytest.mark.parametrize("hook", ["policy_check", "scope_exit"])
def test_a_wrapper_that_forgets_the_results_is_told(send, left, hook):
    """Returning None from a wrapper would drop every verdict: it is an error."""

    class Forgets:
        pass

    def implementation(self):
        yield

    setattr(Forgets, hook, hookimpl(wrapper=True)(implementation))
    airlock.register(Forgets())
    with pytest.raises((VerdictError, DispatchError)), airlock.scope():
        airlock.enqueue(send, 1)
    assert left == []


def test_a_monitor_sees_the_calls(send, left):
    """Who watches pluggy's calls sees them, and no more once he has gone."""
    from airlock_core.plugins import manager

    airlock.register(plugin(policy_check=lambda intent: True), "audit")
    seen = []
    undo = manager.pluggy.add_hookcall_monitoring(
        lambda name, impls, arguments: seen.append(name), lambda *arguments: None
    )
    with airlock.scope():
        airlock.enqueue(send, 1)
    assert "policy_check" in seen
    undo()
    seen.clear()
    with airlock.scope():
        airlock.enqueue(send, 2)
    assert (seen, left) == ([], [1, 2])


def test_dispatch_may_be_asked_more_than_once(send):
    """plan(), the check of a strict enqueue and the flush all ask; none of them sends."""
    asked = []
    recorder = RecordingExecutor()

    def dispatch(intent):
        asked.append(intent)
        return recorder

    airlock.configure(strict=True)
    airlock.register(plugin(dispatch=dispatch))
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        scope.plan()
        assert len(recorder) == 0
    assert len(asked) >= 3
    assert len(recorder) == 1


def test_a_plugin_may_be_registered_while_a_scope_is_open(send, left):
    """It is asked from then on."""
    with airlock.scope():
        airlock.enqueue(send, 1)
        airlock.register(airlock.AssertNoEffects(), "late")
        with pytest.raises(airlock.PolicyViolation):
            airlock.enqueue(send, 2)
        airlock.unregister("late")
        airlock.enqueue(send, 3)
    assert left == [1, 3]


def test_the_hooks_are_the_contract():
    """Four, in this order, with these arguments."""
    import inspect

    from airlock_core import hookspecs
    from airlock_core.hooks import NAMES

    specified = {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hookspecs).items()
        if inspect.isfunction(function)
    }
    assert specified == {
        "intent_created": ("intent", "scope"),
        "policy_check": ("intent", "scope"),
        "dispatch": ("intent", "scope"),
        "scope_exit": ("scope", "error"),
    }
    assert tuple(specified) == NAMES
    assert issubclass(PluginError, airlock.AirlockError)
