"""Executors: what carries an intent, which one is chosen, and what happens when it breaks."""

from __future__ import annotations

import pytest

import airlock
from airlock import (
    ConfigurationError,
    DispatchError,
    Executor,
    ExecutorError,
    ExecutorWrapper,
    Failure,
    IntentError,
    State,
)
from airlock.testing import RecordingExecutor
from airlock_core.executors import CAPABILITIES, sync_executor


def run(executor, count=3, task=print):
    """Enqueue some intents for an executor; return them and what was raised."""
    error = None
    try:
        with airlock.scope(executor=executor):
            intents = [airlock.enqueue(task, number) for number in range(count)]
    except DispatchError as raised:
        error = raised
    return intents, error


def states(intents):
    return [intent.state.name for intent in intents]


def test_any_callable_is_an_executor():
    """A function, a method or an instance takes an intent and returns the receipt."""
    intents, error = run(lambda intent: intent.args[0] * 10)
    assert error is None
    assert [intent.receipt for intent in intents] == [0, 10, 20]


def test_a_receipt_may_be_falsy_or_none():
    """None is a receipt as good as any: the intent was dispatched."""
    intents, error = run(lambda intent: None)
    assert error is None
    assert states(intents) == ["DISPATCHED"] * 3


def test_a_callable_that_raises_is_down_for_the_rest_of_the_flush():
    """A broker that fails is not tried again once per intent."""
    tried = []

    def down(intent):
        tried.append(intent.args[0])
        if intent.args[0] >= 1:
            raise ConnectionError("no broker")

    intents, error = run(down, 4)
    assert tried == [0, 1]
    assert states(intents) == ["DISPATCHED", "FAILED", "UNDELIVERED", "UNDELIVERED"]
    assert len(error.exceptions) == 1
    assert intents[3].outcome.error is error.exceptions[0]


def test_an_executor_that_is_down_stays_down_in_later_runs(send, left):
    """Runs of other executors between do not wake it, and are not stopped by it."""
    tried = []

    def down(intent):
        tried.append(intent.args[0])
        raise ConnectionError

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return down if intent.args[0] % 2 == 0 else None

    airlock.register(Choose())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        for value in range(6):
            airlock.enqueue(send, value)
    assert tried == [0]
    assert left == [1, 3, 5]
    assert len(caught.value.undelivered) == 2


def test_inline_effects_are_each_on_their_own(send, fail, left):
    """The failure of one function says nothing about the next."""
    with pytest.raises(DispatchError) as caught, airlock.scope():
        for value in range(4):
            airlock.enqueue(fail if value % 2 else send, value)
    assert left == [0, 2]
    assert len(caught.value.failed) == len(caught.value.exceptions) == 2


def test_a_stop_iteration_is_a_failure_as_any_other():
    """An executor that lets StopIteration escape has failed; the rest was not tried."""

    def stops(intent):
        if intent.args[0] == 1:
            return next(iter(()))
        return "sent"

    intents, error = run(stops)
    assert states(intents) == ["DISPATCHED", "FAILED", "UNDELIVERED"]
    assert isinstance(error.exceptions[0].__cause__, StopIteration)


class Many(Executor):
    """Answers a run with what `outcomes` makes of it."""

    supports_many = True

    def __init__(self, outcomes):
        self.outcomes = outcomes

    def dispatch_many(self, intents):
        return self.outcomes(intents)


def test_outcomes_are_in_the_order_of_the_intents():
    """Receipts and failures are those of the intents at their place; a failure stops nothing."""
    one, two = LookupError("one"), LookupError("two")
    intents, error = run(Many(lambda intents: ["r0", Failure(one), Failure(two, uncertain=True)]))
    assert states(intents) == ["DISPATCHED", "FAILED", "UNCERTAIN"]
    assert intents[0].receipt == "r0"
    assert error.exceptions == (one, two)
    assert (error.failed, error.uncertain) == ((intents[1],), (intents[2],))


