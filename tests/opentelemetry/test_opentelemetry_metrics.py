"""The metrics of a process that enqueues, and what the plugin does where nobody listens."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import airlock
import airlock.testing
from airlock_opentelemetry import OpenTelemetryPlugin


class Broker(airlock.Executor):
    """A queue."""

    supports_many = True

    def dispatch_many(self, intents):
        return [intent.id for intent in intents]


def pay(order): ...


def mail(order): ...


class Quiet(airlock.Policy):
    """No mail."""

    def allows(self, intent):
        return intent.task is not mail


@pytest.fixture
def points():
    """A function that returns the data points of each metric."""
    reader = InMemoryMetricReader()
    with airlock.testing.plugins():
        airlock.register(OpenTelemetryPlugin(meter_provider=MeterProvider([reader])))

        def points():
            scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
            return {m.name: m.data.data_points for s in scopes for m in s.metrics}

        yield points


def test_intents_are_counted_by_task_and_outcome(points):
    """And by nothing that grows with the traffic: no ids, no names of scopes."""
    for number in range(5):
        with airlock.scope(name=f"order {number}", executor=Broker(), policy=Quiet()):
            airlock.enqueue(pay, number)
            airlock.enqueue(pay, number)
            airlock.enqueue(mail, number)

    found = {tuple(sorted(p.attributes.items())): p.value for p in points()["airlock.intents"]}
    assert found == {
        (("airlock.outcome", "dispatched"), ("airlock.task", f"{__name__}.pay")): 10,
        (("airlock.outcome", "denied"), ("airlock.task", f"{__name__}.mail")): 5,
    }


def test_flushes_and_batches_are_measured(points):
    """How long they take, how much they hold, and how long it was held."""
    for _ in range(2):
        with airlock.scope(executor=Broker(), policy=Quiet()):
            for number in range(10):
                airlock.enqueue(pay, number)
            airlock.enqueue(mail, 1)

    found = points()
    (batch,) = found["airlock.publish.batch_size"]
    (buffer,) = found["airlock.scope.buffer_size"]
    (duration,) = found["airlock.flush.duration"]
    (waited,) = found["airlock.buffered.duration"]
    assert (batch.count, batch.sum, dict(batch.attributes)) == (
        2, 20, {"messaging.system": "Broker"},
    )  # fmt: skip
    assert (buffer.count, buffer.sum) == (2, 22)
    assert duration.count == waited.count == 2
    assert 0 < duration.sum < 5
    assert 0 < waited.sum < 5


def test_the_oldest_intent_of_a_batch_says_how_long_it_was_held(points):
    """A transaction that is open for long is seen."""
    hold = airlock.Hold()
    with airlock.scope(executor=Broker()):
        airlock.enqueue(pay, 1).hold(hold)
        airlock.enqueue(pay, 2)
    time.sleep(0.2)
    hold.keep()

    (waited,) = points()["airlock.buffered.duration"]
    assert waited.count == 1
    assert waited.sum >= 0.2


def test_without_an_sdk_nothing_is_done():
    """No span, no wrapped executor, nothing in the message; the API alone is not even imported."""
    program = """
import sys
import airlock, airlock.testing
from airlock_opentelemetry import OpenTelemetryPlugin

class Broker(airlock.Executor):
    def __call__(self, intent):
        pass

def effect(): ...

with airlock.testing.plugins():
    airlock.register(OpenTelemetryPlugin())
    for step in "without", "with":
        with airlock.scope(executor=Broker()) as scope:
            intent = airlock.enqueue(effect)
            (planned,) = scope.plan()
        assert not intent.has_meta
        assert "Traced" not in repr(planned), planned
        with airlock.received(intent.meta):
            pass
        assert ("opentelemetry" in sys.modules) == (step == "with")
        import opentelemetry.trace, opentelemetry.metrics
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
