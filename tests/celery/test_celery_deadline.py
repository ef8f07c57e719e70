"""A broker that hangs costs one bounded wait for each flush, and nothing has left."""

from __future__ import annotations

import time

import pytest

import airlock
import rabbitmq
import servers
from airlock import State

SECONDS = 1.0


@pytest.fixture(scope="module", params=[servers.Redis, rabbitmq.RabbitMQ])
def broker(request):
    """A broker of this module's own, which it may stop."""
    with request.param() as server:
        yield server


@pytest.fixture(autouse=True)
def deadline():
    airlock.configure(broker_timeout=SECONDS)


@pytest.fixture(params=[{}, {"confirm_publish": True}], ids=["", "confirms"])
def add(request, make_app, broker):
    app = make_app(broker.url, broker_transport_options=request.param)

    @app.task(shared=False, name="shop.add", ignore_result=True)
    def add(number): ...

    return add


def flush(add) -> tuple[float, list[State]]:
    """Send a hundred, and return how long it took, and what became of them."""
    began = time.monotonic()
    with pytest.raises(airlock.DispatchError), airlock.scope() as scope:
        for number in range(100):
            airlock.enqueue(add, number)
    return time.monotonic() - began, [intent.state for intent in scope.intents]


@pytest.mark.parametrize("warm", [True, False], ids=["connected", "not connected"])
def test_a_broker_that_hangs(add, broker, warm):
    """With a connection that is open and without one, all hundred cost one wait."""
    if warm:
        with airlock.scope():
            airlock.enqueue(add, 0)
    broker.pause()
    try:
        took, states = flush(add)
    finally:
        broker.resume()

    assert SECONDS / 2 < took < 3 * SECONDS
    assert states == [State.FAILED] + [State.UNDELIVERED] * 99


def test_a_broker_that_refuses(make_app, free_port):
    """Nothing listens there: known at once, or after the retries that Celery is set to."""
    app = make_app(f"amqp://guest:guest@127.0.0.1:{free_port()}//")

    @app.task(shared=False, name="shop.add", ignore_result=True)
    def add(number): ...

    took, states = flush(add)

    assert took < 2 * SECONDS
    assert states == [State.FAILED] + [State.UNDELIVERED] * 99


def test_it_goes_on_afterwards(add, broker):
    """When the broker answers again, what failed can be sent."""
    broker.pause()
    try:
        with pytest.raises(airlock.DispatchError) as caught, airlock.scope() as scope:
            airlock.enqueue(add, 1)
    finally:
        broker.resume()
    caught.value.retry()

    assert [intent.state for intent in scope.intents] == [State.DISPATCHED]
