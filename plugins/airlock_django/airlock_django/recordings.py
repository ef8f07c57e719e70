"""Recordings: what a request has enqueued, and how long its batches took.

Nothing is measured unless `record()` was called: by the panel of the debug toolbar, or by the
application. Then each outermost scope keeps a recording of its own, which goes when it goes.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import airlock
from airlock import ExecutorWrapper, Intent, Scope, hookimpl, sync_executor
from airlock_core.executors import async_executor
from airlock_core.plugins import manager

_KEY = "_airlock_recording"


@dataclass(slots=True)
class Batch:
    """Intents that an executor was given together.

    Attributes:
        executor: what carried them.
        size: how many they were.
        began, ended: when it was given them and had reported the last, on the clock of
            `perf_counter()`; `ended` is None while it is at work.
    """

    executor: Any
    size: int
    began: float
    ended: float | None = None

    def end(self) -> None:
        """Note that it has reported everything it will."""
        self.ended = perf_counter()

    @property
    def milliseconds(self) -> float | None:
        """How long it took."""
        return None if self.ended is None else (self.ended - self.began) * 1000


class Recording:
    """What was enqueued in an outermost scope and those inside it.

    Attributes:
        intents: every intent, in the order of the enqueues, those of discarded scopes included.
    """

    __slots__ = ("_batches", "_enqueued", "intents")

    def __init__(self) -> None:
        """Start empty."""
        self.intents: list[Intent] = []
        self._enqueued: dict[int, float] = {}
        self._batches: dict[int, Batch] = {}

    def add(self, intent: Intent) -> None:
        """Note an `enqueue`."""
        self._enqueued[id(intent)] = perf_counter()
        self.intents.append(intent)

    def sent(self, intent: Intent, batch: Batch) -> None:
        """Note the batch that an intent is in; the last one counts, where it is sent again."""
        self._batches[id(intent)] = batch

    def batch(self, intent: Intent) -> Batch | None:
        """Return the batch that an intent left in, or None."""
        return self._batches.get(id(intent))

    def waited(self, intent: Intent) -> float | None:
        """Return how many milliseconds passed between its `enqueue` and its batch, or None."""
        batch, enqueued = self.batch(intent), self._enqueued.get(id(intent))
        return None if batch is None or enqueued is None else (batch.began - enqueued) * 1000


def recording_of(scope: Scope) -> Recording | None:
    """Return the recording of the outermost scope around `scope`, or None where nobody records."""
    recording: Recording | None = scope.root.__dict__.get(_KEY)
    return recording


class Recorder:
    """The plugin that records; `record()` registers it."""

    @hookimpl
    def intent_created(self, intent: Intent, scope: Scope) -> None:
        """Note each intent and its time."""
        scope.root.__dict__.setdefault(_KEY, Recording()).add(intent)

    @hookimpl(wrapper=True)
    def dispatch(self, intent: Intent) -> Generator[None, Any, Any]:
        """Measure the executor that was chosen."""
        executor = yield
        # As the core does with a plugin's answer, which it cannot recognise once it is wrapped.
        if executor is sync_executor and intent.is_coroutine and intent.scope.root.is_async:
            executor = async_executor
        # What is no executor is refused by the core, in the name of who chose it.
        return Measured(executor) if callable(executor) else executor


class Measured(ExecutorWrapper):
    """An executor whose batches are recorded."""

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Pass on, and note when the last outcome is there."""
        batch = Batch(self.inner, len(intents), perf_counter())
        for intent in intents:
            recording = recording_of(intent.scope)
            if recording is not None:
                recording.sent(intent, batch)
        try:
            outcomes = super().dispatch_many(intents)
        except BaseException:
            batch.end()
            raise
        # In its own kind: what is sent before the first outcome is asked for, and what can be
        # awaited, is different for each, and the flush goes by it.
        if isinstance(outcomes, AsyncIterator):
            return _aeach(outcomes, batch)
        if isinstance(outcomes, Iterator):
            return _each(outcomes, batch)
        if self.native_async and isinstance(outcomes, Awaitable):
            return _awaited(outcomes, batch)
        batch.end()
        return outcomes


def _each(outcomes: Iterator[Any], batch: Batch) -> Iterator[Any]:
    try:
        yield from outcomes
    finally:
        batch.end()


async def _aeach(outcomes: AsyncIterator[Any], batch: Batch) -> AsyncIterator[Any]:
    try:
        async for outcome in outcomes:
            yield outcome
    finally:
        batch.end()


async def _awaited(outcomes: Awaitable[Any], batch: Batch) -> Any:
    try:
        return await outcomes
    finally:
        batch.end()


recorder = Recorder()
_lock = threading.Lock()


def record() -> None:
    """Record every scope of this process from here on; asked again, it does nothing.

    Call it where the process starts, such as in `AppConfig.ready()`.
    """
    with _lock:
        if not any(plugin is recorder for _, plugin in manager):
            airlock.register(recorder, "airlock_django.recorder")
