"""The spans of a process that enqueues: the flush, its batches, and what was kept back."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import airlock
import airlock.testing
from airlock.testing import RecordingExecutor
from airlock_opentelemetry import OpenTelemetryPlugin
from airlock_opentelemetry.propagator import KEY


class Broker(airlock.Executor):
    """A queue that may be down, and that makes a span of its own for a batch."""

    supports_many = True

    def __init__(self, tracer=None, down_after=None):
        self.tracer, self.down_after = tracer, down_after

    def dispatch_many(self, intents):
        for position, intent in enumerate(intents):
            if position == self.down_after:
                raise ConnectionError("amqp://shop:secret@broker")
            if self.tracer and not position:
                self.tracer.start_span("pipeline").end()
            yield intent.id


class AwaitedBroker(Broker):
    """One that must be awaited."""

    native_async = True

    async def dispatch_many(self, intents):
        await asyncio.sleep(0)
        self.tracer.start_span("pipeline").end()
        return [intent.id for intent in intents]


class Quiet(airlock.Policy):
    """It is night."""

    def allows(self, intent):
        return airlock.Deny("it is night")


def effect(number): ...


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter):
    """The tracer of an application that has the plugin, and no other."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with airlock.testing.plugins():
        airlock.register(OpenTelemetryPlugin(provider))
        yield provider.get_tracer("shop")


@pytest.fixture
def span(exporter):
    """A function that returns the one span of a name."""

    def span(name):
        (found,) = [span for span in exporter.get_finished_spans() if span.name == name]
        return found

    return span


def is_child(child, parent):
    return child.parent is not None and child.parent.span_id == parent.context.span_id


def test_a_flush_has_a_span_and_each_batch_one_below_it(tracer, span):
    """With what the libraries below do below that, and a link to where the intents come from."""
    with tracer.start_as_current_span("GET /"):
        with airlock.scope(name="request GET /", executor=Broker(tracer)):
            with tracer.start_as_current_span("view"):
                for number in range(3):
                    airlock.enqueue(effect, number, _dispatch_options={"queue": "high"})

    flush, publish, view = span("airlock.flush"), span("airlock.publish"), span("view")
    assert is_child(flush, span("GET /"))
    assert is_child(publish, flush)
    assert is_child(span("pipeline"), publish)
    assert [link.context.span_id for link in publish.links] == [view.context.span_id]
    assert flush.attributes == {
        "airlock.scope": "request GET /",
        "airlock.outcome": "flushed",
        "airlock.intents.dispatched": 3,
    }
    assert publish.kind is trace.SpanKind.CLIENT
    assert publish.attributes == {
        "messaging.system": "Broker",
        "messaging.operation.type": "send",
        "messaging.destination.name": "high",
        "messaging.batch.message_count": 3,
        "airlock.tasks": (f"{__name__}.effect",),
        "airlock.outcome": "dispatched",
        "airlock.intents.dispatched": 3,
    }
    assert [event.name for event in view.events] == ["airlock.intent_created"] * 3
    assert view.events[0].attributes["airlock.origin"].startswith(__file__)


def test_what_is_enqueued_is_of_the_span_that_is_current_there(tracer):
    """It is the parent of the job, and not the span of the flush."""
    with airlock.scope(executor=Broker()), tracer.start_as_current_span("view") as view:
        intent = airlock.enqueue(effect, 1)

    parent = intent.meta[KEY]["headers"]["traceparent"].split("-")[2]
    assert parent == trace.format_span_id(view.get_span_context().span_id)


def test_after_the_commit_the_flush_is_of_the_request(tracer, span):
    """Also where another thread settles the last hold, and has no span."""
    hold = airlock.Hold()
    with tracer.start_as_current_span("GET /"):
        with airlock.scope(executor=Broker()):
            airlock.enqueue(effect, 1).hold(hold)
    thread = threading.Thread(target=hold.keep)
    thread.start()
    thread.join()

    assert is_child(span("airlock.flush"), span("GET /"))
    assert is_child(span("airlock.publish"), span("airlock.flush"))


def test_a_batch_of_several_requests_is_linked_to_each(tracer, span):
    """No more often than the SDK keeps."""
    with airlock.scope(executor=Broker()):
        for number in range(300):
            with tracer.start_as_current_span(f"request {number}"):
                airlock.enqueue(effect, number)

    links = span("airlock.publish").links
    assert len({link.context.span_id for link in links}) == len(links) == 100


def test_many_intents_leave_an_application_its_own_events(tracer, span):
    """A span keeps 128: airlock takes 100 at most."""
    with tracer.start_as_current_span("GET /") as current:
        current.add_event("mine")
        with airlock.scope(executor=Broker()):
            for number in range(500):
                airlock.enqueue(effect, number)

    assert len(span("GET /").events) == 101


def test_what_was_kept_back_is_told_by_whom_and_why(tracer, span):
    """A flush from which nothing leaves has a span, too."""
    with airlock.scope(executor=Broker(), policy=Quiet()):
        airlock.enqueue(effect, 1)

    flush = span("airlock.flush")
    (denied,) = flush.events
    assert denied.name == "airlock.intent_denied"
    assert denied.attributes["airlock.by"] == "Quiet"
    assert denied.attributes["airlock.reason"] == "it is night"
    assert flush.attributes["airlock.intents.denied"] == 1


def test_a_discarded_scope_is_told(tracer, span):
    """With the class of what was raised."""
    with pytest.raises(ZeroDivisionError), airlock.scope(executor=Broker()):
        airlock.enqueue(effect, 1)
        raise ZeroDivisionError

    flush = span("airlock.flush")
    assert flush.attributes["airlock.outcome"] == "discarded"
    assert flush.events[0].attributes["airlock.reason"] == "ZeroDivisionError was raised"


