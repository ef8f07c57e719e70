"""Requests whose jobs of Dramatiq or Huey are worked off in this process; prints the spans.

huey_jobs()      # or dramatiq_jobs()
"""

from __future__ import annotations

import json
import logging

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import airlock
import opentelemetry_lines

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop")
logging.disable(logging.CRITICAL)  # the jobs fail on purpose


failures = [LookupError("no such card")]


def pay():
    """Fail once."""
    if failures:
        raise failures.pop()
    with tracer.start_as_current_span("paid"):
        pass


def report():
    """Print the spans, each with the error that is recorded on it."""
    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    for span in spans:
        if span["status"]["status_code"] == "ERROR":
            span["name"] += f" ({span['status']['description']})"
    print(opentelemetry_lines.tree(spans))


def huey_jobs():
    """A task that fails, and is retried."""
    from huey import MemoryHuey

    from airlock_huey import install_scopes

    huey = MemoryHuey("shop", immediate=False)
    install_scopes(huey)

    task = huey.task(retries=1)(pay)
    with tracer.start_as_current_span("POST /orders"), airlock.scope():
        airlock.enqueue(task)
    while len(huey):
        huey.execute(huey.dequeue())
    report()


def dramatiq_jobs():
    """An actor that fails and is retried, and a pipeline."""
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    from airlock_dramatiq import AirlockMiddleware

    broker = StubBroker()
    broker.add_middleware(AirlockMiddleware())
    dramatiq.set_broker(broker)

    actor = dramatiq.actor(max_retries=1, min_backoff=1, max_backoff=1)(pay)

    @dramatiq.actor
    def pack(number):
        with tracer.start_as_current_span(f"pack {number}"):
            pass

    worker = dramatiq.Worker(broker, worker_timeout=100)
    worker.start()
    with tracer.start_as_current_span("POST /orders"), airlock.scope():
        airlock.enqueue(actor)
        steps = [pack.message_with_options(args=(n,), pipe_ignore=True) for n in (1, 2)]
        airlock.enqueue(dramatiq.pipeline(steps))
    broker.join("default", fail_fast=False, timeout=30_000)
    worker.join()
    worker.stop()
    report()
