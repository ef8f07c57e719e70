"""A scope: enter, enqueue, leave."""

from __future__ import annotations

from unittest.mock import AsyncMock, Mock

import pytest

import airlock
from airlock import Exit, Phase, Scope, ScopeStateError, State
from airlock.testing import RecordingExecutor


def test_nothing_leaves_before_the_block_ends(send, left):
    """Effects wait in the buffer, in order, and leave when the block has succeeded."""
    with airlock.scope() as scope:
        first = airlock.enqueue(send, 1)
        second = airlock.enqueue(send, 2)
        assert left == []
        assert scope.intents == (first, second)
        assert len(scope) == 2
    assert left == [1, 2]
    assert [first.state, second.state] == [State.DISPATCHED] * 2
    assert [first.receipt, second.receipt] == [1, 2]
    assert scope.phase is Phase.FLUSHED


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_discards(send, left, error):
    """Whatever the block raises, Ctrl-C and sys.exit() too, its effects are discarded."""
    with pytest.raises(error), airlock.scope() as scope:
        intent = airlock.enqueue(send, 1)
        raise error
    assert left == []
    assert intent.state is State.DISCARDED
    assert scope.phase is Phase.DISCARDED


def test_enqueue_outside_any_scope_says_where_and_what_to_do(send):
    """No scope: an error that names the task, the line and the remedy."""
    with pytest.raises(airlock.NoScopeError, match=r"send was enqueued .*test_scopes.py:\d+.*with"):
        airlock.enqueue(send, 1)


def test_a_scope_serves_once(send):
    """Entering twice is an error that says to make a new scope."""
    scope = airlock.scope()
    with scope:
        pass
    with pytest.raises(ScopeStateError, match=r"make a new airlock\.scope"):
        scope.enter()


@pytest.mark.parametrize("end", ["exit", "flush", "discard"])
def test_ending_what_was_never_entered_is_an_error(end):
    """A scope that was not entered cannot end, and the error says to enter it."""
    with pytest.raises(ScopeStateError, match="Enter it first"):
        getattr(airlock.scope(), end)()


@pytest.mark.parametrize("end", ["exit", "flush", "discard"])
def test_ending_twice_is_an_error(end):
    """A scope that has ended cannot end again, and the error says so."""
    scope = airlock.scope().enter()
    scope.exit()
    with pytest.raises(ScopeStateError, match="has ended"):
        getattr(scope, end)()


def test_step_by_step(send, left):
    """enter() and flush() do what a block does; discard() what a failed one does."""
    scope = airlock.scope().enter()
    airlock.enqueue(send, 1)
    scope.flush()
    assert airlock.get_current_scope() is None
    other = airlock.scope().enter()
    airlock.enqueue(send, 2)
    other.discard()
    assert airlock.get_current_scope() is None
    assert left == [1]


def test_exit_takes_the_error_of_the_work(send, left):
    """exit(error) discards, and raises nothing itself."""
    scope = airlock.scope().enter()
    airlock.enqueue(send, 1)
    scope.exit(ArithmeticError())
    assert left == []


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("end", ["flush", "discard"])
def test_after_an_early_end_the_block_takes_no_more(send, left, end, empty):
    """flush() and discard() in a block close it: a later enqueue raises, and goes nowhere else."""
    with airlock.scope() as outer:
        with airlock.scope() as inner:
            if not empty:
                airlock.enqueue(send, 1)
            getattr(inner, end)()
            with pytest.raises(ScopeStateError, match="too late"):
                airlock.enqueue(send, 2)
        assert airlock.get_current_scope() is outer
        airlock.enqueue(send, 3)
    assert left == ([1, 3] if end == "flush" and not empty else [3])


def test_the_current_scope_is_the_innermost():
    """get_current_scope() is None outside, and inside the nearest."""
    assert airlock.get_current_scope() is None
    with airlock.scope() as outer:
        assert airlock.get_current_scope() is outer
        with airlock.scope() as inner:
            assert airlock.get_current_scope() is inner
        assert airlock.get_current_scope() is outer
    assert airlock.get_current_scope() is None


