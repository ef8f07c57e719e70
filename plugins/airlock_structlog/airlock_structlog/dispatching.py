"""What an executor was given and how long it took, told when it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import airlock
from airlock import Failure
from airlock_core.executors import as_iterator, async_executor, outcomes_of, sync_executor
from airlock_core.names import name_of
from airlock_core.plugins import manager
from airlock_structlog.context import shared
from airlock_structlog.logs import log

if TYPE_CHECKING:
    from airlock import Intent


class LoggedExecutor(airlock.ExecutorWrapper):
    """An executor whose batches are logged."""

    def __call__(self, intent: Intent) -> Any:
        """Send one, and log it."""
        batch = _Batch(self.inner, [intent])
        try:
            return batch.note(self.inner(intent))
        finally:
            batch.log()

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Send a run, and log it."""
        batch = _Batch(self.inner, intents)
        try:
            outcomes = outcomes_of(self.inner, intents)
        except BaseException:
            batch.log()
            raise
        # In the form in which they come: it says how much an interruption leaves uncertain.
        if hasattr(outcomes, "__aiter__"):
            return _each_awaited(batch, outcomes)
        if self.native_async and hasattr(outcomes, "__await__"):
            return _awaited(batch, outcomes)
        return _each(batch, as_iterator(self.inner, outcomes))


class _Batch:
    """A run of intents on its way."""

    def __init__(self, executor: Any, intents: Sequence[Intent]) -> None:
        self._executor, self._intents = executor, intents
        self._left: list[bool] = []
        self._start = perf_counter()

    def note(self, outcome: Any) -> Any:
        """Note the outcome of the next intent, and return it."""
        self._left.append(not isinstance(outcome, Failure))
        return outcome

    def log(self) -> None:
        """Log what has left; what has not is told when it is settled."""
        if any(self._left):
            took = perf_counter() - self._start
            log("info", "dispatch", lambda: self._fields(took))

    def _fields(self, took: float) -> dict[str, Any]:
        left = [intent for intent, left in zip(self._intents, self._left, strict=False) if left]
        return {
            **shared(left),
            "queue": queue_name(self._executor),
            "tasks": list(dict.fromkeys(intent.name for intent in left)),
            "ids": [intent.id for intent in left],
            "batch_size": len(self._intents),
            "latency_ms": round(took * 1000, 3),
        }


def _each(batch: _Batch, outcomes: Iterator[Any]) -> Iterator[Any]:
    try:
        for outcome in outcomes:
            yield batch.note(outcome)
    finally:
        batch.log()


async def _each_awaited(batch: _Batch, outcomes: AsyncIterator[Any]) -> AsyncIterator[Any]:
    try:
        async for outcome in outcomes:
            yield batch.note(outcome)
    finally:
        batch.log()


async def _awaited(batch: _Batch, outcomes: Awaitable[Any]) -> Iterator[Any]:
    return _each(batch, as_iterator(batch, await outcomes))


def queue_name(executor: Any) -> str:
    """Name an executor: as its plugin is registered, `inline`, or as itself is called."""
    if executor is sync_executor or executor is async_executor:
        return "inline"
    if isinstance(executor, airlock.ExecutorWrapper):
        return queue_name(executor.inner)
    for name, plugin in manager:
        if plugin is executor or (callable(plugin) and type(plugin) is type(executor)):
            return str(name)
    return name_of(executor)
