"""An executor whose batches have a span each, and are measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import airlock
from airlock_core.executors import as_iterator, outcomes_of
from airlock_opentelemetry.batches import Batch

if TYPE_CHECKING:
    from airlock import Intent

_NO_MORE = object()


class TracedExecutor(airlock.ExecutorWrapper):
    """An executor whose batches are traced.

    Args:
        inner: the executor.
        begin: makes the batch of an executor and its intents.
    """

    def __init__(
        self, inner: Callable[[Intent], Any], begin: Callable[[Any, Sequence[Intent]], Batch]
    ) -> None:
        """Wrap."""
        super().__init__(inner)
        self._begin = begin

    def __call__(self, intent: Intent) -> Any:
        """Send one."""
        with self._begin(self.inner, [intent]) as batch, batch.current():
            return batch.note(self.inner(intent))

    def dispatch_many(self, intents: Sequence[Intent]) -> Any:
        """Send a run."""
        return (self._awaited if self.native_async else self._each)(intents)

    def _each(self, intents: Sequence[Intent]) -> Iterator[Any]:
        with self._begin(self.inner, intents) as batch:
            with batch.current():
                outcomes = as_iterator(self.inner, outcomes_of(self.inner, intents))
            while True:
                # Not current while an outcome is recorded: that is the flush's own.
                with batch.current():
                    outcome = next(outcomes, _NO_MORE)
                if outcome is _NO_MORE:
                    return
                yield batch.note(outcome)

    async def _awaited(self, intents: Sequence[Intent]) -> AsyncIterator[Any]:
        with self._begin(self.inner, intents) as batch:
            with batch.current():
                outcomes = outcomes_of(self.inner, intents)
                if not hasattr(outcomes, "__aiter__") and hasattr(outcomes, "__await__"):
                    outcomes = await outcomes
            if not hasattr(outcomes, "__aiter__"):
                for outcome in as_iterator(self.inner, outcomes):
                    yield batch.note(outcome)
                return
            arriving = aiter(outcomes)
            while True:
                with batch.current():
                    outcome = await anext(arriving, _NO_MORE)
                if outcome is _NO_MORE:
                    return
                yield batch.note(outcome)
