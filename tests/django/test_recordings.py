"""A recorder measures what a request sends, and changes nothing of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

import airlock
from airlock import Executor
from airlock_django.recordings import record, recorder
from airlock_django.reports import IntentReport


def welcome(user: object = None) -> None:
    """An effect."""


def audit() -> None:
    """Another effect."""


def _reported(scope: airlock.Scope) -> list[IntentReport]:
    reports: list[IntentReport] = scope.report  # type: ignore[attr-defined]
    return reports


@pytest.fixture
def recorded() -> Iterator[None]:
    """Every scope of this process is recorded."""
    record()
    yield
    airlock.unregister(recorder)


def test_nothing_is_measured_unless_somebody_records() -> None:
    """Without a recorder there are no times, and nothing is kept with the scope."""
    with airlock.scope() as scope:
        airlock.enqueue(welcome)

    (entry,) = _reported(scope)
    assert (entry.waited, entry.took, entry.batch) == (None, None, None)
    assert not any("recording" in name for name in vars(scope))


@pytest.mark.usefixtures("recorded")
def test_a_recorder_measures_the_wait_and_the_batch() -> None:
    """With a recorder, one knows how long each waited, and how long its batch took."""
    record()  # asked again, it does nothing

    def slow(intent: airlock.Intent) -> str:
        time.sleep(0.02)
        return "receipt"

    with airlock.scope(executor=slow) as scope:
        airlock.enqueue(welcome)
        time.sleep(0.02)
        airlock.enqueue(audit)

    first, second = _reported(scope)
    assert first.waited is not None
    assert first.took is not None
    assert second.waited is not None
    assert first.waited > max(20, second.waited)
    assert first.took > 40
    assert first.took == second.took
    assert (first.batch, first.executor) == (
        2,
        "test_a_recorder_measures_the_wait_and_the_batch.<locals>.slow",
    )


@pytest.mark.usefixtures("recorded")
def test_a_recorder_knows_what_an_inner_scope_discarded() -> None:
    """What an inner scope discarded never came to the request's scope, and is in its report."""
    with airlock.scope(name="request") as scope:
        airlock.enqueue(welcome)
        with pytest.raises(ZeroDivisionError), airlock.scope(name="attempt"):
            airlock.enqueue(audit)
            raise ZeroDivisionError

    outer, inner = _reported(scope)
    assert (outer.state, outer.scope, outer.nested) == ("dispatched", "request", False)
    assert (inner.state, inner.scope, inner.nested) == ("discarded", "attempt", True)
    assert inner.reason == "ZeroDivisionError was raised"


@pytest.mark.usefixtures("recorded")
def test_what_was_refused_at_its_line_is_no_intent() -> None:
    """An intent that a plugin refuses after it was recorded was never accepted, nor is reported."""
    refuser = SimpleNamespace()

    def intent_created(intent: airlock.Intent) -> None:
        if intent.task is audit:
            raise airlock.PolicyViolation("not here")

    refuser.intent_created = airlock.hookimpl(trylast=True)(intent_created)
    airlock.register(refuser, "refuser")
    try:
        with airlock.scope() as scope:
            airlock.enqueue(welcome)
            with pytest.raises(airlock.PolicyViolation):
                airlock.enqueue(audit)
    finally:
        airlock.unregister(refuser)

    assert [entry.task for entry in _reported(scope)] == [f"{__name__}.welcome"]


class Listed(Executor):
    """Sends all at once when it is called, as a pipeline does."""

    def dispatch_many(self, intents: Any) -> Any:
        """Send."""
        time.sleep(0.01)
        return [intent.name for intent in intents]


class Awaited(Listed):
    """Sends all at once when it is awaited."""

    native_async = True

    async def dispatch_many(self, intents: Any) -> Any:
        """Send."""
        await asyncio.sleep(0.01)
        return [intent.name for intent in intents]