def test_should_flush_decides_where_no_plugin_does(send, left):
    """A scope class decides with should_flush(error)."""

    class Stubborn(Scope):
        def should_flush(self, error):
            return isinstance(error, ArithmeticError)

    with pytest.raises(ArithmeticError), airlock.scope(scope_cls=Stubborn):
        airlock.enqueue(send, "despite the error")
        raise ArithmeticError
    with airlock.scope(scope_cls=Stubborn):
        airlock.enqueue(send, "never")
    assert left == ["despite the error"]


def test_the_name_of_a_scope_says_where_it_was_made():
    """A scope without a name is called after its line, and one with a name after that."""
    assert "test_scopes.py" in airlock.scope().name
    assert airlock.scope(name="request 7").name == "request 7"
    assert "request 7" in repr(airlock.scope(name="request 7"))


def test_a_scope_class_may_name_its_scopes():
    """A name that a class gives is not overwritten by the one that was left out."""

    class Named(Scope):
        def __init__(self, **arguments):
            super().__init__(**arguments, name="job")

    assert airlock.scope(scope_cls=Named).name == "job"
    airlock.configure(scope_kwargs={"name": "configured"})
    assert airlock.scope().name == "configured"


def test_defaults_come_from_the_configuration(left, send):
    """What scope() is not given comes from configure()."""

    class Mine(Scope):
        def __init__(self, *, flavour, **arguments):
            super().__init__(**arguments)
            self.flavour = flavour

    recorder, policy = RecordingExecutor(), airlock.AllowAll()
    airlock.configure(
        scope_cls=Mine, policy=policy, executor=recorder, scope_kwargs={"flavour": "sweet"}
    )
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
    assert isinstance(scope, Mine)
    assert scope.flavour == "sweet"
    assert scope.policy is policy
    assert recorder.calls == [(send, (1,), {})]
    assert airlock.scope(flavour="sour").flavour == "sour"


def test_a_falsy_object_is_still_the_one_that_was_passed(send):
    """Falsy executors, policies and scope classes are used, not replaced by the defaults."""

    class Falsy(RecordingExecutor):
        def __bool__(self):
            return False

    class FalsyPolicy(airlock.DropAll):
        def __len__(self):
            return 0

    recorder = Falsy()
    airlock.configure(executor=RecordingExecutor(), policy=airlock.AllowAll())
    with airlock.scope(executor=recorder):
        airlock.enqueue(send, 1)
    assert len(recorder) == 1
    with airlock.scope(policy=FalsyPolicy()):
        intent = airlock.enqueue(send, 2)
    assert intent.state is State.DENIED
    airlock.configure(executor=recorder)
    with airlock.scope():
        airlock.enqueue(send, 3)
    assert len(recorder) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"policy": airlock.AllowAll}, "is a class"),
        ({"policy": object()}, "is no policy"),
        ({"executor": 3}, "is no executor"),
        ({"executor": RecordingExecutor}, "is no executor"),
        ({"executor": "nope"}, "no installed plugin"),
        ({"colour": "red"}, "arguments"),
    ],
)
def test_wrong_arguments_of_scope_say_what_is_wrong(arguments, says):
    """scope() refuses what cannot serve, with a ConfigurationError."""
    with pytest.raises(airlock.ConfigurationError, match=says):
        airlock.scope(**arguments)


@pytest.mark.parametrize(
    "settings",
    [
        {"polcy": None},
        {"policy": airlock.AllowAll},
        {"executor": 3},
        {"scope_cls": dict},
        {"scope_cls": Scope()},
        {"scope_kwargs": 3},
        {"strict": "yes"},
        {"require": "audit"},
    ],
)
def test_wrong_settings_change_nothing(settings):
    """configure() refuses what cannot serve, and keeps what was in force."""
    before = airlock.get_configuration()
    with pytest.raises(airlock.ConfigurationError):
        airlock.configure(**settings)
    assert airlock.get_configuration() is before


def test_a_misspelt_setting_is_answered_with_the_right_one():
    """configure() suggests the setting that was meant."""
    with pytest.raises(airlock.ConfigurationError, match="Did you mean 'policy'"):
        airlock.configure(polcy=None)


