"""A batch on its way: its span, its size, and how long its oldest intent has waited."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import airlock
from airlock import Failure
from airlock_core.executors import async_executor, sync_executor
from airlock_core.names import name_of
from airlock_core.plugins import manager
from airlock_opentelemetry.flushes import links_to, parent_of
from airlock_opentelemetry.propagator import KEY

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from airlock import Intent
    from airlock_opentelemetry.instruments import Instruments

logger = logging.getLogger("airlock")

#: What is not sent, but run in this process.
INLINE = "inline"
# The attribute of a receipt that names its queue: a message of Dramatiq's, a job of RQ's.
_TELLS_ITS_QUEUE = {"dramatiq": "queue_name", "rq": "origin"}


class Batch:
    """Intents that an executor is given together.

    Nothing that goes wrong with a span or a metric keeps them back: it is logged.

    Args:
        intents: the intents.
    """

    def __init__(self, intents: Sequence[Intent]) -> None:
        """Begin without a span."""
        self._intents = intents
        self._left = self._uncertain = 0
        self._queue_names: set[str] = set()
        self._error: BaseException | None = None
        self._span: Span | None = None
        self._system = INLINE

    def begin(
        self, instruments: Instruments, flush: Span | None, executor: Any, waited: float | None
    ) -> None:
        """Begin its span, and measure it.

        Args:
            instruments: what measures.
            flush: the span of the flush, if there is one.
            executor: what sends it.
            waited: how many seconds the first of the intents has waited, if that is known.
        """
        self._system = system_of(executor)
        if instruments.tracing:
            self._span = _started(instruments, flush, self._system, self._intents)
        if instruments.measuring:
            attributes = {"messaging.system": self._system}
            instruments.batch_size.record(len(self._intents), attributes)
            if waited is not None:
                instruments.buffered_duration.record(waited, attributes)

    def current(self) -> AbstractContextManager[Any]:
        """Make its span the current one, for what the libraries below do."""
        return _nothing() if self._span is None else _current(self._span)

    def note(self, outcome: Any) -> Any:
        """Note the outcome of the next intent, and return it."""
        if isinstance(outcome, Failure):
            self._error = self._error or outcome.error
            self._uncertain += outcome.uncertain
        else:
            self._left += 1
            if self._span is not None and self._system in _TELLS_ITS_QUEUE:
                self._queue_names.add(getattr(outcome, _TELLS_ITS_QUEUE[self._system], ""))
        return outcome

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span; an error is the batch's own."""
        if self._span is None:
            return
        if not isinstance(exc, GeneratorExit):
            self._error = self._error or exc
        try:
            if self._span.is_recording():
                self._describe(self._span)
            self._span.end()
        except Exception:
            logger.exception("the span of a batch could not be ended")

    def _describe(self, span: Span) -> None:
        from opentelemetry.trace import Status, StatusCode

        rest = len(self._intents) - self._left
        outcome = "dispatched" if not rest else "uncertain" if self._uncertain else "failed"
        span.set_attributes({"airlock.outcome": outcome, "airlock.intents.dispatched": self._left})
        if len(self._queue_names) == 1:
            span.set_attribute("messaging.destination.name", min(self._queue_names))
        if self._error is not None:
            # The class alone: a message may hold the password in a broker's address.
            error = type(self._error).__qualname__
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, error))


def _started(
    instruments: Instruments, flush: Span | None, system: str, intents: Sequence[Intent]
) -> Span:
    from opentelemetry import trace

    attributes: dict[str, AttributeValue] = {
        "messaging.batch.message_count": len(intents),
        "airlock.tasks": sorted({intent.name for intent in intents})[:10],
    }
    if system != INLINE:
        attributes |= {"messaging.system": system, "messaging.operation.type": "send"}
        for intent in intents:
            if intent.has_meta and KEY in intent.meta:  # for the span of its job
                intent.meta[KEY] |= {"system": system, "id": intent.id}
        queues = [intent.dispatch_options.get("queue") for intent in intents]
        names = {queue for queue in queues if isinstance(queue, str)}
        if len(names) == 1 and all(isinstance(queue, str) for queue in queues):
            attributes["messaging.destination.name"] = names.pop()
    return instruments.tracer.start_span(
        "airlock.run" if system == INLINE else "airlock.publish",
        context=parent_of(intents) if flush is None else trace.set_span_in_context(flush),
        kind=trace.SpanKind.INTERNAL if system == INLINE else trace.SpanKind.CLIENT,
        attributes=attributes,
        links=links_to(intents),
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _current(span: Span) -> Iterator[None]:
    from opentelemetry import context, trace

    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


def system_of(executor: Any) -> str:
    """Name what sends: as its plugin is registered, `inline`, or as the executor is called."""
    while isinstance(executor, airlock.ExecutorWrapper):
        executor = executor.inner
    if executor is sync_executor or executor is async_executor:
        return INLINE
    for name, plugin in manager:
        if plugin is executor or (callable(plugin) and type(plugin) is type(executor)):
            return str(name)
    return name_of(executor)