def test_raising_fails_the_first_unreported_and_leaves_the_rest():
    """A generator that raises has reported what it yielded before."""

    def outcomes(intents):
        yield "r0"
        raise ConnectionError

    intents, _ = run(Many(outcomes), 4)
    assert states(intents) == ["DISPATCHED", "FAILED", "UNDELIVERED", "UNDELIVERED"]


@pytest.mark.parametrize("answer", [[], ["r0"], None, 7])
def test_a_lost_outcome_is_uncertain(answer):
    """Fewer outcomes than intents, or none: nobody knows what left, so nothing is sent again."""
    intents, error = run(Many(lambda intents: answer))
    reported = len(answer) if isinstance(answer, list) else 0
    assert states(intents) == ["DISPATCHED"] * reported + ["UNCERTAIN"] * (3 - reported)
    assert isinstance(error.exceptions[0], ExecutorError)
    assert "one outcome per intent" in str(error.exceptions[0])
    error.retry()
    assert states(intents)[2] == "UNCERTAIN"


def test_a_generator_runs_to_its_end():
    """What an executor does after its last outcome, such as leaving a pipeline, is done."""
    log = []

    def outcomes(intents):
        try:
            yield from (intent.args[0] for intent in intents)
            log.append("pipeline executed")
        except BaseException:
            log.append("pipeline reset")
            raise

    _, error = run(Many(outcomes))
    assert error is None
    assert log == ["pipeline executed"]


def test_an_error_after_the_last_outcome_is_raised():
    """What was reported stays reported, and the error is told."""

    def outcomes(intents):
        yield from (intent.args[0] for intent in intents)
        raise ConnectionError("at the end")

    intents, error = run(Many(outcomes))
    assert states(intents) == ["DISPATCHED"] * 3
    assert "at the end" in str(error.exceptions[0])


def test_a_coroutine_is_no_receipt():
    """An executor that returns a coroutine in a plain scope has sent nothing, and it is said."""

    async def later():
        pass

    intents, error = run(lambda intent: later())
    assert set(states(intents)) == {"FAILED"}
    assert "async with" in str(error.exceptions[0])


def test_an_async_dispatch_many_must_say_so():
    """Without native_async it would never be awaited; the error says what to set."""

    class Forgot(Executor):
        async def dispatch_many(self, intents):
            return ["sent"] * len(intents)

    intents, error = run(Forgot())
    assert states(intents) == ["FAILED", "UNDELIVERED", "UNDELIVERED"]
    assert "native_async = True" in str(error.exceptions[0])


def test_a_failure_may_be_a_subclass():
    """An executor's own kind of Failure is a failure."""

    class Mine(Failure):
        pass

    intents, _ = run(Many(lambda intents: [Mine(LookupError())] * len(intents)))
    assert states(intents) == ["FAILED"] * 3


def test_an_executor_with_a_strange_eq_is_used():
    """Grouping compares executors; one that cannot be compared loses nothing."""

    class Strange(RecordingExecutor):
        def __eq__(self, other):
            raise RuntimeError("never compare me")

        __hash__ = None  # type: ignore[assignment]

    executor = Strange()
    _, error = run(executor)
    assert error is None
    assert len(executor) == 3


# The choice


class Route:
    """A plugin that claims tasks by their name."""

    def __init__(self, **routes):
        self.routes = routes

    @airlock.hookimpl
    def dispatch(self, intent):
        return self.routes.get(getattr(intent.task, "__name__", ""))


def test_the_plugin_that_claims_the_task_carries_it(send, left):
    """Without an explicit executor, each task goes home, and what nobody claims runs here."""
    mine = RecordingExecutor()
    airlock.register(Route(print=mine))
    with airlock.scope():
        airlock.enqueue(print, 1)
        airlock.enqueue(send, 2)
    assert (mine.names, left) == (["builtins.print"], [2])


def test_the_first_plugin_that_claims_it_wins(send):
    """The one registered last is asked first."""
    first, last = RecordingExecutor(), RecordingExecutor()
    airlock.register(Route(send=first))
    airlock.register(Route(send=last))
    with airlock.scope():
        airlock.enqueue(send, 1)
    assert (len(first), len(last)) == (0, 1)


