"""The span of a job, and what is in place while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

from airlock_opentelemetry import celery_tasks, settings

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from airlock_opentelemetry.instruments import Instruments


# The message of the job that has just ended, and its span.
_ended: ContextVar[tuple[Mapping[str, Any], Span] | None] = ContextVar(
    "airlock_opentelemetry_ended", default=None
)


class ReceivedJob:
    """Puts in place what a job's message has brought, and a span around the job.

    Where something else has given the job a span in that trace, there is no second one.

    Args:
        instruments: has the tracer.
        message: what was carried: the headers that the global propagator has written, the name of
            the task, and where it left through an executor that is traced, the executor's name and
            the intent's id.
    """

    def __init__(self, instruments: Instruments, message: Mapping[str, Any]) -> None:
        """Begin; nothing is in place yet."""
        self._instruments, self._message = instruments, message
        self._span: Span | None = None
        self._token: Token[Context] | None = None
        self._before: BaseException | None = None

    def __enter__(self) -> None:
        """Put it in place."""
        task = celery_tasks.current_task()
        if task is not None and celery_tasks.is_instrumented():
            # Its span is in the same trace already, or will be: it and airlock are told by one
            # signal, in the order in which they were installed. Whatever is put in place here would
            # be taken away in that order, too, and a worker would keep what is left.
            return
        from opentelemetry import context, trace
        from opentelemetry.propagate import extract

        current = trace.get_current_span()
        extracted = extract(self._message["headers"], context=context.get_current())
        remote = trace.get_current_span(extracted)
        ended = _ended.get()
        if ended is not None and ended[0] is self._message:
            # What comes after a job, such as a callback of RQ's: it is the job's, and no second.
            extracted = trace.set_span_in_context(ended[1], extracted)
        elif _continues(current, remote):
            extracted = trace.set_span_in_context(current, extracted)
        elif self._instruments.tracing:
            self._span = self._started(extracted, remote)
            extracted = trace.set_span_in_context(self._span, extracted)
            if task is not None:
                celery_tasks.watch(task, self._span)
        self._token = context.attach(extracted)
        self._before = sys.exception()

    def _started(self, extracted: Context, remote: Span) -> Span:
        from opentelemetry import trace

        links = []
        if settings.current.use_span_links:
            links = [trace.Link(remote.get_span_context())]
            extracted = trace.set_span_in_context(trace.INVALID_SPAN, extracted)
        name, attributes = _described(self._message)
        return self._instruments.tracer.start_span(
            f"process {name}",
            context=extracted,
            kind=trace.SpanKind.CONSUMER,
            attributes=attributes,
            links=links,
        )

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take it away, and end the span."""
        if self._token is None:
            return
        from opentelemetry import context
        from opentelemetry.trace import Status, StatusCode

        context.detach(self._token)
        if self._span is None:
            return
        error = sys.exception()  # what the job has raised: airlock tells a propagator nothing of it
        if isinstance(error, Exception) and error is not self._before:
            self._span.record_exception(error)
            self._span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
        self._span.end()
        _ended.set((self._message, self._span))


def _continues(current: Span, remote: Span) -> bool:
    """Whether the current span is that of a consumer, in the trace that was brought."""
    from opentelemetry.trace import SpanKind

    here, brought = current.get_span_context(), remote.get_span_context()
    return (
        here.is_valid
        and here.trace_id == brought.trace_id
        and here.span_id != brought.span_id
        and getattr(current, "kind", None) is SpanKind.CONSUMER
    )


def _described(message: Mapping[str, Any]) -> tuple[str, dict[str, AttributeValue]]:
    """Return the name of the task that runs, and what is known of its message."""
    attributes: dict[str, AttributeValue] = {"messaging.operation.type": "process"}
    for attribute, key in (("messaging.system", "system"), ("airlock.intent_id", "id")):
        if key in message:
            attributes[attribute] = message[key]
    name = message["task"]
    running = celery_tasks.current_task()
    if running is not None:  # maybe another than was enqueued: one of a canvas
        name = running.name
        attributes |= celery_tasks.attributes_of(running.request)
    return name, {**attributes, "airlock.task": name}