class Streamed(Awaited):
    """Sends one by one, each awaited."""

    async def dispatch_many(self, intents: Any) -> Any:
        """Send."""
        for intent in intents:
            await asyncio.sleep(0.01)
            yield intent.name


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("kind", [Listed, Awaited, Streamed])
def test_every_kind_of_executor_can_be_measured(kind: type[Executor]) -> None:
    """Whether it returns a list, must be awaited, or is an async generator: outcome and time."""

    async def work() -> airlock.Scope:
        async with airlock.scope(executor=kind()) as scope:
            airlock.enqueue(welcome)
            airlock.enqueue(audit)
        return scope

    scope = asyncio.run(work())

    for entry in _reported(scope):
        assert (entry.state, entry.batch, entry.executor) == ("dispatched", 2, kind.__name__)
        assert entry.took is not None
        assert entry.took > 9


class Interrupted(Listed):
    """Is interrupted while everything is on its way."""

    def dispatch_many(self, intents: Any) -> Any:
        """Fail as Ctrl-C does."""
        raise KeyboardInterrupt


@pytest.mark.parametrize("recording", [False, True])
def test_to_measure_changes_no_outcome(request: Any, recording: bool) -> None:
    """An executor that is stopped in the middle leaves the same outcomes, measured or not."""
    if recording:
        request.getfixturevalue("recorded")

    with pytest.raises(KeyboardInterrupt), airlock.scope(executor=Interrupted()) as scope:
        airlock.enqueue(welcome)
        airlock.enqueue(audit)

    assert [entry.state for entry in _reported(scope)] == ["uncertain", "uncertain"]
    assert all((entry.took is not None) is recording for entry in _reported(scope))


class Inline:
    """A plugin that has everything run here."""

    @airlock.hookimpl
    def dispatch(self, intent: airlock.Intent) -> Any:
        """Answer for every intent."""
        return airlock.sync_executor


@pytest.mark.parametrize("recording", [False, True])
def test_an_async_effect_that_a_plugin_has_run_here_is_awaited(
    request: Any, recording: bool
) -> None:
    """Measured or not, `sync_executor` as a plugin's answer awaits an `async def`."""
    if recording:
        request.getfixturevalue("recorded")
    inline = Inline()
    airlock.register(inline)

    async def effect() -> None:
        await asyncio.sleep(0)

    async def work() -> airlock.Scope:
        async with airlock.scope() as scope:
            airlock.enqueue(effect)
        return scope

    try:
        scope = asyncio.run(work())
    finally:
        airlock.unregister(inline)

    assert [entry.state for entry in _reported(scope)] == ["dispatched"]


@pytest.mark.usefixtures("recorded")
def test_what_is_sent_again_has_the_times_of_the_last_time() -> None:
    """After a retry, the report has the batch in which an intent left."""
    answers = iter([ConnectionError, "receipt"])

    def flaky(intent: airlock.Intent) -> str:
        answer = next(answers, "receipt")
        if answer is ConnectionError:
            raise ConnectionError
        time.sleep(0.01)
        return str(answer)

    with pytest.raises(airlock.DispatchError) as failed, airlock.scope(executor=flaky) as scope:
        airlock.enqueue(welcome)
        airlock.enqueue(audit)
    failed.value.retry()

    for entry in _reported(scope):
        assert (entry.state, entry.batch) == ("dispatched", 2)
        assert entry.took is not None
        assert entry.took > 19


@pytest.mark.usefixtures("recorded")
def test_threads_share_a_recording() -> None:
    """What threads enqueue at the same time is in the report, each intent once."""
    with airlock.scope() as scope, ThreadPoolExecutor(8) as pool:
        list(pool.map(airlock.carry(lambda number: airlock.enqueue(welcome, number)), range(800)))

    assert len(_reported(scope)) == 800
    assert {(entry.state, entry.batch) for entry in _reported(scope)} == {("dispatched", 800)}