def test_configuration_can_be_reset():
    """reset_configuration() goes back to where the library started."""
    before = airlock.get_configuration()
    airlock.configure(executor=RecordingExecutor())
    assert airlock.get_configuration() != before
    airlock.reset_configuration()
    assert airlock.get_configuration() == before


def test_keyword_arguments_reach_the_task_whatever_they_are_called(left):
    """Names that airlock itself uses are the task's own."""
    given = {
        **{"task": 1, "policy": 2, "executor": 3, "self": 4, "scope": 5, "name": 6, "args": 7},
        **{"kwargs": 8, "function": 9, "intent": 10, "context": 11, "cls": 12, "func": 13},
        **{"dispatch_options": 14, "fn": 15},
    }

    def takes_all(**arguments):
        left.append(arguments)

    with airlock.scope():
        airlock.enqueue(takes_all, **given)
    assert left == [given]


def test_odd_tasks_run(left):
    """Partials of partials, classes, built-ins, methods, instances, lambdas and mocks are tasks."""
    from functools import partial

    class Instance:
        def __call__(self, value):
            left.append(("instance", value))

        def method(self, value):
            left.append(("method", value))

        @classmethod
        def of_class(cls, value):
            left.append(("class", value))

    class Made:
        def __init__(self, value):
            left.append(("made", value))

    mock = Mock()
    with airlock.scope():
        airlock.enqueue(partial(partial(left.append)), 1)
        airlock.enqueue(left.append, 2)
        airlock.enqueue(Instance(), 3)
        airlock.enqueue(Instance().method, 4)
        airlock.enqueue(Instance.of_class, 5)
        airlock.enqueue(Made, 6)
        airlock.enqueue(lambda value: left.append(value), 7)
        intent = airlock.enqueue(mock, 8)
        airlock.enqueue(print, end="")
    mock.assert_called_once_with(8)
    assert intent.name == "unittest.mock.Mock"
    assert left == [1, 2, ("instance", 3), ("method", 4), ("class", 5), ("made", 6), 7]


def test_a_mock_passes_every_ready_policy():
    """A Mock has every attribute, and is still one task, and not the task of another Mock."""
    policy = airlock.CompositePolicy(
        airlock.BlockTasks([Mock(), "other"]), airlock.Deduplicate(), airlock.LogOnFlush()
    )
    mock = Mock()
    with airlock.scope(policy=policy):
        airlock.enqueue(mock, 1)
    mock.assert_called_once_with(1)


def test_what_would_have_to_be_awaited_is_an_error_in_a_plain_scope():
    """What returns an awaitable is not dispatched in silence with nobody to await it."""

    def returns_a_coroutine():
        async def never():
            pass

        return never()

    for task in (AsyncMock(), returns_a_coroutine):
        with pytest.raises(airlock.DispatchError, match="failed") as caught, airlock.scope():
            intent = airlock.enqueue(task)
        assert isinstance(caught.value.exceptions[0], airlock.IntentError)
        assert intent.state is State.FAILED


def test_what_cannot_be_called_is_refused_where_it_is_enqueued():
    """A string or a number is no inline effect, and the error says what to install."""
    with airlock.scope() as scope:
        for task in ("send_email", 3, None):
            with pytest.raises(airlock.IntentError, match="no installed plugin carries it"):
                airlock.enqueue(task)
        assert len(scope) == 0


def test_dispatch_options_are_unchanged(send):
    """The options travel to the executor as they were given."""
    options = {"countdown": 5, "queue": "low"}
    recorder = RecordingExecutor()
    with airlock.scope(executor=recorder):
        airlock.enqueue(send, 1, _dispatch_options=options)
        airlock.enqueue(send, 2)
        with pytest.raises(airlock.IntentError, match="mapping"):
            airlock.enqueue(send, 3, _dispatch_options="countdown")
    assert [intent.dispatch_options for intent in recorder] == [options, {}]