def test_an_explicit_or_configured_executor_outranks_the_plugins(send):
    """scope(executor=) first, then configure(executor=), then who claims the task."""
    explicit, configured, claims = (RecordingExecutor() for _ in range(3))
    airlock.register(Route(send=claims))
    with airlock.scope():
        airlock.enqueue(send, 1)
    airlock.configure(executor=configured)
    with airlock.scope():
        airlock.enqueue(send, 2)
    with airlock.scope(executor=explicit):
        airlock.enqueue(send, 3)
    assert [len(e) for e in (claims, configured, explicit)] == [1, 1, 1]


def test_a_plugin_that_is_an_executor_has_its_name():
    """executor="file" is the plugin that is registered as "file"."""
    recorder = RecordingExecutor()
    airlock.register(recorder, "file")
    with airlock.scope(executor="file"):
        airlock.enqueue(print, 1)
    airlock.configure(executor="file")
    with airlock.scope():
        airlock.enqueue(print, 2)
    assert len(recorder) == 2


def test_sync_is_the_name_of_running_here(left):
    """executor="sync" runs inline what a plugin would claim."""
    airlock.register(Route(append=RecordingExecutor()))
    with airlock.scope(executor="sync"):
        airlock.enqueue(left.append, 1)
    assert left == [1]
    assert airlock.sync_executor is sync_executor


def test_an_unknown_name_lists_those_there_are():
    """The message lists the installed executors and says what to install."""
    airlock.register(RecordingExecutor(), "file")
    airlock.register(Route(), "no executor")
    with pytest.raises(ConfigurationError, match=r"named 'rq'.*There are: file, sync.*airlock-rq"):
        airlock.scope(executor="rq")
    with pytest.raises(ConfigurationError, match="no installed plugin is an executor"):
        airlock.configure(executor="no executor")


class Picky(RecordingExecutor):
    """Carries print alone."""

    def check(self, intent):
        if intent.task is not print:
            raise IntentError(f"{intent.name} is no task of mine")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("where", ["scope", "configured", "outer"])
def test_an_explicit_executor_refuses_at_the_enqueue(send, left, strict, where):
    """What it cannot carry raises at the line, and never runs inline in silence."""
    picky = Picky()
    airlock.configure(strict=strict, executor=picky if where == "configured" else None)
    outer = picky if where == "outer" else None
    inner = picky if where == "scope" else None
    with airlock.scope(executor=outer), airlock.scope(executor=inner):
        airlock.enqueue(print)
        with pytest.raises(IntentError, match="no task of mine"):
            airlock.enqueue(send, 1)
    assert left == []
    assert len(picky) == 1


def test_an_executor_that_claims_a_task_checks_it_where_strict(send):
    """configure(strict=True) checks at the enqueue also where nobody named the executor."""
    airlock.register(Route(send=Picky()))
    airlock.configure(strict=True)
    with airlock.scope(), pytest.raises(IntentError, match="no task of mine"):
        airlock.enqueue(send, 1)


def test_an_executor_of_ones_own_class_must_say_how_it_sends():
    """An Executor without __call__ and dispatch_many fails with a sentence."""

    class Empty(Executor):
        pass

    _, error = run(Empty())
    assert "must define __call__" in str(error.exceptions[0])


def test_an_executor_needs_only_call():
    """dispatch_many is there by default."""

    class Simple(Executor):
        def __call__(self, intent):
            return intent.args[0]

    intents, _ = run(Simple())
    assert [intent.receipt for intent in intents] == [0, 1, 2]


# Wrappers


class Logs(ExecutorWrapper):
    """Sees every run and its outcomes."""

    log: list = []

    def dispatch_many(self, intents):
        outcomes = list(super().dispatch_many(intents))
        self.log.append((type(self.inner).__name__, len(intents), outcomes))
        return outcomes


class Wraps:
    """A plugin around the choice of every executor."""

    @airlock.hookimpl(wrapper=True)
    def dispatch(self, intent):
        return Logs((yield))


@pytest.fixture
def log():
    Logs.log = []
    airlock.register(Wraps())
    return Logs.log


