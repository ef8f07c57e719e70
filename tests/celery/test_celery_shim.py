"""`LegacyTaskShim`: tasks that are migrated one by one."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator

import pytest
from celery import group

import airlock
import airlock.testing
from airlock import NoScopeError, State
from airlock.integrations.celery import LegacyTaskShim
from celery_messages import sent


@pytest.fixture
def old(app):
    @app.task(shared=False, name="shop.old", base=LegacyTaskShim)
    def old(number=0, extra=None):
        return number

    return old


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Every call warns; the tests about that say so themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def next_line() -> str:
    """`file.py:line` of the line after the caller's."""
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno + 1}"


def test_delay_becomes_an_intent(broker, old):
    """In a scope `.delay()` is held, warns, and returns the result that the worker will fill."""
    with airlock.scope() as scope:
        with pytest.warns(DeprecationWarning, match=r"airlock\.enqueue\(old"):
            result = old.delay(1, extra="x")
        assert sent(broker) == []

    (message,) = sent(broker)
    assert (message.args, message.kwargs) == ([1], {"extra": "x"})
    assert message.id == result.id == scope.intents[0].id


def test_apply_async_in_each_form(broker, old):
    """Arguments may be given to `apply_async` by position or by name, options unchanged."""
    with airlock.scope():
        old.apply_async()
        old.apply_async((1,))
        old.apply_async([2], {"extra": "x"})
        old.apply_async(args=(3,), kwargs={"extra": "y"}, queue="slow")
        old.apply_async((4,), None, "chosen-id")
        old.apply_async((5,), {}, "other-id", None, None, None, "shadow name")

    assert [m.args for m in sent(broker)] == [[], [1], [2], [4], [5]]
    assert [m.args for m in sent(broker, "slow")] == [[3]]
    assert [m.id for m in sent(broker)[-2:]] == ["chosen-id", "other-id"]
    assert sent(broker)[-1].headers["shadow"] == "shadow name"


def test_a_scope_is_needed(broker, old):
    """Outside any scope it raises, names the line, and says how to get one."""
    with pytest.raises(NoScopeError, match=r"with airlock\.scope\(\)") as caught:
        here = next_line()
        old.delay(1)

    assert here in str(caught.value)
    assert sent(broker) == []


def test_the_warning_and_the_origin_are_the_callers_line(old):
    """Both point at the line that has to change, and at none of Celery's."""
    with airlock.scope() as scope:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            here = next_line()
            old.delay(1)
        scope.discard()

    assert [f"{w.filename}:{w.lineno}" for w in caught] == [here]
    assert scope.intents[0].origin.startswith(here)


def test_each_line_warns_once(old):
    """A loop warns once, as Python's default filter has it; two lines warn twice."""
    with airlock.scope() as scope:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            for number in range(3):
                old.delay(number)
                old.apply_async((number,))
        scope.discard()

    assert len(scope) == 6
    assert len(caught) == 2


def test_a_signature_of_it_is_held_too(broker, old):
    """`.s().delay()` and `.s().apply_async()` come through the task, with everything merged."""
    with airlock.scope() as scope:
        result = old.s(1).set(queue="slow").delay()
        assert len(scope) == 1

    assert [(m.args, m.id) for m in sent(broker, "slow")] == [([1], result.id)]


def test_enqueueing_it_does_not_warn(broker, old):
    """New code may enqueue the same task, and airlock's own publishing never meets the shim."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with airlock.scope():
            intent = airlock.enqueue(old, 1)

    assert intent.state is State.DISPATCHED
    assert len(sent(broker)) == 1


def test_warnings_as_errors_reach_the_caller(broker, old):
    """With `-W error` the call raises at its line and holds nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with airlock.scope() as scope:
            with pytest.raises(DeprecationWarning):
                old.delay(1)
            assert len(scope) == 0


def test_wrong_arguments_raise_where_celery_raises(old):
    """`.delay()` with arguments that the task does not take is a TypeError at that line."""
    airlock.configure(strict=False)
    try:
        with airlock.scope():
            with pytest.raises(TypeError, match=r"shop\.old"):
                old.delay(1, 2, 3)
            with pytest.raises(TypeError, match="list or a tuple"):
                old.apply_async("text")
    finally:
        airlock.reset_configuration()


def test_changing_an_argument_afterwards_changes_nothing(broker, old):
    """Celery encodes at the call; so the intent holds what was given at the call."""
    airlock.configure(strict=False)
    basket = {"items": [1]}
    try:
        with airlock.scope():
            old.delay(basket)
            basket["items"].append(2)
    finally:
        airlock.reset_configuration()

    assert sent(broker)[0].args == [{"items": [1]}]


def test_it_works_with_every_executor(old):
    """With `executor="sync"` the task runs at the scope's end; any other gets it as it is."""
    recorder = airlock.testing.RecordingExecutor()
    with airlock.scope(executor=recorder):
        old.delay(1)
    with airlock.scope(executor="sync") as scope:
        old.delay(2)

    assert recorder.calls == [(old, (1,), {})]
    assert scope.intents[0].receipt == 2


def test_a_shim_with_an_own_base(app, broker):
    """`class Task(LegacyTaskShim, OwnTask)`: what OwnTask does happens at the real publish."""
    calls = []

    class OwnTask(app.Task):
        def apply_async(self, args=None, kwargs=None, **options):
            calls.append(args)
            return super().apply_async(args, kwargs, **options)

    class Both(LegacyTaskShim, OwnTask):
        pass

    @app.task(shared=False, name="shop.both", base=Both)
    def both(number): ...

    with airlock.scope():
        both.delay(1)
        assert calls == []

    assert calls == [(1,)]
    assert len(sent(broker)) == 1


def test_groups_and_own_producers_are_held(app, broker, old):
    """The members of a group are held, and so is a call with a producer of its own."""
    with airlock.scope() as scope:
        result = group(old.s(1), old.s(2), app=app).apply_async()
        with app.producer_or_acquire() as producer:
            old.apply_async((3,), producer=producer)
        assert sent(broker) == []
        assert len(scope) == 3

    assert [m.args for m in sent(broker)] == [[1], [2], [3]]
    assert [m.id for m in sent(broker)][:2] == [part.id for part in result.results]


def test_a_group_needs_a_scope_too(app, broker, old):
    """Its members are not sent past the shim where there is no scope."""
    with pytest.raises(airlock.NoScopeError):
        group(old.s(1), app=app).apply_async()

    assert sent(broker) == []