def test_ids_are_made_when_first_asked_for(send):
    """An id is known before anything leaves, is unique, and stays."""
    with airlock.scope():
        intents = [airlock.enqueue(send, number) for number in range(5)]
        ids = [intent.id for intent in intents]
    assert len(set(ids)) == 5
    assert [intent.id for intent in intents] == ids


def test_context_variables_of_the_enqueue_are_there_when_the_effect_runs():
    """A request id is that of the enqueue line, and the change made by an effect is its own."""
    from contextvars import ContextVar

    request: ContextVar[str] = ContextVar("request", default="none")
    seen = []

    def effect():
        seen.append(request.get())
        request.set("changed by an effect")

    with airlock.scope() as scope:
        for name in ("first", "second"):
            request.set(name)
            intent = airlock.enqueue(effect)
        request.set("at the flush")
        assert intent.run(request.get) == "second"
        assert intent.run(airlock.get_current_scope) is scope
    assert seen == ["first", "second"]
    assert request.get() == "at the flush"


def test_an_effect_runs_in_a_scope_inside_the_one_that_flushes(left):
    """The current scope of an effect is captured by the flush, not that of the enqueue."""
    seen = []

    def effect():
        seen.append(airlock.get_current_scope())

    with airlock.scope() as outer, airlock.scope() as inner:
        airlock.enqueue(effect)
    assert seen[0].parent is outer
    assert inner.phase is Phase.CAPTURED


def test_exits_out_of_order_restore_nothing_wrong(send, left):
    """Scopes that are left in the wrong order leave no scope current that has ended."""
    outer = airlock.scope(name="outer").enter()
    inner = airlock.scope(name="inner").enter()
    outer.exit()
    assert airlock.get_current_scope() is inner
    airlock.enqueue(send, 1)
    inner.exit()
    assert airlock.get_current_scope() is None
    assert left == [1]


def test_policy_blocks_out_of_order_restore_nothing_wrong(send, left):
    """A local policy that has ended does not come back when one inside it ends later."""
    with airlock.scope():
        first, second = airlock.policy(airlock.DropAll()), airlock.policy(airlock.AllowAll())
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        airlock.enqueue(send, 1)
    assert left == [1]


def test_a_policy_block_that_is_never_left_ends_with_its_scope(send, left):
    """What a body leaves open does not outlive the scope."""
    with airlock.scope() as outer:
        with airlock.scope():
            airlock.policy(airlock.DropAll()).__enter__()
        assert airlock.get_current_scope() is outer
        airlock.enqueue(send, 1)
    assert left == [1]


def test_the_exit_enum_and_phases_are_public():
    """An application can ask a scope where it stands."""
    assert airlock.scope().phase is Phase.NEW
    assert Exit.FLUSH is not Exit.DISCARD


def test_a_scope_is_true_also_when_empty():
    """`if scope:` asks whether there is one."""
    assert airlock.scope()


def test_public_names_say_airlock():
    """Tracebacks and reprs name what people import."""
    assert airlock.NoScopeError.__module__ == "airlock"
    assert airlock.enqueue.__module__ == "airlock"
    assert repr(airlock.NoScopeError()).startswith("NoScopeError")
    assert all(hasattr(airlock, name) for name in airlock.__all__)


def test_a_discarded_intent_says_why(send):
    """The outcome names the error's class, the plugin, or the reason that was given."""
    with pytest.raises(ZeroDivisionError), airlock.scope() as failed:
        raised = airlock.enqueue(send, 1)
        raise ZeroDivisionError("with a secret")
    with airlock.scope() as scope:
        given = airlock.enqueue(send, 2)
        scope.discard("a dry run")

    class Strict:
        @airlock.hookimpl
        def scope_exit(self):
            return airlock.Exit.DISCARD

    airlock.register(Strict(), "strict")
    with airlock.scope():
        vetoed = airlock.enqueue(send, 3)
    assert failed.phase is airlock.Phase.DISCARDED
    assert str(raised.outcome) == "discarded: ZeroDivisionError was raised"
    assert str(given.outcome) == "discarded: a dry run"
    assert str(vetoed.outcome) == "discarded by strict"