def test_a_wrapper_sees_the_explicit_choice(log):
    """A dispatch wrapper runs around the explicit executor, too, and runs still group."""
    recorder = RecordingExecutor()
    intents, _ = run(recorder)
    assert log == [("RecordingExecutor", 3, [intent.id for intent in intents])]
    assert len(recorder) == 3


def test_a_wrapper_sees_inline_effects(log, send, left):
    """What runs here is seen as well."""
    with airlock.scope():
        airlock.enqueue(send, 1)
        airlock.enqueue(send, 2)
    assert log == [("SyncExecutor", 2, [1, 2])]
    assert left == [1, 2]


def test_a_wrapped_executor_that_is_down_is_down_once(log):
    """Two wrappers around the same executor are equal: it is not tried again in a later run."""
    tried = []

    def down(intent):
        tried.append(intent.args[0])
        raise ConnectionError

    other = RecordingExecutor()

    class Choose:
        @airlock.hookimpl
        def dispatch(self, intent):
            return other if intent.args[0] == 1 else down

    airlock.register(Choose())
    with pytest.raises(DispatchError) as caught, airlock.scope():
        for value in range(4):
            airlock.enqueue(print, value)
    assert tried == [0]
    assert len(caught.value.undelivered) == 2
    assert len(other) == 1


def test_plan_shows_the_wrapped_choice(log, send):
    """The dry run asks the wrapper as the flush does."""
    with airlock.scope() as scope:
        airlock.enqueue(send, 1)
        (planned,) = scope.plan()
        assert isinstance(planned.executor, Logs)
        scope.discard()


def test_a_wrapper_has_the_capabilities_and_the_equality_of_what_it_wraps():
    """Capabilities and checks pass through; class and wrapped executor decide equality."""

    class Everything(RecordingExecutor):
        supports_many = supports_client_id = supports_meta = transactional = True

        def joins(self, intent):
            return False

    inner = Everything()
    one, two = Logs(inner), Logs(inner)
    assert one == two
    assert hash(one) == hash(two)
    assert one != ExecutorWrapper(inner)
    assert one != Logs(RecordingExecutor())
    assert {name: getattr(one, name) for name in CAPABILITIES} == {
        name: getattr(inner, name) for name in CAPABILITIES
    }
    assert one.joins(object()) is False
    assert "Logs around" in repr(one)
    with airlock.scope(executor=Logs(Picky())), pytest.raises(IntentError):
        airlock.enqueue(len, 1)


def test_a_wrapper_around_what_must_be_awaited_must_be_awaited():
    """A coroutine function wrapped is refused in a plain scope, not returned as a receipt."""

    async def sends(intent):
        return "sent"

    with airlock.scope(executor=ExecutorWrapper(sends)):
        with pytest.raises(IntentError, match="async with"):
            airlock.enqueue(print, 1)


def test_an_executor_is_shown_by_its_class():
    """Messages name executors."""
    assert repr(RecordingExecutor()) == "<airlock executor RecordingExecutor>"
    assert State.DISPATCHED.value == "dispatched"


class QueueTask:
    """A task of a queue: its class knows how to send it."""

    def __call__(self):
        raise AssertionError("it must not run here")

    def delay(self):
        """Send it."""


@pytest.mark.parametrize("strict", [True, False])
def test_a_task_of_a_queue_whose_plugin_is_missing_is_refused(strict):
    """Nothing falls back to running inline in silence: the enqueue says what to install."""
    airlock.configure(strict=strict)
    with airlock.scope() as scope:
        with pytest.raises(airlock.IntentError, match="Install the plugin of its queue"):
            airlock.enqueue(QueueTask())
    assert len(scope) == 0


def test_a_task_of_a_queue_can_be_run_here_on_purpose():
    """`executor=sync_executor` says so."""
    with (
        airlock.scope(executor=airlock.sync_executor) as scope,
        pytest.raises(airlock.DispatchError),
    ):
        airlock.enqueue(QueueTask())
        scope.flush()
    assert scope.intents[0].state is airlock.State.FAILED  # it ran, and says that it must not
