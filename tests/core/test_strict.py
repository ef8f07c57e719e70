"""configure(strict=True): mistakes fail at their own enqueue line, and nothing changes later."""

from __future__ import annotations

from functools import partial

import pytest

import airlock
from airlock import IntentError
from airlock.testing import RecordingExecutor


@pytest.fixture(autouse=True)
def _strict():
    airlock.configure(strict=True)


def takes(first, second=2, *, third=3):
    """A task with a signature."""


class Owner:
    """Something with a method that is a task."""

    def method(self, value):
        """A task."""


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize(
    ("task", "args", "kwargs"),
    [
        (takes, (), {}),
        (takes, (1, 2, 3), {}),
        (takes, (1,), {"fourth": 4}),
        (takes, (1,), {"first": 1}),
        (partial(takes, 1, 2), (3,), {}),
        (Owner().method, (), {}),
    ],
)
def test_wrong_arguments_fail_at_the_enqueue(inner, task, args, kwargs):
    """Arity and names are checked where the mistake is, for every executor."""
    executor = RecordingExecutor() if inner else None
    with airlock.scope(executor=executor) as scope:
        with pytest.raises(IntentError, match="does not take these arguments") as caught:
            airlock.enqueue(task, *args, **kwargs)
        assert isinstance(caught.value, TypeError)
        assert len(scope) == 0


@pytest.mark.parametrize(
    ("task", "args", "kwargs"),
    [
        (takes, (1,), {}),
        (takes, (1, 2), {"third": 3}),
        (partial(takes, 1), (), {"second": 2}),
        (Owner().method, (1,), {}),
        (max, (1, 2), {}),
        (print, (), {"end": ""}),
        (lambda *args, **kwargs: None, (1, 2), {"three": 3}),
    ],
)
def test_right_arguments_pass(task, args, kwargs):
    """Whatever the task's signature accepts."""
    with airlock.scope():
        intent = airlock.enqueue(task, *args, **kwargs)
    assert intent.state is airlock.State.DISPATCHED


def test_without_strict_wrong_arguments_fail_at_the_flush():
    """The price of a check is paid only where it is asked for."""
    airlock.configure(strict=False)
    with pytest.raises(airlock.DispatchError, match="failed"), airlock.scope():
        airlock.enqueue(takes)


def test_an_argument_that_the_queue_cannot_take_fails_at_the_enqueue():
    """The executor of a plugin checks it, also where nobody named it."""

    class Json(RecordingExecutor):
        def check(self, intent):
            import json

            try:
                json.dumps([intent.args, intent.kwargs])
            except TypeError as error:
                raise IntentError(f"{intent.name}: {error}") from error

    class Claims:
        @airlock.hookimpl
        def dispatch(self, intent):
            return json_executor

    json_executor = Json()
    airlock.register(Claims())
    with airlock.scope():
        airlock.enqueue(takes, 1)
        with pytest.raises(IntentError, match="not JSON serializable"):
            airlock.enqueue(takes, object())


def test_what_is_changed_after_the_enqueue_does_not_change_what_is_sent():
    """A snapshot of lists, dictionaries, sets, byte arrays, and what is in them."""
    sent = []
    values = {"list": [1, [2]], "dict": {"a": {"b": [3]}}, "set": {4}, "bytes": bytearray(b"5")}
    with airlock.scope(executor=lambda intent: sent.append((intent.args[0], intent.kwargs))):
        airlock.enqueue(lambda *a, **k: None, values, **values)
        values["list"][1].append("changed")
        values["dict"]["a"]["b"].append("changed")
        values["set"].add("changed")
        values["bytes"].extend(b"changed")
        values["new"] = "changed"
    expected = {"list": [1, [2]], "dict": {"a": {"b": [3]}}, "set": {4}, "bytes": bytearray(b"5")}
    assert sent == [(expected, expected)]


def test_an_inline_effect_gets_the_very_object():
    """An object of the application is not copied for an effect that runs here; its list is."""
    given, seen = Owner(), []
    values = [given]
    with airlock.scope():
        airlock.enqueue(seen.append, values)
        values.clear()
    assert seen == [[given]]
    assert seen[0][0] is given


@pytest.mark.parametrize("wrap", [False, True])
def test_a_queue_gets_a_copy(wrap):
    """What a queue would serialize is copied as a whole; a wrapper around inline is inline."""
    given, sent = Owner(), []
    given.value = 1
    executor = RecordingExecutor()
    with airlock.scope(executor=airlock.ExecutorWrapper(executor) if wrap else executor):
        airlock.enqueue(takes, given)
        given.value = "changed"
    assert executor.intents[0].args[0].value == 1
    with airlock.scope(executor=airlock.ExecutorWrapper(airlock.sync_executor)):
        airlock.enqueue(sent.append, given)
    assert sent[0] is given


def test_what_cannot_be_copied_is_left_to_the_queue():
    """Locks, generators and objects with a broken deepcopy go as they are."""
    import threading

    class Broken:
        def __deepcopy__(self, memo):
            raise RuntimeError("no copy")

    given = [threading.Lock(), (number for number in range(3)), Broken()]
    recorder = RecordingExecutor()
    with airlock.scope(executor=recorder):
        airlock.enqueue(takes, given)
    assert all(a is b for a, b in zip(recorder.intents[0].args[0], given, strict=True))


@pytest.mark.parametrize("executor", [None, RecordingExecutor()])
def test_what_contains_itself_is_copied_as_it_is(executor):
    """Cycles and shared parts stay what they are."""
    cycle: list = [1]
    cycle.append(cycle)
    shared: dict = {}
    with airlock.scope(executor=executor):
        intent = airlock.enqueue(takes, cycle, [shared, shared])
        cycle[0] = shared["changed"] = "changed"
    copied = intent.args[0]
    assert copied[0] == 1
    assert copied[1] is copied
    assert intent.args[1][0] is intent.args[1][1] == {}


def test_pytest_is_strict():
    """The pytest plugin of airlock makes strict the default of a test run."""
    airlock.reset_configuration()
    assert airlock.get_configuration().strict is True
