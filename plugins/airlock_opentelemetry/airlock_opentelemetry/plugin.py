"""The plugin: lets traces travel with intents, and tells spans and metrics what became of them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Generator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import airlock
from airlock import Phase
from airlock_opentelemetry.batches import Batch
from airlock_opentelemetry.dispatching import TracedExecutor
from airlock_opentelemetry.flushes import MOST, Flush, Flushes
from airlock_opentelemetry.instruments import Instruments
from airlock_opentelemetry.propagator import TracePropagator

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from airlock import Intent, Scope


logger = logging.getLogger("airlock")


class OpenTelemetryPlugin(TracePropagator, airlock.Observer):
    """Traces and measures what intents do, where an SDK is set up; otherwise does nothing.

    Args:
        tracer_provider: whose spans they are; by default the global one's.
        meter_provider: whose metrics they are; by default the global one's.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Begin."""
        super().__init__(Instruments(tracer_provider, meter_provider))
        self._flushes = Flushes(self._instruments)
        self._made: WeakKeyDictionary[Intent, float] = WeakKeyDictionary()
        self._last: TracedExecutor | None = None

    @airlock.hookimpl(trylast=True)
    def intent_created(self, intent: Intent) -> None:
        """Let the trace travel with the intent, and tell the current span of it."""
        try:
            super().intent_created(intent)
            if self._instruments.serve(intent.scope):
                self._tell(intent)
        except Exception:  # an application's own propagator, or processor of spans
            logger.exception("no trace travels with %r", intent)

    def _tell(self, intent: Intent) -> None:
        from opentelemetry.trace import get_current_span

        if self._instruments.measuring:
            self._made[intent] = perf_counter()
        span = get_current_span()
        if span.is_recording() and len(intent.scope) < MOST:
            attributes = {"airlock.task": intent.name, "airlock.origin": intent.origin}
            span.add_event("airlock.intent_created", attributes)

    @airlock.hookimpl(wrapper=True)
    def dispatch(self, intent: Intent, scope: Scope) -> Generator[None, Any, Any]:
        """Put around the executor that was chosen what traces its batches."""
        executor = yield
        if not callable(executor) or not self._instruments.serve(scope):
            return executor
        if scope.phase is Phase.FLUSHING:
            try:
                self._flushes.begin(scope, intent)
            except Exception:
                logger.exception("the flush of %r has no span", scope)
        last = self._last
        if last is None or last.inner is not executor:
            # Kept, since most intents go where the one before went.
            last = self._last = TracedExecutor(executor, self._begin)
        return last

    def _begin(self, executor: Any, intents: Sequence[Intent]) -> Batch:
        batch = Batch(intents)
        try:
            flush = self._flushes.span_of(airlock.get_current_scope())
            made = self._made.get(intents[0])
            waited = None if made is None else perf_counter() - made
            batch.begin(self._instruments, flush, executor, waited)
        except Exception:
            logger.exception("a batch of %r has no span", executor)
        return batch

    def settled(self, scope: Scope, intents: Sequence[Intent]) -> None:
        """Count what became of the intents, and end the span of the flush."""
        if not self._instruments.serve(scope):
            return
        flush = self._flushes.end(scope)
        if self._instruments.measuring:
            self._instruments.buffer_size.record(len(intents))
            if flush is not None:
                self._instruments.flush_duration.record(flush.seconds)
            counts = Counter((intent.name, intent.state.value) for intent in intents)
            for (task, outcome), count in counts.items():
                attributes = {"airlock.task": task, "airlock.outcome": outcome}
                self._instruments.intents.add(count, attributes)
        if flush is None and self._instruments.tracing:
            flush = Flush(self._instruments, intents)  # nothing has left: say why
        if flush is not None:
            flush.end(scope, intents)


#: The one that entry point `opentelemetry` registers.
opentelemetry_plugin = OpenTelemetryPlugin()
