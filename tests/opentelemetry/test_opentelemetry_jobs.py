"""What a worker does with what a message has brought."""

from __future__ import annotations

import logging
from contextlib import suppress
from copy import deepcopy

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import airlock
import airlock.testing
import airlock_opentelemetry
from airlock.testing import RecordingExecutor
from airlock_opentelemetry import OpenTelemetryPlugin
from airlock_opentelemetry.propagator import KEY


def job(): ...


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with airlock.testing.plugins():
        airlock.register(OpenTelemetryPlugin(provider))
        yield provider.get_tracer("shop")
    airlock_opentelemetry.configure(use_span_links=False)


@pytest.fixture
def sent(tracer):
    """The `meta` of an intent that a request has enqueued, and the request's span."""
    token = context.attach(baggage.set_baggage("tenant", "acme"))
    with tracer.start_as_current_span("GET /") as span:
        with airlock.scope(executor=RecordingExecutor()):
            intent = airlock.enqueue(job)
    context.detach(token)
    return intent.meta, span.get_span_context()


def test_a_job_has_a_span_that_is_a_child_of_the_requests(sent, exporter):
    """With the baggage; afterwards the worker's own context is back."""
    meta, request = sent
    before = context.get_current()
    with airlock.received(meta):
        assert baggage.get_baggage("tenant") == "acme"
        inside = trace.get_current_span()
    assert context.get_current() is before

    span = exporter.get_finished_spans()[-1]
    assert span.context == inside.get_span_context()
    assert span.name == f"process {__name__}.job"
    assert span.kind is trace.SpanKind.CONSUMER
    assert span.parent.span_id == request.span_id
    assert span.attributes["airlock.intent_id"]
    assert span.status.status_code is trace.StatusCode.UNSET


def test_by_a_setting_it_is_linked_to_it_instead(sent, exporter):
    """The job is a trace of its own, and the baggage travels all the same."""
    meta, request = sent
    airlock_opentelemetry.configure(use_span_links=True)
    with airlock.received(meta):
        assert baggage.get_baggage("tenant") == "acme"

    span = exporter.get_finished_spans()[-1]
    assert span.parent is None
    assert span.context.trace_id != request.trace_id
    assert [link.context.span_id for link in span.links] == [request.span_id]


def test_a_setting_that_cannot_serve_is_refused():
    """At once, and not in every job."""
    with pytest.raises(airlock.ConfigurationError, match="must be True or False"):
        airlock_opentelemetry.configure(use_span_links="yes")


def test_the_error_of_a_job_is_recorded(sent, exporter):
    """Its own, and not one that was being handled when it began."""
    meta, _ = sent
    with suppress(LookupError), airlock.received(deepcopy(meta)):
        raise LookupError("no such order")
    try:
        raise ValueError("an earlier one")
    except ValueError:
        with airlock.received(deepcopy(meta)):
            pass

    failed, succeeded = exporter.get_finished_spans()[-2:]
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.events[0].attributes["exception.message"] == "no such order"
    assert succeeded.status.status_code is trace.StatusCode.UNSET


def test_where_something_else_has_made_the_jobs_span_there_is_no_second(sent, tracer, exporter):
    """An instrumentation of the queue that has begun before."""
    meta, request = sent
    parent = trace.set_span_in_context(trace.NonRecordingSpan(request))
    with tracer.start_as_current_span(
        "run/job", context=parent, kind=trace.SpanKind.CONSUMER
    ) as run:
        with airlock.received(meta):
            assert trace.get_current_span() is run
            assert baggage.get_baggage("tenant") == "acme"

    assert [span.name for span in exporter.get_finished_spans()][-1] == "run/job"


def test_a_job_that_runs_within_another_has_a_span_of_its_own(sent, tracer, exporter):
    """As one of a queue that runs its tasks where they are sent, for tests."""
    meta, _ = sent
    with airlock.received(meta):
        outer = trace.get_current_span()
        with airlock.scope(executor=RecordingExecutor()):
            intent = airlock.enqueue(job)
        with airlock.received(intent.meta):
            assert trace.get_current_span() is not outer

    inner = exporter.get_finished_spans()[-2]
    assert inner.kind is trace.SpanKind.CONSUMER
    assert inner.parent.span_id == outer.get_span_context().span_id


@pytest.mark.parametrize(
    "brought",
    [
        "nonsense",
        {"task": "shop.pay"},
        {"task": 1, "headers": {"traceparent": "00-zz-zz-01", "baggage": ";;=,"}},
        {"task": "shop.pay", "headers": {"traceparent": "x" * 100_000}},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_trace_does_not_hurt_the_job(tracer, brought, caplog):
    """The job runs; what airlock cannot read is in the log."""
    before = context.get_current()
    done = []
    with caplog.at_level(logging.ERROR, "airlock"), airlock.received({KEY: brought}):
        done.append(job)

    assert done
    assert context.get_current() is before