def test_a_broker_that_is_down_is_an_error_without_its_message(tracer, exporter):
    """A message may hold a password; the retry has a flush and a batch of its own."""
    broker = Broker(down_after=1)
    with pytest.raises(airlock.DispatchError) as caught, airlock.scope(executor=broker):
        for number in range(3):
            airlock.enqueue(effect, number)
    publish, flush = exporter.get_finished_spans()
    for failed in (publish, flush):
        assert failed.status.status_code is trace.StatusCode.ERROR
        assert failed.attributes["error.type"] == "ConnectionError"
        assert failed.attributes["airlock.outcome"] == "failed"
        assert "secret" not in failed.to_json()
    assert flush.attributes["airlock.intents.undelivered"] == 1

    exporter.clear()
    broker.down_after = None
    caught.value.retry()
    publish, flush = exporter.get_finished_spans()
    assert publish.attributes["messaging.batch.message_count"] == 2
    assert is_child(publish, flush)
    assert flush.attributes["airlock.outcome"] == "flushed"


def test_effects_that_run_here_send_no_message(tracer, span):
    """Their batch is no span of messaging."""
    with airlock.scope():
        airlock.enqueue(effect, 1)

    run = span("airlock.run")
    assert run.kind is trace.SpanKind.INTERNAL
    assert "messaging.system" not in run.attributes


def test_in_an_event_loop_it_is_the_same(tracer, span):
    """With an executor that is awaited, and one that blocks in a thread."""

    async def main(executor):
        with tracer.start_as_current_span("GET /"):
            async with airlock.scope(executor=executor):
                airlock.enqueue(effect, 1)
            assert context.get_current() is not None
            assert trace.get_current_span().name == "GET /"

    asyncio.run(main(AwaitedBroker(tracer)))

    assert is_child(span("airlock.flush"), span("GET /"))
    assert is_child(span("airlock.publish"), span("airlock.flush"))
    assert is_child(span("pipeline"), span("airlock.publish"))


def test_a_blocking_executor_in_an_event_loop(tracer, span):
    """Its thread has the trace as well."""

    async def main():
        with tracer.start_as_current_span("GET /"):
            async with airlock.scope(executor=Broker(tracer)):
                airlock.enqueue(effect, 1)

    asyncio.run(main())

    assert is_child(span("airlock.flush"), span("GET /"))
    assert is_child(span("pipeline"), span("airlock.publish"))


def test_what_is_not_sampled_is_not_sampled_in_the_worker(exporter):
    """The decision travels; nothing is exported."""
    provider = TracerProvider(sampler=ALWAYS_OFF)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with airlock.testing.plugins():
        airlock.register(OpenTelemetryPlugin(provider))
        with provider.get_tracer("shop").start_as_current_span("GET /"):
            with airlock.scope(executor=Broker()):
                intent = airlock.enqueue(effect, 1)
    worker = TracerProvider()  # it decides as its parent has
    worker.add_span_processor(SimpleSpanProcessor(exporter))
    with airlock.testing.plugins():
        airlock.register(OpenTelemetryPlugin(worker))
        with airlock.received(intent.meta):
            assert not trace.get_current_span().is_recording()

    assert not exporter.get_finished_spans()


def test_threads_have_flushes_of_their_own(tracer, exporter):
    """Each batch is below the flush of its scope, whoever else flushes through the same executor."""
    broker = Broker()

    def request(number):
        with tracer.start_as_current_span(f"request {number}"):
            for _ in range(20):
                with airlock.scope(executor=broker):
                    airlock.enqueue(effect, number)

    threads = [threading.Thread(target=request, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spans = exporter.get_finished_spans()
    flushes = {s.context.span_id: s for s in spans if s.name == "airlock.flush"}
    batches = [s for s in spans if s.name == "airlock.publish"]
    assert len(flushes) == len(batches) == 80
    assert {s.parent.span_id for s in batches} == flushes.keys()
    assert all(s.context.trace_id == flushes[s.parent.span_id].context.trace_id for s in batches)


class Broken(SpanProcessor):
    """A processor of an application, with a mistake in it."""

    def on_start(self, span, parent_context=None):
        if span.name != "GET /":
            raise LookupError(span.name)

    def on_end(self, span):
        raise LookupError(span.name)


def test_what_fails_for_a_span_keeps_nothing_back(caplog):
    """The effects leave in one batch; the log says what has no span, and why."""
    provider = TracerProvider()
    provider.add_span_processor(Broken())
    broker = RecordingExecutor()
    with airlock.testing.plugins(), caplog.at_level(logging.ERROR, "airlock"):
        airlock.register(OpenTelemetryPlugin(provider))
        with airlock.scope(executor=broker):
            intents = [airlock.enqueue(effect, number) for number in range(3)]

    assert [intent.state for intent in intents] == [airlock.State.DISPATCHED] * 3
    assert any("has no span" in record.message for record in caplog.records)


class Peculiar:
    """The address of a queue, as an object that cannot be compared or hashed."""

    __hash__ = None

    def __eq__(self, other):
        raise TypeError("compared")


def test_the_address_of_a_queue_may_be_any_object(tracer, span):
    """It is named where it is text, and the same for all."""
    with airlock.scope(executor=Broker()):
        for queue in ("high", Peculiar(), "high"):
            airlock.enqueue(effect, 1, _dispatch_options={"queue": queue})

    assert "messaging.destination.name" not in span("airlock.publish").attributes
